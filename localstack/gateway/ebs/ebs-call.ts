import * as z from 'zod';
import { snapshotState } from '../ec2/lookup.ts';
import type { Ec2Context, Snapshot } from '../ec2/region.ts';
import { matchesPattern } from '../wildcard.ts';
import { EbsError, invalid } from './ebs-error.ts';
import type { SealedTokens } from './sealed-tokens.ts';
import type { EbsSettings } from './settings.ts';

export interface EbsCall {
  readonly ec2: Ec2Context;
  readonly settings: EbsSettings;
  readonly tokens: SealedTokens;
  /** Values of path, query and headers: under the names of the API in lower case, headers as they are sent. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** @throws {@link EbsError} `ValidationException` */
export function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw invalid('INVALID_PARAMETER_VALUE', z.prettifyError(result.error).slice(0, 256));
  return result.data;
}

/** @throws {@link EbsError} `ResourceNotFoundException`, or `ValidationException` for what is no id. */
export function getSnapshot({ ec2 }: EbsCall, snapshotId: string | undefined): Snapshot {
  if (snapshotId === undefined || !/^snap-[0-9a-f]+$/.test(snapshotId) || snapshotId.length > 64)
    throw invalid('INVALID_SNAPSHOT_ID', `'${snapshotId}' is not the id of a snapshot.`);
  const snapshot = ec2.region.snapshots.get(snapshotId);
  if (snapshot) return snapshot;
  const message = `The snapshot '${snapshotId}' does not exist.`;
  throw new EbsError(404, 'ResourceNotFoundException', message, 'SNAPSHOT_NOT_FOUND');
}

/** @throws {@link EbsError} also when it is not completed: AWS documents that it is refused then, not how. */
export function getCompletedSnapshot(call: EbsCall, snapshotId: string | undefined): Snapshot {
  const snapshot = getSnapshot(call, snapshotId);
  const state = snapshotState(call.ec2, snapshot);
  if (state !== 'completed')
    throw invalid('INVALID_SNAPSHOT_ID', `The snapshot '${snapshotId}' is not completed, but ${state}.`);
  return snapshot;
}

/** @throws {@link EbsError} `AccessDeniedException` when blocks are encrypted with a key that may not be used. */
export function assertKey({ settings }: EbsCall, kmsKeyId: string | undefined): void {
  if (kmsKeyId === undefined || !settings.deniedKeys.some((pattern) => matchesPattern(pattern, kmsKeyId)))
    return;
  const message = `The key ${kmsKeyId} may not be used.`;
  throw new EbsError(403, 'AccessDeniedException', message, 'DEPENDENCY_ACCESS_DENIED');
}
