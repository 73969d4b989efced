import { type AuditLogOptions, putCheckpoint } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../shared/define-handler.ts';
import type { Logger } from '../shared/logger.ts';

/** The day's checkpoint: its hash, kept outside the vault, proves the log up to that day. */
export interface CheckpointOutput {
  readonly date: string;
  readonly sha256: string;
}

/** Writes the day's checkpoint over all chains. Repeatable. */
export function makeHandler(deps: AuditLogOptions & { readonly log: Logger }): StepHandler<CheckpointOutput> {
  return defineHandler('write-checkpoint', z.unknown(), async () => {
    const checkpoint = await putCheckpoint(deps);
    deps.log.info('wrote the checkpoint of the audit log', { ...checkpoint });
    return checkpoint;
  });
}
