import { BackupError } from '@holdfast/engine';
import type { ResourceOutcome } from './resource-outcome.ts';

/** Failed resources that the message spells out; the catalog has all of them. */
export const namedResources = 20;

/** A cycle ended without protecting every resource of its plan. */
export class CycleFailedError extends BackupError {
  override readonly name = 'CycleFailedError';

  /** @param first - the first {@link namedResources} of those that failed. */
  constructor(
    plan: string,
    resources: number,
    failed: number,
    first: readonly Pick<ResourceOutcome, 'arn' | 'reason'>[],
  ) {
    const named = first.map(({ arn, reason }) => `${arn}: ${reason ?? 'no reason'}`);
    const more = failed - named.length;
    super(
      `${failed} of ${resources} resources of plan "${plan}" were not protected: ${named.join('; ')}` +
        (more === 0 ? '' : `; and ${more} more, see "holdfast runs --plan ${plan}"`),
    );
  }
}
