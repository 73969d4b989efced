import * as z from 'zod';
import { BackupType } from '../backup-type.ts';
import { ResourceKind } from '../resource-kind.ts';
import { ArchiveClass } from '../retention-rules.ts';
import { pointId, resourceArn, runId } from './ids.ts';

/** For a synthetic full of a point that is kept for long. Without a point: of the newest, kept as any other. */
const container = z
  .union([
    z.object({ pointId: z.null() }).transform(() => undefined),
    z.object({
      pointId,
      keepUntil: z.iso.datetime().transform((text) => new Date(text)),
      archiveClass: ArchiveClass,
    }),
  ])
  .optional();

/** The input of the protect state machine: one backup of one resource. */
export const ProtectInput = z.object({
  resourceArn,
  kind: ResourceKind,
  plan: z.string().min(1),
  type: BackupType,
  runId,
  container,
});
export type ProtectInput = z.input<typeof ProtectInput>;

/** `mode` chooses the branch of the state machine; `image` is one of snapshots alone, `blocks` one with its blocks. */
export const OpenedRunReport = z.object({
  runId,
  resourceArn,
  kind: ResourceKind,
  mode: z.enum(['files', 'image', 'blocks', 'consolidate', 'skip']),
  /** The type that is done: a full where what was asked for has no base. */
  type: BackupType,
  /** The reason why `type` is not what was asked for, or why the run is skipped. */
  reason: z.string().optional(),
});
export type OpenedRunReport = Readonly<z.infer<typeof OpenedRunReport>>;

export const RunReport = z.object({
  runId,
  pointId,
  type: BackupType,
  state: z.enum(['completed', 'completed-with-warnings', 'degraded']),
  warnings: z.int(),
  /** Entries that could not be read: `carried` are in the point as an earlier one has them, `missing` are not in it. */
  carried: z.int(),
  missing: z.int(),
  files: z.int(),
  logicalBytes: z.int(),
  readBytes: z.int(),
  storedBytes: z.int(),
  /** Of an image with blocks: calls that EBS refused as one too many, and that were made again. */
  throttledCalls: z.int().optional(),
  expiresAt: z.iso.datetime(),
});
export type RunReport = Readonly<z.infer<typeof RunReport>>;
