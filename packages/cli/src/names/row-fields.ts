import {
  type HoldRow,
  NameMarks,
  type PointRow,
  type ReportedWork,
  type RestoreRow,
  type RunRow,
  runStates,
  UnreadCounts,
} from '@holdfast/engine';
import { BackupType, ErrorRecord, ResourceKind, RestoreState } from '@holdfast/engine/model';
import * as z from 'zod';
import { SignFields } from './suspect-point.ts';
import { WholeNumber, Time } from '../terminal/answer.ts';

/** Has a row print nothing that its form does not name: each new field is wanted here. */
export type Complete<Row> = Record<keyof Row, z.ZodType>;

/** A recovery point as the catalog has it. */
export const pointShape = {
  pointId: z.string(),
  resourceArn: z.string(),
  resourceKind: ResourceKind,
  plan: z.string(),
  type: BackupType,
  basePointId: z.string().optional(),
  chainPointId: z.string(),
  runId: z.string(),
  sourceTime: Time,
  committedAt: Time,
  expiresAt: Time,
  retentionClass: z.string(),
  archiveClass: z.string().optional(),
  hasBlocks: z.literal(true).optional(),
  counts: z.strictObject({
    files: WholeNumber,
    filesChanged: WholeNumber,
    filesRemoved: WholeNumber,
    logicalBytes: WholeNumber,
    readBytes: WholeNumber,
    newBytes: WholeNumber,
    storedBytes: WholeNumber,
  }),
  warnings: WholeNumber,
  unread: UnreadCounts.strict().optional(),
  marks: NameMarks.strict().optional(),
  keptSigns: z
    .array(z.strictObject({ pointId: z.string(), sourceTime: z.iso.datetime(), signs: z.array(SignFields) }))
    .optional(),
  seconds: z.number().nonnegative(),
  rootName: z.string(),
  rootVersionId: z.string(),
  snapshotsMissing: WholeNumber.optional(),
  expiring: z.boolean().optional(),
  holds: z.array(z.string()).optional(),
} satisfies Complete<PointRow>;

export const PointFields = z.strictObject(pointShape).meta({ id: 'Point' });

/** A run as the catalog has it. */
export const RunFields = z
  .strictObject({
    runId: z.string(),
    resourceArn: z.string(),
    plan: z.string(),
    requestedType: BackupType,
    type: BackupType,
    typeReason: z.string().optional(),
    basePointId: z.string().optional(),
    chainPointId: z.string().optional(),
    leaseUntil: Time,
    startedAt: Time,
    aliveUntil: Time,
    state: z.enum(runStates),
    execution: z.string().optional(),
    endedAt: Time.optional(),
    pointId: z.string().optional(),
    error: ErrorRecord.strict().optional(),
  } satisfies Complete<RunRow>)
  .meta({ id: 'Run' });

const amount = { files: WholeNumber, bytes: WholeNumber };

/** Reports of workers of a run or restore; planning may not know the total, or only half of it. */
export const ReportedFields = z
  .strictObject({
    ...amount,
    total: z.strictObject(amount).partial().optional(),
  } satisfies Complete<ReportedWork>)
  .meta({ id: 'Progress' });

/** A restore as the catalog has it. */
export const restoreShape = {
  restoreId: z.string(),
  pointId: z.string(),
  resourceArn: z.string(),
  target: z.string(),
  state: RestoreState,
  startedAt: Time,
  endedAt: Time.optional(),
  execution: z.string().optional(),
  files: WholeNumber.optional(),
  bytes: WholeNumber.optional(),
  error: ErrorRecord.strict().optional(),
} satisfies Complete<RestoreRow>;

export const ScopeFields = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('point'), pointId: z.string() }),
  z.strictObject({ kind: z.literal('resource'), resourceArn: z.string() }),
  z.strictObject({ kind: z.literal('tag'), key: z.string(), value: z.string() }),
]);

/** A legal hold as the catalog has it. */
export const HoldFields = z
  .strictObject({
    holdId: z.string(),
    scope: ScopeFields,
    setBy: z.string(),
    reason: z.string(),
    setAt: Time,
    releasedAt: Time.optional(),
    releasedBy: z.string().optional(),
    releaseReason: z.string().optional(),
  } satisfies Complete<HoldRow>)
  .meta({ id: 'Hold' });

/** Failures of one kind, of which only the first are spelled out. */
export const FailureFields = z
  .strictObject({ count: WholeNumber, messages: z.array(z.string()) })
  .meta({ id: 'Failures' });
