import * as z from 'zod';
import { lockMode, vaultBucket } from '../shared/env-fields.ts';

/** Puts what is deployed on the audit log. */
export const Env = z.object({
  ...vaultBucket,
  ...lockMode,
  /** What is deployed, for the log: plans, targets, modes. JSON. */
  CONFIGURATION: z.string().transform((text, context): Record<string, unknown> => {
    try {
      return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    } catch {
      context.addIssue({ code: 'custom', message: 'is not a JSON object' });
      return z.NEVER;
    }
  }),
});
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
