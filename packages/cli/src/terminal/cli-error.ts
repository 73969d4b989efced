import { errorKinds } from '@holdfast/engine/model';
import * as z from 'zod';

/** A failure of a command for programs: with `--json`, the last line of stderr. */
export const CliError = z.strictObject({
  error: z.strictObject({
    kind: z.enum([...errorKinds, 'interrupted']),
    name: z.string(),
    message: z.string(),
    exitCode: z.int().min(1).max(130),
  }),
});
export type CliError = z.infer<typeof CliError>;
