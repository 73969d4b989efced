import { InvalidInputError, type PointRow, type RestoreOutcome, unreadOf } from '@holdfast/engine';
import type { OverwriteRule, RestoreDestination, RestoreReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { isImage } from '../names/open-point.ts';
import { WholeNumber, lineAnswer, pathShape } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, countText, numberText, pathFields } from '../terminal/text.ts';
import { type Extra, namesShown, type ExtraOutcome } from './extra.ts';
import { exitCodeOfReport } from './restore-report.ts';

/** True of a place that may have something that a point has not. */
export function canHaveExtra({ directory, bucket, original }: RestoreDestination): boolean {
  return directory !== undefined || bucket !== undefined || original === true;
}

/** @throws {@link UsageError} what differs would be left there. */
export function checkReplaces(overwrite: OverwriteRule): void {
  if (overwrite === 'never')
    throw new UsageError(
      '--delete-extra goes with --overwrite if-different: the place would not be as the point otherwise',
    );
}

/**
 * Checks that what a point does not have may be deleted from a destination.
 * @throws {@link UsageError} nothing can be there, or what differs would be left there.
 * @throws {@link InvalidInputError} the point does not say what there was.
 */
export function checkDeleteExtra(
  point: PointRow,
  destination: RestoreDestination,
  { overwrite, toFile }: { readonly overwrite: OverwriteRule; readonly toFile?: string | undefined },
): void {
  if (!canHaveExtra(destination) || toFile !== undefined)
    throw new UsageError(
      '--delete-extra goes with --to-directory, --to-bucket and --to-original: volumes and machines are new',
    );
  checkReplaces(overwrite);
  if (isImage(point))
    throw new InvalidInputError(`point ${point.pointId} is an image: --delete-extra is for points of files`);
  const { missing } = unreadOf(point);
  if (missing > 0)
    throw new InvalidInputError(
      `point ${point.pointId} lacks ${missing === 1 ? '1 entry' : `${numberText(missing)} entries`} that could not be read, which --delete-extra would delete from the place; ` +
        'leave it out, or take a clean point',
    );
}

/** True when a restore left the place with all that the point has, as the point has it. */
export function isAllBack(report: Partial<RestoreReport>): boolean {
  const { state, files, kept = 0 } = report;
  const isOver = state === 'completed' || state === 'completed-with-warnings';
  return isOver && files !== undefined && kept === 0 && exitCodeOfReport(report) === exitCodes.ok;
}

/** The same of a restore by this process. */
export function isAllHere({ failed, kept }: Pick<RestoreOutcome, 'failed' | 'kept'>): boolean {
  return failed.length === 0 && kept === 0;
}

/** Said where something is not as the point has it. */
export const notWholeText =
  'not everything is as the point has it, so nothing was deleted; repeat it when that is mended';

function extraText({ count, unit }: Pick<Extra, 'count' | 'unit'>): string {
  if (unit === 'object') return countText(count, unit);
  return count === 1 ? '1 entry' : `${numberText(count)} entries`;
}

/** Shows what would go: people decide by it. */
export async function printExtra(
  { count, bytes, first, place, unit }: Extra,
  print: (line: string) => Promise<void> | void,
): Promise<void> {
  if (count === 0) return print(`extra: nothing in ${place} that the point does not have`);
  await print(
    `extra: ${extraText({ count, unit })} in ${place} that the point does not have, ${bytesText(bytes)}:`,
  );
  for (const path of first) await print(`  ${path}`);
  if (count > first.length) await print(`  … and ${numberText(count - first.length)} more`);
  if (unit === 'object') await print('each would get a delete marker, and stay as an earlier version');
}

export const ListedExtra = lineAnswer(
  'with --dry-run and --delete-extra: one for each that would be deleted, after what would be written',
  z.strictObject({ ...pathShape, kind: z.literal('extra'), bytes: WholeNumber, in: z.string() }),
);

/** Prints all of it, each on a line, for programs. */
export async function recordExtra(extra: Extra, out: Output): Promise<void> {
  for await (const { path, bytes } of extra.list())
    await out.answer(ListedExtra, { ...pathFields(path), kind: 'extra', bytes, in: extra.place });
}

/**
 * Shows what would be deleted, and asks.
 * @returns false where somebody says no.
 */
export async function confirmExtra(
  extra: Extra,
  isConfirmed: boolean,
  { out, warn, confirm }: Pick<CommandContext, 'out' | 'warn' | 'confirm'>,
): Promise<boolean> {
  await printExtra(extra, out.json ? warn : async (line) => out.line(line));
  if (extra.count === 0 || isConfirmed) return true;
  return confirm(`delete ${extra.count === 1 ? 'it' : 'them'} when everything is restored?`);
}

const namesInLine = 3;

/** The same in a line, beside others. */
export function shortExtraText(extra: Extra): string {
  const { count, bytes, first, place } = extra;
  if (count === 0) return `nothing in ${place} that the point does not have`;
  const names = first.slice(0, namesInLine);
  const more = count > names.length ? `, … and ${numberText(count - names.length)} more` : '';
  return `${extraText(extra)} in ${place} that the point does not have, ${bytesText(bytes)}: ${names.join(', ')}${more}`;
}

export async function removeExtra(
  extra: Extra,
  progress: Pick<CommandContext['progress'], 'report'>,
): Promise<ExtraOutcome> {
  return extra.remove((files) =>
    progress.report({ step: 'remove', files, filesTotal: extra.count, unit: 'object', bytes: 0 }),
  );
}

/** Deletes what was shown, once everything is restored, and says what stays. */
export async function deleteShown(
  extra: Extra,
  { out, progress }: Pick<CommandContext, 'out' | 'progress'>,
): Promise<ExtraOutcome> {
  const removed = await removeExtra(extra, progress);
  if (out.json) return removed;
  const named = removed.left.slice(0, namesShown);
  for (const { path, reason } of named) await out.line(`not deleted: ${path}: ${reason}`);
  if (removed.leftCount > named.length)
    await out.line(`not deleted: … and ${numberText(removed.leftCount - named.length)} more`);
  await out.line(
    `deleted ${numberText(removed.removed)} of ${numberText(extra.count)} extra, ${bytesText(removed.bytes)}`,
  );
  return removed;
}

export function exitCodeOfRemoved({ leftCount }: ExtraOutcome): ExitCode {
  return leftCount > 0 ? exitCodes.failed : exitCodes.ok;
}
