import * as z from 'zod';
import { catalog, vaultWriter } from '../runtime/env-fields.ts';

/** Brings points in line with legal holds. */
export const Env = z.object({ ...vaultWriter, ...catalog });
