import { InvalidInputError, listEntries, type PointReader, type PointRow, unreadOf } from '@holdfast/engine';
import type { OverwriteRule, RestoreDestination } from '@holdfast/engine/model';
import { type ExtraEntry, findExtraEntries, removeExtraEntries, type RemovedExtra } from '@holdfast/node';
import type { Connection } from '../deployment/connection.ts';
import { isImage } from '../names/open-point.ts';
import type { CommandContext } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import type { Output } from '../terminal/output.ts';
import { bytesText, numberText, pathText } from '../terminal/text.ts';

const shown = 20;

/**
 * Checks that what a point does not have may be deleted from a destination.
 * @throws {@link UsageError} it is no directory here, or what differs would be left there.
 * @throws {@link InvalidInputError} the point does not say what there was.
 */
export function checkDeleteExtra(
  point: PointRow,
  { directory }: RestoreDestination,
  { overwrite, toFile }: { readonly overwrite: OverwriteRule; readonly toFile?: string | undefined },
): void {
  if (directory === undefined || toFile !== undefined)
    throw new UsageError(
      '--delete-extra goes with --to-directory only: restores delete nothing from buckets, and volumes and machines are new',
    );
  if (overwrite === 'never')
    throw new UsageError(
      '--delete-extra goes with --overwrite if-different: the place would not be as the point otherwise',
    );
  if (isImage(point))
    throw new InvalidInputError(`point ${point.pointId} is an image: --delete-extra is for points of files`);
  const { missing } = unreadOf(point);
  if (missing > 0)
    throw new InvalidInputError(
      `point ${point.pointId} lacks ${missing === 1 ? '1 entry' : `${numberText(missing)} entries`} that could not be read, which --delete-extra would delete from the directory; ` +
        'leave it out, or take a clean point',
    );
}

/** Finds what the directory has and the point has not, within the paths that are restored. */
export async function findExtra(
  reader: PointReader,
  directory: string,
  paths: readonly string[] | undefined,
  { services, localVault }: Connection,
  signal: AbortSignal,
): Promise<readonly ExtraEntry[]> {
  return findExtraEntries({
    root: directory,
    below: paths?.filter((path) => path.endsWith('/')),
    async *listPoint(below) {
      for await (const entry of listEntries(reader, below, true, signal))
        if ('file' in entry) yield entry.file.entry.path;
    },
    precious: localVault === undefined ? [] : [localVault.root, localVault.keyFile],
    random: services.random,
    signal,
  });
}

/** Shows what would go: people decide by it. */
export async function printExtra(
  extra: readonly ExtraEntry[],
  directory: string,
  print: (line: string) => Promise<void> | void,
): Promise<void> {
  const what = extra.length === 1 ? '1 entry' : `${numberText(extra.length)} entries`;
  const bytes = extra.reduce((sum, one) => sum + one.bytes, 0);
  if (extra.length === 0) return print(`extra: nothing in ${directory} that the point does not have`);
  await print(`extra: ${what} in ${directory} that the point does not have, ${bytesText(bytes)}:`);
  for (const { path } of extra.slice(0, shown)) await print(`  ${pathText(Buffer.from(path, 'latin1'))}`);
  if (extra.length > shown) await print(`  … and ${numberText(extra.length - shown)} more`);
}

/** Deletes what was shown, once everything is restored. */
export async function deleteExtra(
  extra: readonly ExtraEntry[],
  directory: string,
  out: Output,
): Promise<RemovedExtra> {
  const removed = removeExtraEntries({ root: directory }, extra);
  if (out.json) return removed;
  for (const { path, reason } of removed.left.slice(0, shown))
    await out.line(`not deleted: ${path}: ${reason}`);
  await out.line(
    `deleted ${numberText(removed.removed)} of ${numberText(extra.length)} extra, ${bytesText(removed.bytes)}`,
  );
  return removed;
}

/**
 * Shows what would be deleted, and asks.
 * @returns false where somebody says no.
 */
export async function confirmExtra(
  extra: readonly ExtraEntry[],
  directory: string,
  isConfirmed: boolean,
  { out, warn, confirm }: Pick<CommandContext, 'out' | 'warn' | 'confirm'>,
): Promise<boolean> {
  await printExtra(extra, directory, out.json ? warn : async (line) => out.line(line));
  if (extra.length === 0 || isConfirmed) return true;
  return confirm(`delete ${extra.length === 1 ? 'it' : 'them'} when everything is restored?`);
}
