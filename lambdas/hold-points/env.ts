import * as z from 'zod';
import { catalog, vaultWriter } from '../runtime/env-fields.ts';

/** Sets and releases legal holds: the catalog's sets, the store's flags, leases, and the audit log. */
export const Env = z.object({ ...vaultWriter, ...catalog });
