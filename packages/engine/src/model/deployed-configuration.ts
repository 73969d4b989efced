import * as z from 'zod';
import { BackupError } from '../errors.ts';
import { BucketRule } from './bucket-rule.ts';
import { Plans } from './plan.ts';

/**
 * The settings that a deployment hands to its functions and the command line: one document, written when it is
 * synthesized and never changed. The audit log records all of it, with the parts that no function reads.
 */
export const DeployedConfiguration = z.looseObject({
  /** Version of the program that deployed it. */
  version: z.string().optional(),
  plans: Plans,
  /** Key of the tag that opts a resource in; its value names the plan. */
  tagKey: z.string().min(1),
  /** Rules for buckets, and customer managed keys that may be used to read. */
  sources: z.object({ buckets: z.array(BucketRule), keys: z.array(z.string()) }).optional(),
  /** `roles` may be passed to instances that restores launch. */
  restoreTargets: z.object({ buckets: z.array(z.string()), roles: z.array(z.string()).default([]) }),
  /** Shards of one restore that are worked on at once. */
  restoreWorkers: z.int().positive(),
  /** Blocks of EBS that the account may read, and write, in a second, where AWS raised those quotas. */
  blockQuota: z.number().optional(),
  /** A public key (base64 of its DER), whose owner can open the vault's keys without KMS. */
  offlineRecipient: z.object({ publicKey: z.string().min(1) }).optional(),
});
export type DeployedConfiguration = z.infer<typeof DeployedConfiguration>;

/** The deployed configuration cannot be read, or is not what was deployed: only another deployment puts it right. */
export class DeployedConfigurationError extends BackupError {
  override readonly name = 'DeployedConfigurationError';
  constructor(place: string, what: string, options?: ErrorOptions) {
    super(`the configuration at ${place} ${what}; deploy again`, options);
  }
}
