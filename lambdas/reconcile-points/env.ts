import * as z from 'zod';
import { catalog, vaultReader } from '../shared/env-fields.ts';

/** Compares the roots in the vault with the catalog. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
});
