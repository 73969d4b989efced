import * as z from 'zod';
import { catalog, chunkIndex, vaultReader } from '../runtime/env-fields.ts';

/** Removes packs whose lease has ended. */
export const Env = z.object({
  ...vaultReader,
  ...catalog,
  ...chunkIndex,
});
