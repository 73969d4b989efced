import type { PointRow } from '@holdfast/engine';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, pathFields, pathText, shortPointId, timeText } from '../terminal/text.ts';

/** A state of a file, of whatever resource. */
interface FoundLine {
  readonly kind: string;
  readonly size: number;
  readonly modified: Date;
  readonly linkTarget?: string | undefined;
  /** Places among the points that were searched. */
  readonly points: readonly number[];
}

export interface FoundFile {
  readonly path: Uint8Array;
  readonly newest: keyof typeof newestTexts;
  readonly versions: readonly FoundLine[];
}

const newestTexts = {
  there: '',
  gone: '  (not in the newest point)',
  unread: '  (the newest point could not read it)',
  unclear: '  (the newest point may not have read it)',
} as const;

/** Prints a path, and below it those of its versions that are wanted. */
export async function printFound(
  { path, newest, versions }: FoundFile,
  rows: readonly PointRow[],
  out: Output,
): Promise<void> {
  if (!out.json) await out.line(`${pathText(path)}${newestTexts[newest]}`);
  for (const { points, ...facts } of versions) {
    const ids = points.flatMap((point) => rows[point]?.pointId ?? []);
    if (out.json) await out.record({ ...pathFields(path), newest, ...facts, points: ids });
    else await out.line(versionText(facts, ids));
  }
}

function versionText(
  { kind, size, modified, linkTarget }: Omit<FoundLine, 'points'>,
  ids: readonly string[],
): string {
  const isFile = kind === 'object' || kind === 'file';
  const many = ids.length === 1 ? 'in' : `in ${countText(ids.length, 'point')}, last`;
  const link = linkTarget === undefined ? '' : `  -> ${linkTarget}`;
  const bytes = (isFile ? bytesText(size) : '-').padStart(10);
  return `${bytes}  ${timeText(modified)}  ${many} ${shortPointId(ids[0] ?? '')}${link}`;
}
