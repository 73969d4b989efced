import {
  BackupError,
  findThaw,
  isKept,
  isOfKind,
  mapConcurrent,
  openVault,
  PointReader,
  type PointRow,
  type ResourceArn,
  type TimeRange,
  UnknownNameError,
} from '@holdfast/engine';
import { ThawRequest } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
import { isImage } from '../names/open-point.ts';
import { findPointOrResource } from '../names/resolve-point.ts';
import type { CommandContext } from '../terminal/command.ts';
import { countText } from '../terminal/text.ts';

const rootsAtOnce = 16;

/** The points of a search, the newest first, all of files or all of images. */
export interface SearchedPoints {
  readonly resourceArn: ResourceArn;
  readonly rows: readonly PointRow[];
  /** Readers of the rows, in the same order. */
  readonly readers: readonly PointReader[];
  readonly isImage: boolean;
  /** Points whose roots could not be read. */
  readonly damaged: readonly BackupError[];
}

interface OpenedPoint {
  readonly row: PointRow;
  readonly reader: PointReader;
}

/**
 * Opens the points that a search looks into: the one that is named, or all of a resource that are kept and can be read
 * now. The others are said on stderr.
 * @throws {@link UnknownNameError} there is none.
 */
export async function openSearchedPoints(
  name: string,
  range: TimeRange,
  connection: Connection,
  { clock, warn, signal }: Pick<CommandContext, 'clock' | 'warn' | 'signal'>,
): Promise<SearchedPoints> {
  const { catalog, store, keyring } = connection.services;
  const now = clock.now();
  const found = await findPointOrResource(catalog, name, now);
  const listed =
    'pointId' in found ? [found] : await Array.fromAsync(catalog.points.list(found.resourceArn, range));
  const kept = listed.filter((point) => isKept(point, now));
  if (kept.length === 0)
    throw new UnknownNameError(
      `${found.resourceArn} has no point there that is kept; "holdfast points ${name}" lists what there is`,
    );
  const keys = await openVault({ store, keyring });
  const open = async (row: PointRow): Promise<OpenedPoint | BackupError | 'frozen'> => {
    const { resourceArn, pointId, rootVersionId } = row;
    try {
      const reader = await PointReader.open(store, keys, resourceArn, pointId, rootVersionId);
      if (row.archiveClass === undefined) return { row, reader };
      // Every class has that speed.
      const thaw = await findThaw(store, reader.root, ThawRequest.parse({ speed: 'bulk' }));
      return thaw.state === 'readable' ? { row, reader } : 'frozen';
    } catch (error) {
      if (isOfKind(error, 'damage', 'absent', 'format')) return error;
      throw error;
    }
  };
  const opened: OpenedPoint[] = [];
  const damaged: BackupError[] = [];
  for await (const outcome of mapConcurrent(kept, rootsAtOnce, open)) {
    signal.throwIfAborted();
    if (outcome instanceof BackupError) damaged.push(outcome);
    else if (outcome !== 'frozen') opened.push(outcome);
  }
  for (const { message } of damaged) warn(`passed over: ${message}`);
  const frozen = kept.length - opened.length - damaged.length;
  if (frozen > 0)
    warn(
      `passed over: ${countText(frozen, 'point')} in an archive; "holdfast points ${name}" names them, and a restore thaws them`,
    );
  if (opened.length === 0)
    throw new UnknownNameError(`no point of ${found.resourceArn} can be searched as it is`);
  return {
    resourceArn: found.resourceArn,
    rows: opened.map(({ row }) => row),
    readers: opened.map(({ reader }) => reader),
    isImage: kept.some(isImage),
    damaged,
  };
}
