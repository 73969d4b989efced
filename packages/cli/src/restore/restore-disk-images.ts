import {
  BackupError,
  checkHasBlocks,
  getVolume,
  listVolumes,
  measureVolume,
  type PointReader,
  type PointVolume,
  RestorePathError,
} from '@holdfast/engine';
import { ErrorRecord, type OverwriteRule } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber } from '../terminal/answer.ts';
import { type DiskImageOutcome, type ImageFormat, imageFormats, restoreDiskImage } from '@holdfast/node';
import { Option } from '@commander-js/extra-typings';
import type { CommandContext } from '../terminal/command.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { choiceOption } from '../terminal/options.ts';
import { bytesText, countText } from '../terminal/text.ts';

export const volumeOption = new Option(
  '--volume <id|device>',
  'of an image: this volume alone, such as vol-0a1 or /dev/xvda',
);
export const formatOption = choiceOption(
  '--format <format>',
  'of a disk image: raw, or what qemu-img makes of it',
  { choices: imageFormats, noun: 'a format' },
).default('raw' as const);

/** Fields of a {@link DiskImageOutcome}. */
export const diskImageShape = {
  volume: z.string(),
  path: z.string(),
  bytes: WholeNumber,
  outcome: z.enum(['written', 'same', 'kept']),
  writtenBlocks: WholeNumber,
  writtenBytes: WholeNumber,
  sameBlocks: WholeNumber,
  sameBytes: WholeNumber,
  damaged: z.array(ErrorRecord.strict().extend({ offset: WholeNumber, bytes: WholeNumber })),
  damagedBytes: WholeNumber,
};

export interface DiskImageWishes {
  readonly format: ImageFormat;
  readonly overwrite: OverwriteRule;
  /** Goes on at damage: zeros stand for what cannot be read, and it is named. */
  readonly zeroDamaged: boolean;
}

/** The one volume that is named, or is alone. @throws {@link UnknownNameError} there is no such volume. */
export async function chooseVolume(
  reader: PointReader,
  name: string | undefined,
  { signal }: CommandContext,
): Promise<PointVolume> {
  return getVolume(reader, name, signal);
}

/**
 * All volumes of an image, or the named one, with the names of their files.
 * @throws {@link RestorePathError} a volume has a name that is none for a file.
 */
export async function chooseVolumes(
  reader: PointReader,
  name: string | undefined,
  format: ImageFormat,
  context: CommandContext,
): Promise<readonly { readonly volume: PointVolume; readonly file: string }[]> {
  checkHasBlocks(reader);
  const volumes =
    name === undefined
      ? await Array.fromAsync(listVolumes(reader, context.signal))
      : [await chooseVolume(reader, name, context)];
  return volumes.map((volume) => ({ volume, file: `${fileNameOf(volume)}.${format}` }));
}

/** Whoever wrote the vault chose the id, so it may lead anywhere as a name. */
function fileNameOf({ volume }: PointVolume): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(volume)) return volume;
  throw new RestorePathError(
    volume,
    'it is no id of a volume, and no name of a file; take one volume with "holdfast restore --to-file"',
  );
}

/** Restores one volume into a file here, and says what became of it; `outcome` is for programs. */
export async function restoreToFile(
  reader: PointReader,
  volume: PointVolume,
  path: string,
  { format, overwrite, zeroDamaged }: DiskImageWishes,
  { progress, signal, warn }: CommandContext,
): Promise<DiskImageOutcome> {
  const bytesTotal = progress.isShown ? await findBytes(reader, volume, signal) : undefined;
  return restoreDiskImage(reader, volume, {
    path,
    format,
    overwrite,
    damage: zeroDamaged ? 'name' : undefined,
    onProgress: (event) => progress.report({ ...event, bytesTotal }),
    onLeft: (staged) =>
      warn(`what was written lies in ${staged}: the same command goes on with it; remove it if you give up`),
    signal,
  });
}

/** Bytes to restore; `undefined` where pages are damaged, which the restore itself tells of. */
async function findBytes(
  reader: PointReader,
  volume: PointVolume,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    return (await measureVolume(reader, volume, signal)).bytes;
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}

/** The outcome of a disk image, for people: damage first, then numbers. */
export function diskImageLines({
  volume,
  path,
  bytes,
  outcome,
  damaged,
  damagedBytes,
  writtenBlocks,
  writtenBytes,
  sameBytes,
}: DiskImageOutcome): readonly string[] {
  if (outcome === 'same') return [`volume ${volume}: ${path} is the same already`];
  if (outcome === 'kept')
    return [
      `left as it was: ${path}, which is not volume ${volume}, or cannot be told to be: to replace it, repeat the restore with --overwrite if-different`,
    ];
  return [
    ...damaged.map(
      (stretch) =>
        `zeros: ${bytesText(stretch.bytes)} of volume ${volume} at byte ${stretch.offset}: ${stretch.message}`,
    ),
    ...(damagedBytes > 0 ? [`zeros: ${bytesText(damagedBytes)} of volume ${volume} in all`] : []),
    `volume ${volume}, ${bytesText(bytes)}, is ${path}: ${countText(writtenBlocks, 'block')} read (${bytesText(writtenBytes)})` +
      `${sameBytes > 0 ? `, ${bytesText(sameBytes)} there already` : ''}, the rest is zeros`,
  ];
}

export function exitCodeOfDiskImages(outcomes: readonly Pick<DiskImageOutcome, 'damagedBytes'>[]): ExitCode {
  return outcomes.some(({ damagedBytes }) => damagedBytes > 0) ? exitCodes.damaged : exitCodes.ok;
}
