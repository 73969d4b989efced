import * as z from 'zod';

/** An error as catalogs, reports and executions carry it; `name` is that of its class. */
export const ErrorRecord = z.object({ name: z.string(), message: z.string() });
export type ErrorRecord = Readonly<z.infer<typeof ErrorRecord>>;

export function errorRecordOf(error: unknown): ErrorRecord {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: 'Error', message: String(error) };
}
