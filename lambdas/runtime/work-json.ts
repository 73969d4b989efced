import { ObjectNotFoundError, utf8, type WorkStore } from '@holdfast/engine';
import type * as z from 'zod';

export async function putJson(work: WorkStore, name: string, value: unknown): Promise<void> {
  await work.put(name, utf8(JSON.stringify(value)));
}

/** @throws {@link ObjectNotFoundError} it was never written, or has been swept. */
export async function getJson<Schema extends z.ZodType>(
  work: WorkStore,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const bytes = await work.get(name);
  return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

export async function findJson<Schema extends z.ZodType>(
  work: WorkStore,
  name: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  try {
    return await getJson(work, name, schema);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}
