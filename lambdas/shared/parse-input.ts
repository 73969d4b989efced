import { InvalidInputError } from '@holdfast/engine';
import type * as z from 'zod';

const longestValue = 100;

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
  const problems = result.error.issues.map((issue) => {
    const path = issue.path.map(String).join('.');
    return `${path === '' ? 'it' : `"${path}"`} is ${shown(valueAt(input, issue.path))} (${issue.message})`;
  });
  throw new InvalidInputError(`${what} cannot be used: ${problems.join('; ')}; ${remedy}`, {
    cause: result.error,
  });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longestValue));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'null' : 'an object';
}
