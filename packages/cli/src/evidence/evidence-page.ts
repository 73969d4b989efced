import { holdScopeText } from '@holdfast/engine';
import { bytesText, countText, safeText, timeText } from '../terminal/text.ts';
import { type Evidence, findingsOf } from './evidence.ts';

const pointsShown = 500;

/** One page for people, without anything that a browser would load or run. */
export function evidencePage(evidence: Evidence): string {
  const { of, objects, audit } = evidence;
  const findings = findingsOf(evidence);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${text(`Evidence of ${of}`)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { border: 1px solid #ccc; padding: 2px 8px; text-align: left; vertical-align: top; }
pre { background: #f6f6f6; padding: 1em; overflow: auto; }
</style>
<h1>${text(`Evidence of ${of}`)}</h1>
<p>${text(
    `Vault ${evidence.vault} in ${evidence.region}. Collected ${timeText(evidence.collectedAt)} by ${evidence.collectedBy}.`,
  )}
Every date of a lock below is S3's own answer for that version of an object; objects.jsonl has each of them, evidence.json all of this
page and more.</p>
<h2>To look at</h2>
${findings.length === 0 ? '<p>Nothing.</p>' : `<ul>${findings.map((one) => `<li>${text(one)}`).join('\n')}</ul>`}
<h2>Objects</h2>
<p>${text(
    `${countText(objects.count, 'object')}, ${bytesText(objects.bytes)}; locked: ` +
      Object.entries(objects.byMode)
        .map(([mode, count]) => `${count} ${mode}`)
        .join(', ') +
      `; the first lock ends ${objects.firstUnlockedAt === undefined ? '-' : timeText(objects.firstUnlockedAt)}`,
  )}</p>
${table(
  ['Object', 'Problem'],
  objects.problems.map(({ name, problem }) => [name, problem]),
)}
<h2>Resources</h2>
${table(
  ['Resource', 'Plan', 'Standing', 'Last point', 'Last clean point'],
  evidence.resources.map(({ resource, standing, newest, clean }) => [
    resource.arn,
    resource.plan,
    standing,
    newest === undefined ? '-' : timeText(newest.sourceTime),
    clean === undefined ? '-' : timeText(clean.sourceTime),
  ]),
)}
<h2>Recovery points</h2>
<p>${text(countText(evidence.points.length, 'point'))}${evidence.points.length > pointsShown ? `, the newest ${pointsShown} here` : ''}</p>
${table(
  ['Point', 'Resource', 'Type', 'Taken', 'Kept until', 'Holds', 'Content'],
  evidence.points
    .slice(0, pointsShown)
    .map(({ pointId, resourceArn, type, sourceTime, expiresAt, holds = [], counts }) => [
      pointId,
      resourceArn,
      type,
      timeText(sourceTime),
      timeText(expiresAt),
      String(holds.length),
      `${countText(counts.files, 'file')}, ${bytesText(counts.logicalBytes)}`,
    ]),
)}
<h2>Verification</h2>
${table(
  ['Point', 'Resource', 'Result'],
  (evidence.verified ?? []).map(({ pointId, resourceArn, result, reason }) => [
    pointId,
    resourceArn,
    reason === undefined ? result : `${result}: ${reason}`,
  ]),
)}
<h2>Audit log</h2>
<p>${text(
    `${countText(audit.entries, 'event')} in ${countText(audit.chains, 'chain')}, ${countText(audit.checkpoints, 'checkpoint')}: ` +
      (audit.problems.length === 0 ? 'unbroken' : `${audit.problems.length} problems`) +
      (audit.newest === undefined ? '' : `; newest checkpoint ${audit.newest.date} ${audit.newest.sha256}`),
  )}</p>
${table(
  ['Problem', 'Object', 'Meaning'],
  audit.problems.map(({ problem, name, message }) => [problem, name, message]),
)}
<h2>Legal holds</h2>
${table(
  ['Hold', 'Keeps', 'Set', 'By', 'Released', 'Reason'],
  evidence.holds.map(({ holdId, scope, setAt, setBy, releasedAt, reason }) => [
    holdId,
    holdScopeText(scope),
    timeText(setAt),
    setBy,
    releasedAt === undefined ? '-' : timeText(releasedAt),
    reason,
  ]),
)}
<h2>Restores</h2>
${table(
  ['Restore', 'Point', 'Target', 'Started', 'State', 'Files'],
  evidence.restores.map(({ restoreId, pointId, target, startedAt, state, files }) => [
    restoreId,
    pointId,
    target,
    timeText(startedAt),
    state,
    files === undefined ? '-' : String(files),
  ]),
)}
<h2>Protection in AWS</h2>
${evidence.protection
  .map(
    ({ what, value, problem }) =>
      `<h3>${text(what)}</h3>\n<pre>${text(problem ?? JSON.stringify(value, null, 2))}</pre>`,
  )
  .join('\n')}
</html>
`;
}

function line(cells: readonly string[], tag: 'td' | 'th'): string {
  return `<tr>${cells.map((cell) => `<${tag}>${text(cell)}`).join('')}`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>None.</p>';
  return `<table>\n${[line(columns, 'th'), ...rows.map((row) => line(row, 'td'))].join('\n')}\n</table>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text that anybody may have chosen, as text. Line breaks stay. */
function text(value: string): string {
  return value
    .split('\n')
    .map(safeText)
    .join('\n')
    .replaceAll(/[&<>"]/g, (char) => entities[char] ?? '');
}
