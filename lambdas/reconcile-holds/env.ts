import * as z from 'zod';
import { catalog, vaultWriter } from '../shared/env-fields.ts';

/** Brings points in line with legal holds. */
export const Env = z.object({ ...vaultWriter, ...catalog });
export type Env = z.infer<typeof Env>;
/** The variables as the deployment has to set them. */
export type EnvInput = z.input<typeof Env>;
