import { BackupError } from '@holdfast/engine';
import type { ResourceOutcome } from './resource-outcome.ts';

/** Failed resources that the message spells out; the catalog has all of them. */
const namedResources = 20;

/** A cycle ended without protecting every resource of its plan. */
export class CycleFailedError extends BackupError {
  override readonly name = 'CycleFailedError';
  override readonly retry = 'later';

  constructor(plan: string, resources: number, failed: readonly ResourceOutcome[]) {
    const named = failed
      .slice(0, namedResources)
      .map(({ arn, reason }) => `${arn}: ${reason ?? 'no reason'}`);
    const more = failed.length - named.length;
    super(
      `${failed.length} of ${resources} resources of plan "${plan}" were not protected: ${named.join('; ')}` +
        (more === 0 ? '' : `; and ${more} more, see "holdfast runs --plan ${plan}"`),
    );
  }
}
