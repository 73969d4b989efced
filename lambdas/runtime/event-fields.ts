import type { ResourceArn, RunId } from '@holdfast/engine';
import { BackupType, type ErrorRecord } from '@holdfast/engine/model';
import * as z from 'zod';

/** The id of a run. */
export const runId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')
  .transform((text) => text as RunId);

export const resourceArn = z
  .string()
  .regex(/^arn:/, 'expected an ARN')
  .transform((text) => text as ResourceArn);

/** What names a cycle: all its steps get it. */
export const cycleFields = {
  plan: z.string().min(1),
  type: BackupType,
  scheduledAt: z.iso.datetime({ offset: true }),
  cycleId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,80}$/, 'expected 1 to 80 letters, digits, hyphens, underscores'),
} as const;

/** An error as Step Functions hands it on. `Cause` is Lambda's JSON of the error, or text. */
export const caughtError = z.object({ Error: z.string().catch('Error'), Cause: z.string().catch('') });
export type CaughtError = z.infer<typeof caughtError>;

const LambdaCause = z.object({ errorType: z.string().optional(), errorMessage: z.string() });

/** A caught error as the catalog keeps it. */
export function errorRecordOfCaught({ Error: name, Cause }: CaughtError): ErrorRecord {
  try {
    return { name, message: LambdaCause.parse(JSON.parse(Cause)).errorMessage };
  } catch {
    return { name, message: Cause === '' ? 'the execution gave no reason' : Cause };
  }
}
