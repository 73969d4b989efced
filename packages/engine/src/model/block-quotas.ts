/** Regions in which an account may read and write five times as many blocks as elsewhere. */
const largeRegions: ReadonlySet<string> = new Set([
  'ap-southeast-1',
  'eu-west-1',
  'us-east-1',
  'us-east-2',
  'us-west-2',
]);

/** Part of the account's quota that Holdfast uses: others read blocks, too. */
const accountShare = 0.8;

/** Part of a snapshot's quota: nobody else reads a snapshot of a run, and what is late by milliseconds has room. */
const snapshotShare = 0.9;

/**
 * Calls a second of GetSnapshotBlock, and as many of PutSnapshotBlock, that Holdfast may make: of all snapshots, and of
 * each. The quotas by default, as looked up on 2026-11-30: "GetSnapshotBlock requests per account" (L-C125AE42) and "PutSnapshotBlock requests per
 * account" (L-AFAE1BE8), which can be raised, and "per snapshot" (L-028ACFB9), which cannot.
 * @param quota - of the account, where it was raised.
 * @see https://docs.aws.amazon.com/general/latest/gr/ebs-service.html#limits_ebs
 */
export function blockRates(
  region: string | undefined,
  quota?: number,
): {
  readonly account: number;
  readonly snapshot: number;
} {
  const account = accountBlockQuota(region, quota);
  return { account: account * accountShare, snapshot: 1000 * snapshotShare };
}

/** Blocks a second that a deployment takes the account's quota for: the default of its region, or what it was told. */
export function accountBlockQuota(region: string | undefined, quota?: number): number {
  return quota ?? (largeRegions.has(region ?? '') ? 5000 : 1000);
}

/**
 * Workers that copy blocks at once, at most. More of them would have fewer than 25 blocks a second each where the quota
 * is the smallest: a shard would take minutes, and asking for their turns more than a percent of what reading costs.
 */
export const mostBlockWorkers = 32;

/**
 * Workers that copy one image at a time: the network of so many brings what the quota of a snapshot gives, 58 MB/s each
 * of 472 (docs/images.md).
 */
export const workersOfSnapshot = 9;
