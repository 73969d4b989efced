import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';

import {
  isDamage,
  isVolume,
  type PointReader,
  type PointVolume,
  type ReportProgress,
  restoreVolume,
  type VolumeOutcome,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';

import { checkFormat, convertImage, type ImageFormat } from './target/convert-image.ts';
import { DiskImageFile, openExistingImage } from './target/disk-image-file.ts';

export interface RestoreDiskImageOptions {
  readonly path: string;
  readonly format: ImageFormat;
  readonly overwrite: OverwriteRule;
  /** See `restoreVolume`. */
  readonly damage?: 'name' | undefined;
  readonly onProgress?: ReportProgress | undefined;
  /** Told of the temporary file that a failure leaves. */
  readonly onLeft?: ((path: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DiskImageOutcome extends Omit<VolumeOutcome, 'next'> {
  readonly volume: string;
  readonly path: string;
  /** Size of the disk. */
  readonly bytes: number;
  /** As of any file, see `WriteOutcome`; an image that is not raw is never `same`, as it cannot be compared. */
  readonly outcome: 'written' | 'same' | 'kept';
}

const nothingDone = {
  writtenBlocks: 0,
  writtenBytes: 0,
  sameBlocks: 0,
  sameBytes: 0,
  damaged: [],
  damagedBytes: 0,
};

/**
 * Restores a volume as a disk image: verified, sparse, and in its place only when it is whole. A repetition goes on
 * with what a killed one left beside it.
 * @throws {@link VolumeDamagedError} a block is damaged, and `damage` does not say to go on.
 * @throws {@link RestorePathError} something else than a file is in its place.
 * @throws {@link TargetUnavailableError} the disk is full or gone.
 */
export async function restoreDiskImage(
  reader: PointReader,
  volume: PointVolume,
  { path, format, overwrite, damage, onProgress, onLeft, signal }: RestoreDiskImageOptions,
): Promise<DiskImageOutcome> {
  await checkFormat(format, volume.bytes);
  const what = { volume: volume.volume, path, bytes: volume.bytes };
  const found = await compare(reader, volume, { path, format, overwrite, damage, signal });
  if (found !== 'to-write') return { ...what, ...nothingDone, outcome: found };
  const content = `${reader.root.vault} ${reader.root.point} ${volume.volume}`;
  const image = new DiskImageFile({ path, bytes: volume.bytes, content });
  try {
    const { next: _next, ...did } = await restoreVolume(reader, volume, {
      target: image,
      damage,
      onProgress,
      signal,
    });
    image.finish();
    const outcome = await publish(image, format, overwrite !== 'never', signal);
    return { ...what, ...did, outcome };
  } catch (error) {
    onLeft?.(image.stagedPath);
    throw error;
  } finally {
    image.close();
  }
}

/** Decides by what is in the image's place, before anything is read of the vault but pages. */
async function compare(
  reader: PointReader,
  volume: PointVolume,
  { path, format, overwrite, damage, signal }: RestoreDiskImageOptions,
): Promise<'same' | 'kept' | 'to-write'> {
  const existing = openExistingImage(path);
  if (existing === undefined) return 'to-write';
  try {
    if (overwrite === 'always') return 'to-write';
    const isSame =
      format === 'raw' &&
      existing.bytes === volume.bytes &&
      (await isVolume(reader, volume, existing.readAt, signal).catch((error: unknown) => {
        if (damage === 'name' && isDamage(error)) return false;
        throw error;
      }));
    if (isSame) return 'same';
    return overwrite === 'never' ? 'kept' : 'to-write';
  } finally {
    existing.close();
  }
}

async function publish(
  image: DiskImageFile,
  format: ImageFormat,
  replace: boolean,
  signal: AbortSignal | undefined,
): Promise<'written' | 'kept'> {
  if (format === 'raw') {
    const outcome = await image.publish(replace);
    image.remove();
    return outcome;
  }
  const converted = `${image.stagedPath}.${format}`;
  rmSync(converted, { force: true });
  try {
    // Made here, so that nobody else may read it either.
    closeSync(openSync(converted, 'wx', 0o600));
    await convertImage(image.stagedPath, converted, format, signal);
    flush(converted);
    const outcome = await image.publish(replace, converted);
    image.remove();
    return outcome;
  } finally {
    rmSync(converted, { force: true });
  }
}

function flush(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
