import { ebsBlockBytes, ebsPageBlocks } from '../model/ebs-blocks.ts';
import type { BaseSnapshot } from '../model/image-settings.ts';
import { prices, workerSecondDollars } from '../model/prices.ts';
import { workRates } from '../model/worker.ts';

const gibibyte = 2 ** 30;

/** An image as far as it decides about the snapshot that changes are listed against. */
export interface ImageUse {
  /** Bytes of the blocks that are in use. */
  readonly usedBytes: number;
  /** Part of them that changes between a run and the one that it is compared with, from 0 to 1. */
  readonly changedShare: number;
  /** Runs a month that read changes. */
  readonly runsAMonth: number;
}

export interface BaseSnapshotChoice {
  readonly keeps: boolean;
  /** Dollars a month for the snapshot, and for reading what changed since it. */
  readonly keepDollars: number;
  /** Dollars a month for reading all blocks in every run instead. */
  readonly reReadDollars: number;
  readonly reason: string;
}

/**
 * Chooses between keeping the snapshot of the last run at its price, so that the next one reads what changed, and reading
 * all blocks again, of which the vault stores what it does not have. The size hardly matters: both cost in proportion.
 * With a small share of changes, reading again is cheaper for up to some seven runs a month.
 */
export function chooseBaseSnapshot(rule: BaseSnapshot, use: ImageUse): BaseSnapshotChoice {
  const { usedBytes, changedShare, runsAMonth } = use;
  const keepDollars =
    (usedBytes / gibibyte) * prices.ebsSnapshot.gibibyteMonth +
    runsAMonth * readDollars(usedBytes * changedShare);
  const reReadDollars = runsAMonth * readDollars(usedBytes);
  const choice = { keepDollars, reReadDollars };
  if (runsAMonth === 0)
    return {
      ...choice,
      keeps: false,
      reason: 'the plan has no run that reads changes: a full needs no base',
    };
  if (rule === 'keep') return { ...choice, keeps: true, reason: "the plan says baseSnapshot: 'keep'" };
  if (rule === 're-read') return { ...choice, keeps: false, reason: "the plan says baseSnapshot: 're-read'" };
  const keeps = keepDollars < reReadDollars;
  const runs = `with ${round(runsAMonth)} runs a month that read changes of ${round(100 * changedShare)} %`;
  return {
    ...choice,
    keeps,
    reason: keeps
      ? `${runs}, a snapshot to compare with costs less than reading all blocks in each`
      : `${runs}, reading all blocks in each costs less than a snapshot to compare with`,
  };
}

/** Dollars for listing and reading so many bytes of blocks, and for the worker that does it. */
function readDollars(bytes: number): number {
  const blocks = bytes / ebsBlockBytes;
  return (
    blocks * prices.ebsDirect.get +
    (1 + blocks / ebsPageBlocks) * prices.ebsDirect.list +
    (bytes / workRates.protectedBytesPerSecond) * workerSecondDollars
  );
}

function round(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}
