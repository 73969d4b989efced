import type { BackupType } from '../model/backup-type.ts';
import type { Plan } from '../model/plan.ts';
import {
  prices,
  pricesOfClass,
  storageClassOf,
  storageClassPrices,
  workerSecondDollars,
} from '../model/prices.ts';
import { type FileKind, isImageKind, type ResourceKind } from '../model/resource-kind.ts';
import { scheduledRuns } from '../model/scheduled-runs.ts';
import { verifyEveryDays } from '../model/verify-every.ts';
import { workRates } from '../model/worker.ts';
import { sum } from '../sum.ts';
import type { SourceEstimate } from './estimate-source.ts';
import { priceRun } from './price-copy.ts';
import { daysUntilFull, type FuturePoint, simulateRetention } from './simulate-retention.ts';
import { dayMs } from '../model/time.ts';

const gibibyte = 2 ** 30;
const tebibyte = 2 ** 40;
const daysAMonth = 365.25 / 12;

/**
 * Stored bytes for each byte that the points need, with a change of 1 % a day: packs are kept as a whole, until less than
 * half of one is needed. Measured, see docs/leases.md, rule 5. With less change there is less of it.
 */
const packsOverhead = { times: 1.55, changedPerDay: 0.01 } as const;

export interface RetentionOptions {
  readonly plan: Plan;
  readonly kind: ResourceKind;
  readonly now: Date;
  /** Share of the content that is new every day, from 0 to 1: nobody knows it before the second backup. */
  readonly changedPerDay: number;
}

type FileOptions = RetentionOptions & { readonly kind: FileKind };

/** A month's bill, some days after the first backup, next to others'. Dollars. */
export interface MonthPrice {
  readonly afterDays: number;
  readonly points: number;
  readonly containers: number;
  /** Bytes in the vault, or in snapshots. */
  readonly storedBytes: number;
  readonly dollars: number;
  readonly parts: {
    readonly packs: number;
    readonly containers: number;
    /** Leases, and verifying in turn. */
    readonly upkeep: number;
    readonly runs: number;
  };
  readonly awsBackupDollars: number;
  readonly ebsSnapshotsDollars: number;
}

/** A month's bill of an image. Nobody has read it, so it is the most that it can be. */
export type ImageMonthPrice = Omit<MonthPrice, 'containers' | 'parts'>;

/** Prices the months after 30 days, after a year, and from the day on from which a plan has all the points that it keeps. */
export function priceMonths(estimate: SourceEstimate, options: FileOptions): readonly MonthPrice[] {
  return daysLookedAt(options.plan).map((afterDays) => priceMonth(estimate, options, afterDays));
}

function daysLookedAt(plan: Plan): readonly number[] {
  const full = daysUntilFull(plan);
  return [...[30, 365].filter((days) => 1.2 * days < full), full];
}

function priceMonth(estimate: SourceEstimate, options: FileOptions, afterDays: number): MonthPrice {
  const { plan, kind, now, changedPerDay } = options;
  const points = simulateRetention(plan, kind, now, afterDays);
  const kept = priceKept(estimate.storedBytes.value, points, plan, changedPerDay);
  const parts = { ...kept.parts, runs: runsOf(estimate, plan, now, changedPerDay) };
  return {
    afterDays,
    points: points.length,
    containers: kept.containers,
    storedBytes: kept.storedBytes,
    dollars: sum(Object.values(parts)),
    parts,
    ...peersOf(estimate, kind, statesOf(points, changedPerDay), changedPerDay),
  };
}

/** Prices what points have in the vault, each of which alone would take up `once` bytes. */
function priceKept(once: number, points: readonly FuturePoint[], plan: Plan, changedPerDay: number) {
  const shared = points.filter(({ isShared }) => isShared);
  const overhead = 1 + (packsOverhead.times - 1) * Math.min(1, changedPerDay / packsOverhead.changedPerDay);
  const inPacks = once * statesOf(shared, changedPerDay) * overhead;
  const archived = points.filter(({ container }) => container === 'archive').length;
  const consolidated = points.filter(({ container }) => container === 'standard').length;
  const { STANDARD } = storageClassPrices;
  return {
    containers: archived + consolidated,
    storedBytes: inPacks + (archived + consolidated) * once,
    parts: {
      packs: gibibytes(inPacks) * STANDARD.gibibyteMonth,
      containers:
        gibibytes(once) *
        (archived * pricesOfClass(storageClassOf(plan.retention.archiveClass)).gibibyteMonth +
          consolidated * STANDARD.gibibyteMonth),
      upkeep: upkeepOf(inPacks + consolidated * once),
    },
  };
}

/** Dollars a month of bytes in the vault: their storage, and of what is read in turn, leases and verifying. */
export function priceStored(bytes: number, archiveClass?: string): number {
  const stored = gibibytes(bytes) * pricesOfClass(archiveClass).gibibyteMonth;
  return archiveClass === undefined ? stored + upkeepOf(bytes) : stored;
}

/** A source as its points show it. */
export interface SeenSource {
  readonly kind: ResourceKind;
  /** Content of the newest point, and what it takes up in the vault. */
  readonly logicalBytes: number;
  readonly storedBytes: number;
  readonly changedPerDay: number;
}

/** A month's bill once a plan has all the points that it keeps, without runs. Dollars. */
export interface SteadyState extends Pick<MonthPrice, 'afterDays' | 'points' | 'storedBytes' | 'dollars'> {
  readonly awsBackupDollars: number;
}

/** Prices what a plan keeps in the end of a source that it has backed up for some time. */
export function priceSteadyState(seen: SeenSource, plan: Plan, now: Date): SteadyState {
  const { kind, logicalBytes, changedPerDay } = seen;
  const afterDays = daysUntilFull(plan);
  const points = simulateRetention(plan, kind, now, afterDays);
  const { storedBytes, parts } = priceKept(seen.storedBytes, points, plan, changedPerDay);
  return {
    afterDays,
    points: points.length,
    storedBytes,
    dollars: sum(Object.values(parts)),
    awsBackupDollars: priceInAwsBackup(kind, logicalBytes * statesOf(points, changedPerDay)),
  };
}

/** Dollars a month of content in AWS Backup, which neither compresses nor deduplicates it: of EBS, EFS or S3. */
export function priceInAwsBackup(kind: ResourceKind, bytes: number): number {
  const { awsBackup, ebsSnapshot } = prices;
  if (isImageKind(kind)) return gibibytes(bytes) * ebsSnapshot.gibibyteMonth;
  return gibibytes(bytes) * (kind === 'directory' ? awsBackup.efsGibibyteMonth : awsBackup.s3GibibyteMonth);
}

/** Bytes that points need together, for each byte of one of them: what is new in each since the one before it. */
function statesOf(newestFirst: readonly FuturePoint[], changedPerDay: number): number {
  if (newestFirst.length === 0) return 0;
  return newestFirst.slice(1).reduce((states, { ageDays }, at) => {
    const days = ageDays - (newestFirst[at]?.ageDays ?? 0);
    return states + 1 - (1 - changedPerDay) ** days;
  }, 1);
}

/** Requests for leases, and reading everything in turn to verify it. A month. */
function upkeepOf(bytes: number): number {
  const packs = bytes / workRates.packBytes;
  const verifying =
    (bytes / workRates.verifiedBytesPerSecond) * workerSecondDollars +
    packs * workRates.getsToVerifyPack * storageClassPrices.STANDARD.get;
  return (
    (bytes / tebibyte) * workRates.leasesTebibyteMonth + (daysAMonth / verifyEveryDays(undefined)) * verifying
  );
}

/** A month's runs. A synthetic full reads the vault, and not the source. */
function runsOf(estimate: SourceEstimate, plan: Plan, now: Date, changedPerDay: number): number {
  const year = scheduledRuns(plan, now, new Date(now.getTime() + 365 * dayMs));
  const gap = 365 / Math.max(1, sum(year.map(({ runs }) => runs)));
  const changed = 1 - (1 - changedPerDay) ** gap;
  const tags = plan.readTags ? estimate.listed.files * storageClassPrices.STANDARD.get : 0;
  const once = estimate.storedBytes.value;
  const ofType: Readonly<Record<BackupType, number>> = {
    full: priceRun(estimate, { read: 1, stored: changed }).dollars,
    incremental: priceRun(estimate, { read: changed, stored: changed }).dollars + tags,
    differential: priceRun(estimate, { read: changed, stored: changed }).dollars + tags,
    'synthetic-full':
      (once / workRates.packBytes) * (storageClassPrices.STANDARD.get + storageClassPrices.STANDARD.put) +
      (once / workRates.protectedBytesPerSecond) * workerSecondDollars,
  };
  return sum(year.map(({ type, runs }) => runs * ofType[type])) / 12;
}

/** The same points in AWS Backup, and in snapshots of a volume that had the same content. Neither compresses or deduplicates. */
function peersOf(
  { listed, awsBackupBytes }: SourceEstimate,
  kind: FileKind,
  states: number,
  changedPerDay: number,
): Pick<MonthPrice, 'awsBackupDollars' | 'ebsSnapshotsDollars'> {
  const { awsBackup, ebsSnapshot, eventBridge } = prices;
  const ebsSnapshotsDollars = gibibytes(listed.bytes) * states * ebsSnapshot.gibibyteMonth;
  if (kind === 'directory')
    return {
      awsBackupDollars: gibibytes(listed.bytes) * states * awsBackup.efsGibibyteMonth,
      ebsSnapshotsDollars,
    };
  const changes = listed.files * changedPerDay * daysAMonth;
  return {
    awsBackupDollars:
      gibibytes(awsBackupBytes) * states * awsBackup.s3GibibyteMonth +
      changes * (storageClassPrices.STANDARD.get + eventBridge.event),
    ebsSnapshotsDollars,
  };
}

/**
 * Prices an image: its blocks in the vault, or its snapshots where the plan leaves them there. Only blocks that were ever
 * written count, and the vault compresses them, so it costs at most as much.
 */
export function priceImage(bytes: number, options: RetentionOptions): readonly ImageMonthPrice[] {
  const { plan, kind, now, changedPerDay } = options;
  return daysLookedAt(plan).map((afterDays) => {
    const points = simulateRetention(plan, kind, now, afterDays);
    const storedBytes = bytes * statesOf(points, changedPerDay);
    const ebsSnapshotsDollars = gibibytes(storedBytes) * prices.ebsSnapshot.gibibyteMonth;
    const inVault = gibibytes(storedBytes) * storageClassPrices.STANDARD.gibibyteMonth;
    return {
      afterDays,
      points: points.length,
      storedBytes,
      dollars: plan.images.blocks === 'vault' ? inVault : ebsSnapshotsDollars,
      awsBackupDollars: ebsSnapshotsDollars,
      ebsSnapshotsDollars,
    };
  });
}

function gibibytes(bytes: number): number {
  return bytes / gibibyte;
}
