import type { ErrorRecord } from '@holdfast/engine/model';
import * as z from 'zod';

/** An error as Step Functions hands it on. `Cause` is Lambda's JSON of the error, or text. */
export const caughtError = z.object({ Error: z.string().catch('Error'), Cause: z.string().catch('') });
export type CaughtError = z.infer<typeof caughtError>;

const LambdaCause = z.object({ errorType: z.string().optional(), errorMessage: z.string() });

export function errorRecordOfCaught({ Error: name, Cause }: CaughtError): ErrorRecord {
  try {
    return { name, message: LambdaCause.parse(JSON.parse(Cause)).errorMessage };
  } catch {
    return { name, message: Cause === '' ? 'the execution gave no reason' : Cause };
  }
}
