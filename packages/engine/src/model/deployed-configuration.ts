import * as z from 'zod';
import { BackupError } from '../errors.ts';
import { Plans } from './plan.ts';

/**
 * What a deployment tells its functions and the command line. One document, written when it is synthesized and never
 * changed; what is recorded of it on the audit log is all of it, with the parts that no function reads.
 */
export const DeployedConfiguration = z.looseObject({
  plans: Plans,
  /** Key of the tag that opts a resource in; its value names the plan. */
  tagKey: z.string().min(1),
  /** Where restores may write. */
  restoreTargets: z.object({ buckets: z.array(z.string()) }),
  /** Shards of one restore that are worked on at once. */
  restoreWorkers: z.int().positive(),
  /** Who can open the vault's keys without KMS: base64 of the DER of a public key. */
  offlineRecipient: z.object({ publicKey: z.string().min(1) }).optional(),
});
export type DeployedConfiguration = z.infer<typeof DeployedConfiguration>;

/** What was deployed cannot be read, or is not what was deployed: only another deployment puts it right. */
export class DeployedConfigurationError extends BackupError {
  override readonly name = 'DeployedConfigurationError';
  constructor(place: string, what: string, options?: ErrorOptions) {
    super(`the configuration at ${place} ${what}; deploy again`, options);
  }
}
