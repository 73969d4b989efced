import {
  newId,
  type PointReader,
  type PointVolume,
  type SnapshotWriter,
  StoreUnavailableError,
  writeSnapshotRange,
  WrittenSum,
} from '@holdfast/engine';
import { systemRandom } from '@holdfast/node';
import type { CommandContext } from '../terminal/command.ts';
import { countText } from '../terminal/text.ts';

const gibibyte = 2 ** 30;

export interface SnapshotWishes {
  readonly region: string;
  /** Key of the snapshots. @default an encrypted original has the region's default key for EBS */
  readonly keyArn?: string | undefined;
}

/** A snapshot with a volume of a point, which EBS completes by itself some time later. */
export interface SnapshotOfPoint {
  readonly volume: string;
  readonly device: string | undefined;
  readonly snapshot: string;
  readonly sizeGiB: number;
  readonly blocks: number;
}

/**
 * Writes a volume into a snapshot of whichever account and region the writer is of, and seals it. Every block is verified.
 * One that fails is left as it is, and named: EBS takes no volume from it.
 * @throws {@link VolumeDamagedError} a block is damaged.
 */
export async function writeToSnapshot(
  reader: PointReader,
  volume: PointVolume,
  writer: SnapshotWriter,
  { region, keyArn }: SnapshotWishes,
  { progress, signal, warn }: CommandContext,
): Promise<SnapshotOfPoint> {
  const { volume: name, record } = volume;
  const sizeGiB = Math.ceil(volume.bytes / gibibyte);
  const started = await writer.start(
    {
      sizeGiB,
      clientToken: newId(systemRandom),
      encryption: record?.encrypted === true || keyArn !== undefined ? { keyArn } : undefined,
      description: `Holdfast extract: ${name} of point ${reader.root.point}`,
      tags: {},
    },
    signal,
  );
  if (started === 'busy')
    throw new StoreUnavailableError(`EBS begins no more snapshots in ${region} for now; repeat it later`);
  const { snapshot } = started;
  try {
    const sum = new WrittenSum();
    for (let from = 0; from < volume.bytes; from += gibibyte) {
      const range = { from, to: Math.min(from + gibibyte, volume.bytes) };
      sum.add(await writeSnapshotRange(reader, volume, { writer, snapshot, range, signal }));
      progress.note(`${name}: ${Math.ceil(range.to / gibibyte)} of ${sizeGiB} GiB`);
    }
    const total = sum.total();
    await writer.complete(snapshot, total, signal);
    return { volume: name, device: record?.device, snapshot, sizeGiB, blocks: total.blocks };
  } catch (error) {
    warn(`snapshot ${snapshot} in ${region} is not whole; delete it`);
    throw error;
  }
}

export function snapshotLine({ volume, device, snapshot, sizeGiB, blocks }: SnapshotOfPoint): string {
  const place = device === undefined ? '' : ` (${device})`;
  return `volume ${volume}${place}, ${sizeGiB} GiB, is ${snapshot}: ${countText(blocks, 'block')} written, the rest is zeros`;
}
