import type * as z from 'zod';

/** What an execution ended with, if it has the form that is looked for; other output is no error. */
export function parseOutput<Schema extends z.ZodType>(
  output: string | undefined,
  schema: Schema,
): z.infer<Schema> | undefined {
  if (output === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(output)).data;
  } catch {
    return undefined;
  }
}
