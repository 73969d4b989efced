import * as z from 'zod';
import { catalog } from '../runtime/env-fields.ts';

/** Removes snapshots that failed runs left. */
export const Env = z.object({
  ...catalog,
});
