import type { RecordingProgress } from '@holdfast/aws';
import { ResourceKind, resourceArn } from '@holdfast/engine/model';
import * as z from 'zod';

const tags = z.record(z.string(), z.string());

export const DiscoveryProgress: z.ZodType<RecordingProgress> = z.object({
  startedAt: z.iso.datetime().transform((text) => new Date(text)),
  left: z.object({
    listing: z.object({ token: z.string().optional(), begun: z.int() }).optional(),
    rest: z.array(z.object({ arn: z.string(), tags })),
    volumes: z.record(z.string(), z.object({ arn: resourceArn, plan: z.string() })),
  }),
  recorded: z.array(
    z.object({
      arn: resourceArn,
      kind: ResourceKind,
      plan: z.string(),
      partOf: resourceArn.optional(),
      problem: z.string().optional(),
    }),
  ),
  rowsAfter: resourceArn.optional(),
});
