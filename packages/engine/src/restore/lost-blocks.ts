import { equalBytes, utf8 } from '../bytes.ts';
import { type BackupError, VolumeDamagedError } from '../errors.ts';
import type { PageId } from '../ids.ts';
import { decodeExtent } from '../manifest/extent.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { walkLeaves, type LostPage } from '../verify/walk-leaves.ts';
import type { PointReader } from './point-reader.ts';

/** A stretch of a volume of which nobody knows the blocks, as the page that names them cannot be read. */
export interface LostBlocks {
  readonly from: number;
  readonly to: number;
  readonly error: BackupError;
}

/**
 * Finds what lost pages cost a volume, and the pages. The stretches may reach a little too far, never too short.
 * Costs all pages of the manifest.
 */
export async function findLostBlocks(
  { pages, root }: PointReader,
  volume: VolumeEntry,
  signal?: AbortSignal,
): Promise<{ readonly stretches: readonly LostBlocks[]; readonly pages: ReadonlySet<PageId> }> {
  const { bytes, blockBytes } = volume;
  const path = utf8(volume.volume);
  const origin = `point ${root.point}`;
  const stretches: LostBlocks[] = [];
  const lostPages = new Set<PageId>();
  /** End of what is known, once the walk has come to the volume. */
  let end: number | undefined;
  let open: LostBlocks | undefined;
  const close = (to: number): void => {
    if (open !== undefined && open.from < to) stretches.push({ ...open, to: Math.min(open.to, to) });
    open = undefined;
  };
  const lose = ({ lost, error }: LostPage): void => {
    lostPages.add(lost.pageId);
    // The volume's own entry was read, so a page before that has none of its blocks.
    if (end === undefined) return;
    const last = decodeFileKey(lost.lastKey, origin);
    const isWithin = equalBytes(last.path, path);
    const span = volumeExtentBlocks * blockBytes;
    const offset = last.offset ?? 0;
    const to = isWithin ? Math.min(bytes, offset - (offset % span) + span) : bytes;
    const from = end;
    close(bytes);
    open = { from, to, error: new VolumeDamagedError(volume.volume, root.point, from, error) };
    end = to;
  };
  for await (const step of walkLeaves(pages, findPageRef(root.manifest, root.point), signal)) {
    if ('lost' in step) {
      lose(step);
      continue;
    }
    for (const entry of step.entries) {
      const key = decodeFileKey(entry.key, origin);
      if (!equalBytes(key.path, path)) {
        if (end === undefined) continue;
        close(bytes);
        return { stretches, pages: lostPages };
      }
      end ??= 0;
      if (key.offset === undefined) continue;
      close(key.offset);
      end = key.offset + decodeExtent(entry, origin).chunks.length * blockBytes;
    }
  }
  close(bytes);
  return { stretches, pages: lostPages };
}
