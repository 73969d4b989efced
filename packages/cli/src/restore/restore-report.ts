import type { RestoreOutcome, UnkeptCount } from '@holdfast/engine';
import {
  ErrorRecord,
  findErrorKind,
  RestoreReport,
  ShardOutcome,
  type UnkeptFact,
} from '@holdfast/engine/model';
import * as z from 'zod';
import { parseOutput } from '../deployment/executions.ts';
import { type DegradedFields, degradedShape } from '../names/degraded-point.ts';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { ExtraFields } from './extra.ts';
import { type ExitCode, exitCodes, saysDamage } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import { right } from '../terminal/table.ts';
import { bytesText, countText, numberText } from '../terminal/text.ts';

/** The restore machine's report, as far as it can be read; further fields are kept for programs. */
export const ReportFields = RestoreReport.partial().loose();
const KnownReport = z.object({ report: ReportFields });

/** The report in an execution's output; `undefined` where there is none, or none that can be read. */
export function findReport(output: string | undefined): Partial<RestoreReport> | undefined {
  return parseOutput(output, KnownReport)?.report;
}

/** Exit code of a restore with that report: files that were left out are no success. */
export function exitCodeOfReport({ failed = 0, failedFiles = [] }: Partial<RestoreReport>): ExitCode {
  if (failedFiles.some(({ name }) => saysDamage(findErrorKind(name)))) return exitCodes.damaged;
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

const waysText = {
  snapshot: 'its snapshot',
  vault: 'the vault',
  delta: 'the vault, as the difference to a snapshot',
} as const;

export async function printReport(
  report: Partial<RestoreReport>,
  execution: string,
  out: Output,
): Promise<void> {
  const { failedFiles = [], failed = 0, carried = 0, unkept = [], details, volumes, machine } = report;
  for (const { path, message } of failedFiles) await out.line(`not restored: ${path}: ${message}`);
  if (report.target !== undefined) await out.line(`target    ${report.target}`);
  if (report.instance !== undefined) {
    const { instanceId, type, state, availabilityZone, privateIpAddress = '-' } = report.instance;
    await out.line(`instance  ${instanceId} ${type}, ${state}, in ${availabilityZone}, ${privateIpAddress}`);
  }
  if (report.ami?.isKept === true) await out.line(`AMI       ${report.ami.imageId} ${report.ami.name}`);
  const ofAmi = report.ami?.snapshots ?? [];
  if (ofAmi.length > 0)
    await out.line(`snapshots ${ofAmi.join(' ')}, which stay and cost until you delete them with the AMI`);
  const left = report.snapshotsLeft ?? [];
  if (left.length > 0)
    await out.line(`left      ${left.join(' ')}, which could not be removed and cost until you delete them`);
  for (const difference of report.differences ?? []) await out.line(`not as was  ${difference}`);
  if (volumes === undefined && report.ami === undefined) {
    const { files = 0, written = 0, bytes = 0, same = 0, kept = 0 } = report;
    await out.line(
      `files     ${files}: ${written} written (${bytesText(bytes)}), ${same} the same already, ${kept} different and left, ${failed} failed`,
    );
    await printKept(kept, report.keptFiles ?? [], out);
  } else if (volumes !== undefined) {
    await out.table(
      ['VOLUME', 'COPY OF', 'DEVICE', right('SIZE'), 'MADE OF'],
      volumes.map(({ volumeId, sourceVolumeId, device, sizeGiB, from }) => [
        volumeId,
        sourceVolumeId,
        device,
        `${sizeGiB} GiB`,
        waysText[from],
      ]),
    );
    for (const { volumeId, tagsLeftOff } of volumes) {
      if (tagsLeftOff.length > 0)
        await out.line(`no room   ${volumeId} lacks ${tagsLeftOff.join(', ')}: EC2 takes 50 tags`);
    }
  }
  const { throttledCalls = 0 } = report;
  if (throttledCalls > 0) await out.line(throttledText(throttledCalls));
  if (carried > 0)
    await out.line(`older     ${countText(carried, 'file')} with the content of an earlier point`);
  if (report.degraded !== undefined) await out.line(`degraded  ${report.degraded.meaning}`);
  for (const notice of report.notices ?? []) await out.line(`doubtful  ${notice}`);
  for (const lacking of unkept) await out.line(unkeptText(lacking));
  if (failed > failedFiles.length && details !== undefined) {
    await out.line(
      `not shown ${countText(failed - failedFiles.length, 'file')} more, not restored; "holdfast failures ${execution}" names all`,
    );
  }
  if (machine !== undefined) await out.line(`machine   s3://${machine.bucket}/${machine.key}`);
}

export function throttledText(calls: number): string {
  return `throttled ${countText(calls, 'call')}, which EBS refused at first`;
}

export const RestoredHere = documentAnswer(
  'into a directory',
  z.strictObject({
    pointId: z.string(),
    directory: z.string(),
    execution: z.string().optional(),
    ...degradedShape,
    ...ShardOutcome.shape,
    /** Only with --delete-extra, where everything is back. */
    extra: ExtraFields.optional(),
    /** Only of extract: damaged pages of the manifest, whose files nobody can name. */
    lostPages: z.array(ErrorRecord.strict().extend({ entries: WholeNumber })).optional(),
  }),
);
export async function printOutcome(
  outcome: RestoreOutcome,
  where: {
    readonly pointId: string;
    readonly directory: string;
    /** The execution that the audit log names. */
    readonly execution?: string;
  } & DegradedFields,
  out: Output,
): Promise<void> {
  const { bytes, written, kept, keptFiles, same, failed, carried, unkept } = outcome;
  const { pointId, directory } = where;
  if (out.json) return out.answer(RestoredHere, { ...where, ...outcome });
  for (const { path, message } of failed) await out.line(`not restored: ${path}: ${message}`);
  for (const { path, from } of carried) await out.line(`older content: ${path}: as in point ${from}`);
  for (const count of unkept) await out.line(unkeptText(count));
  await out.line(
    `restored ${countText(written + same, 'file')} of point ${pointId} to ${directory}: ` +
      `${written} written (${bytesText(bytes)}), ${same} the same already, ${kept} different and left, ${failed.length} failed`,
  );
  await printKept(kept, keptFiles, out);
}

export function exitCodeOfOutcome({ failed }: Pick<RestoreOutcome, 'failed'>): ExitCode {
  return exitCodeOfReport({ failed: failed.length, failedFiles: [...failed] });
}

const keptShown = 20;

/** Names entries that a restore left although they differ, and says what to do about them. */
async function printKept(kept: number, keptFiles: readonly string[], out: Output): Promise<void> {
  if (kept === 0) return;
  for (const path of keptFiles.slice(0, keptShown)) await out.line(`left as it was: ${path}`);
  if (kept > Math.min(keptShown, keptFiles.length))
    await out.line(`… and ${numberText(kept - Math.min(keptShown, keptFiles.length))} more`);
  const one = kept === 1;
  await out.line(
    `${numberText(kept)} ${one ? 'entry' : 'entries'} of the target ${one ? 'differs' : 'differ'} from the point, or ` +
      `cannot be told to be the same, and ${one ? 'was' : 'were'} left: to replace ${one ? 'it' : 'them'}, repeat the restore ` +
      'with --overwrite if-different',
  );
}

const noPlace = 'the target has no place for it, or this user no right';

/** The fact, of so many files, and the reason. */
const factTexts: Readonly<Record<UnkeptFact, readonly [what: string, why: string]>> = {
  mode: ['permissions', noPlace],
  'set-id': ['the set-user-id or set-group-id bit', noPlace],
  owner: ['the owner', noPlace],
  time: ['the exact time of modification', noPlace],
  headers: ['content headers', noPlace],
  metadata: ['user metadata', noPlace],
  tags: ['tags', noPlace],
  'storage-class': ['the storage class', noPlace],
  xattrs: ['extended attributes', noPlace],
  'hard-links': ['the other names', 'each name of a file became a file of its own'],
  'special-files': ['all', 'a socket, pipe or device is not made'],
};

function unkeptText({ fact, entries, example }: UnkeptCount): string {
  const [what, why] = factTexts[fact];
  return `not kept: ${what} of ${countText(entries, 'file')}, ${example} for one: ${why}`;
}
