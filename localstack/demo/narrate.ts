import type { PointRow } from '@holdfast/engine';

/** Longest time for which nothing is printed while somebody watches. */
const silenceMs = 8_000;

const started = performance.now();
let lastSaid = started;

export function secondsSoFar(): number {
  return Math.round((performance.now() - started) / 1000);
}

export function say(line: string): void {
  lastSaid = performance.now();
  console.log(`${String(secondsSoFar()).padStart(4)} s  ${line}`);
}

/** Begins a step, with a sentence of what it proves. */
export function begin(title: string, proves: string): void {
  console.log('');
  say(title);
  console.log(`        Proves: ${proves}`);
}

/** Prints lines as they are, under the last thing that was said. */
export function show(text: string): void {
  lastSaid = performance.now();
  for (const line of text.trimEnd().split('\n')) console.log(`        ${line}`.trimEnd());
}

/** Says what goes on whenever nothing else was said for a while, until it is disposed of. */
export function breakSilence(whatGoesOn: () => Promise<string>): Disposable {
  const timer = setInterval(() => {
    if (performance.now() - lastSaid < silenceMs) return;
    lastSaid = performance.now();
    whatGoesOn().then(
      (text) => say(`  … ${text}`),
      () => say('  … still at it'),
    );
  }, 500);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function short(pointId: string | undefined): string {
  return pointId?.slice(-6) ?? '–';
}

/** Prints the catalog as a table, the oldest point first. */
export function printPoints(points: readonly PointRow[]): void {
  const head = [
    'resource',
    'point',
    'type',
    'base',
    'logical',
    'read',
    'new',
    'stored',
    'files',
    'changed',
    'removed',
    's',
    'warnings',
  ];
  const rows = points.map(({ resourceArn, pointId, type, basePointId, counts, seconds, warnings }) => [
    resourceArn.slice(resourceArn.lastIndexOf(':') + 1),
    short(pointId),
    type,
    short(basePointId),
    bytesText(counts.logicalBytes),
    bytesText(counts.readBytes),
    bytesText(counts.newBytes),
    bytesText(counts.storedBytes),
    String(counts.files),
    String(counts.filesChanged),
    String(counts.filesRemoved),
    seconds.toFixed(0),
    String(warnings),
  ]);
  show(table([head, ...rows]));
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
