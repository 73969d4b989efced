import * as z from 'zod';
import { catalog, metrics } from '../runtime/env-fields.ts';

/** Closes a run that failed, or a cycle that could not start. */
export const Env = z.object({
  ...catalog,
  ...metrics,
});
