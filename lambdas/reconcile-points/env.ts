import * as z from 'zod';
import { catalog, vaultReader } from '../runtime/env-fields.ts';

/** Compares the roots in the vault with the catalog. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
});
