import * as z from 'zod';
import { lockMode, vaultBucket, workBucket } from '../shared/env-fields.ts';

/** Ends a day of the audit log. */
export const Env = z.object({ ...vaultBucket, ...lockMode, ...workBucket });
