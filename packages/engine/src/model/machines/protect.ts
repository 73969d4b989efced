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

/** One backup of one resource: the input of the protect state machine. */
export const ProtectInput = z.object({
  resourceArn,
  kind: ResourceKind,
  plan: z.string().min(1),
  type: BackupType,
  runId,
  container,
});
export type ProtectInput = z.input<typeof ProtectInput>;

/** How a run goes on: `mode` chooses the branch of the state machine. */
export const OpenedRunReport = z.object({
  runId,
  resourceArn,
  kind: ResourceKind,
  mode: z.enum(['files', 'image', 'consolidate', 'skip']),
  /** What is being done: a full where what was asked for has no base. */
  type: BackupType,
  /** Why `type` is not what was asked for, or why the run is skipped. */
  reason: z.string().optional(),
});
export type OpenedRunReport = Readonly<z.infer<typeof OpenedRunReport>>;

/** What a run came to, for the execution's history. */
export const RunReport = z.object({
  runId,
  pointId,
  type: BackupType,
  state: z.enum(['completed', 'completed-with-warnings', 'degraded']),
  warnings: z.int(),
  /** Entries that could not be read: in the point as an earlier one has them, and not in it. */
  carried: z.int(),
  missing: z.int(),
  files: z.int(),
  logicalBytes: z.int(),
  readBytes: z.int(),
  storedBytes: z.int(),
  expiresAt: z.iso.datetime(),
});
export type RunReport = Readonly<z.infer<typeof RunReport>>;
