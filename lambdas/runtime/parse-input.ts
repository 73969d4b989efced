import { InvalidInputError } from '@holdfast/engine';
import type * as z from 'zod';
import { inputProblem } from './input-problem.ts';

/**
 * Checks what came in from outside.
 * @param what - the subject of the message, as in `the event of open-run`.
 * @param remedy - what the sender should do, as in `see docs/restore.md`.
 * @throws {@link InvalidInputError} naming every field that is wrong, its value, and the remedy.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
  remedy: string,
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => inputProblem(issue, input));
  throw new InvalidInputError(`${what} cannot be used: ${problems.join('; ')}; ${remedy}`, {
    cause: result.error,
  });
}
