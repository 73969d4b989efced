import * as z from 'zod';
import { lockMode, vaultBucket, workBucket } from '../runtime/env-fields.ts';

/** Ends a day of the audit log. */
export const Env = z.object({ ...vaultBucket, ...lockMode, ...workBucket });
