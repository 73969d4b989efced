import * as z from 'zod';
import { catalog } from '../shared/env-fields.ts';

/** Removes snapshots that failed runs left. */
export const Env = z.object({
  ...catalog,
});
