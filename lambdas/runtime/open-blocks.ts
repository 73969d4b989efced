import { EbsBlockSource, EbsSnapshotWriter, makeEbsClients } from '@holdfast/aws/ebs';
import {
  type BlockSource,
  type Clock,
  PacedBlockSource,
  PacedSnapshotWriter,
  Pacer,
  type RandomBytes,
  type SharedRecords,
  type SnapshotWriter,
} from '@holdfast/engine';
import { blockRates } from '@holdfast/engine/model';

export interface OpenedBlocks {
  readonly blocks: BlockSource;
  readonly snapshots: SnapshotWriter;
  /** Answers of EBS so far that refused a call as one too many. */
  readonly throttledCalls: () => number;
}

/**
 * The adapters of the EBS direct APIs, loaded only by steps that use them. Reading and writing wait for their turn, but
 * for steps without records to share: those do neither.
 */
export function openBlocks({
  shared,
  clock,
  random,
  quota,
}: {
  readonly shared: SharedRecords | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Calls a second of the account; text that is no number stands for AWS's own default. */
  readonly quota: string;
}): OpenedBlocks {
  const { ebs, throttledCalls } = makeEbsClients();
  const blocks = new EbsBlockSource(ebs, clock, random);
  const snapshots = new EbsSnapshotWriter(ebs, clock, random);
  if (shared === undefined) return { blocks, snapshots, throttledCalls };
  const ports = { shared, clock, random };
  const limits = blockRates(process.env['AWS_REGION'], Number(quota) || undefined);
  return {
    blocks: new PacedBlockSource(blocks, new Pacer(ports, 'read-block', limits)),
    snapshots: new PacedSnapshotWriter(snapshots, new Pacer(ports, 'write-block', limits)),
    throttledCalls,
  };
}
