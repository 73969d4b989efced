import * as z from 'zod';
import { catalog, vaultReader } from '../runtime/env-fields.ts';

/** Verifies the part of the vault whose day it is. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
});
