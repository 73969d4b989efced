import { EbsBlockSource, makeEbsClients } from '@holdfast/aws/ebs';
import {
  type BlockSource,
  type Clock,
  PacedBlockSource,
  Pacer,
  type RandomBytes,
  type SharedRecords,
} from '@holdfast/engine';
import { blockRates } from '@holdfast/engine/model';

export interface OpenedBlocks {
  readonly blocks: BlockSource;
  /** Answers of EBS so far that refused a call as one too many. */
  readonly throttledCalls: () => number;
}

/** The adapter of the EBS direct APIs, loaded only by steps that use it; reading waits for its turn. */
export function openBlocks(ports: {
  readonly shared: SharedRecords;
  readonly clock: Clock;
  readonly random: RandomBytes;
}): OpenedBlocks {
  const { ebs, throttledCalls } = makeEbsClients();
  const source = new EbsBlockSource(ebs, ports.clock, ports.random);
  const pacer = new Pacer(ports, 'read-block', blockRates(process.env['AWS_REGION']));
  return { blocks: new PacedBlockSource(source, pacer), throttledCalls };
}
