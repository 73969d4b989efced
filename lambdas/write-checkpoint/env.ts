import * as z from 'zod';
import { lockMode, vaultBucket, workBucket } from '../shared/env-fields.ts';

/** Ends a day of the audit log. */
export const Env = z.object({ ...vaultBucket, ...lockMode, ...workBucket });
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
