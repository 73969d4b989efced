import type { PointRow } from '@holdfast/engine';
import * as z from 'zod';
import { EntryKind } from '../names/entry-kind.ts';
import { WholeNumber, lineAnswer, pathShape, Time } from '../terminal/answer.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, pathFields, pathText, shortPointId, timeText } from '../terminal/text.ts';

/** A state of a file, of whatever resource. */
interface FoundLine {
  readonly kind: EntryKind;
  readonly bytes: number;
  readonly modifiedAt: Date;
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

export const Found = lineAnswer(
  'one for each version of a file that is found',
  z.strictObject({
    ...pathShape,
    /** The newest point has the path, or not, or nobody can tell. */
    newest: z.enum(['there', 'gone', 'unread', 'unclear']),
    kind: EntryKind,
    bytes: WholeNumber,
    modifiedAt: Time,
    linkTarget: z.string().optional(),
    /** Ids of the points that have it, the newest first. */
    pointIds: z.array(z.string()),
  }),
);

/** Prints a path, and below it those of its versions that are wanted. */
export async function printFound(
  { path, newest, versions }: FoundFile,
  rows: readonly PointRow[],
  out: Output,
): Promise<void> {
  if (!out.json) await out.line(`${pathText(path)}${newestTexts[newest]}`);
  for (const { points, ...facts } of versions) {
    const ids = points.flatMap((point) => rows[point]?.pointId ?? []);
    if (out.json) await out.answer(Found, { ...pathFields(path), newest, ...facts, pointIds: ids });
    else await out.line(versionText(facts, ids));
  }
}

function versionText(
  { kind, bytes, modifiedAt, linkTarget }: Omit<FoundLine, 'points'>,
  ids: readonly string[],
): string {
  const isFile = kind === 'object' || kind === 'file';
  const many = ids.length === 1 ? 'in' : `in ${countText(ids.length, 'point')}, last`;
  const link = linkTarget === undefined ? '' : `  -> ${linkTarget}`;
  const size = (isFile ? bytesText(bytes) : '-').padStart(10);
  return `${size}  ${timeText(modifiedAt)}  ${many} ${shortPointId(ids[0] ?? '')}${link}`;
}
