import type { SourceEntry } from '@holdfast/engine';
import * as z from 'zod';

const texts = z.record(z.string(), z.string());

const entry = z.object({
  kind: z.enum(['object', 'file', 'directory', 'symlink']),
  size: z.int().nonnegative(),
  modifiedMs: z.number(),
  changeToken: z.string(),
  attributes: texts,
  userMetadata: texts,
  tags: texts,
}) satisfies z.ZodType<Omit<SourceEntry, 'path'>>;

/** A shard as the map over a run's shards hands it on. */
export const ShardEvent = z.object({
  index: z.int().nonnegative(),
  from: z.base64().optional(),
  to: z.base64().optional(),
  largeTail: z.base64().optional(),
  stretch: z
    .object({ offset: z.int().nonnegative(), length: z.int().positive(), path: z.base64(), entry })
    .optional(),
});
