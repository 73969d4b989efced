import type { PointRow } from '@holdfast/engine';

const started = performance.now();

export function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  console.log(`${seconds} s  ${line}`);
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
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  for (const row of [head, ...rows])
    console.log(`        ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`);
}
