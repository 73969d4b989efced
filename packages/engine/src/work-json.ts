import type * as z from 'zod';
import { utf8, fromUtf8 } from './bytes.ts';
import { ifThere } from './if-there.ts';
import type { WorkStore } from './ports/work-store.ts';

export async function putJson(
  work: Pick<WorkStore, 'put'>,
  name: string,
  value: unknown,
  signal?: AbortSignal,
): Promise<void> {
  await work.put(name, utf8(JSON.stringify(value)), signal);
}

/** @throws {@link ObjectNotFoundError} it was never written, or has been swept. */
export async function getJson<Schema extends z.ZodType>(
  work: Pick<WorkStore, 'get'>,
  name: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const bytes = await work.get(name);
  return schema.parse(JSON.parse(fromUtf8(bytes)));
}

export async function findJson<Schema extends z.ZodType>(
  work: Pick<WorkStore, 'get'>,
  name: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  return ifThere(getJson(work, name, schema));
}
