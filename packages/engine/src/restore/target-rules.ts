import { InvalidInputError } from '../errors.ts';

export interface TargetRules {
  readonly buckets: readonly string[];
  /** Buckets of the deployment itself, which nothing is ever restored into. */
  readonly ownBuckets: readonly string[];
  /** The region of this deployment, where volumes are made. @default not checked */
  readonly region?: string | undefined;
}

/**
 * @param otherwise - the alternative that the message names.
 * @throws {@link InvalidInputError} the configuration does not allow restores into the bucket.
 */
export function checkBucketAllowed(
  bucket: string,
  { buckets, ownBuckets }: Pick<TargetRules, 'buckets' | 'ownBuckets'>,
  otherwise: string,
): void {
  if (ownBuckets.includes(bucket)) {
    throw new InvalidInputError(`bucket ${bucket} belongs to Holdfast itself; restore into another`);
  }
  if (buckets.includes(bucket)) return;
  throw new InvalidInputError(
    `bucket ${bucket} is not allowed as a restore target; add it to restoreTargets.buckets in lib/plans.ts and deploy, ` +
      `${otherwise}; allowed are: ${buckets.join(', ') || 'none'}`,
  );
}

/** @throws {@link InvalidInputError} the account has no such zone in the region. */
export function checkZoneExists(availabilityZone: string, zones: ReadonlySet<string>): void {
  if (zones.has(availabilityZone)) return;
  throw new InvalidInputError(
    `there is no zone ${availabilityZone} that this account may use; name one of ${[...zones].toSorted().join(', ')}`,
  );
}

/** @throws {@link InvalidInputError} the zone is in another region than the snapshots. */
export function checkZone(availabilityZone: string, { region }: Pick<TargetRules, 'region'>): void {
  if (region === undefined || availabilityZone.startsWith(region)) return;
  throw new InvalidInputError(
    `zone ${availabilityZone} is not in ${region}, where the snapshots are; name a zone of ${region}`,
  );
}
