import { createHash } from 'node:crypto';

/** The id of the restore that an execution does: known even when its plan failed. */
export function restoreIdOf(execution: string): string {
  return createHash('sha256').update(execution).digest('hex').slice(0, 32);
}
