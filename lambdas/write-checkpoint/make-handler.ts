import { type AuditLogOptions, putCheckpoint, recordConfiguration } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../shared/define-handler.ts';
import type { Logger } from '../shared/logger.ts';

/** The day's checkpoint: its hash, kept outside the vault, proves the log up to that day. */
export interface CheckpointOutput {
  readonly date: string;
  readonly sha256: string;
  /** Whether what is deployed is not what the log had last. */
  readonly configurationChanged: boolean;
}

/**
 * Records what is deployed if it is not what the log had last, then writes the day's checkpoint over all chains.
 * Repeatable. A change of the configuration gets on the log with the next maintenance after it was deployed.
 */
export function makeHandler(
  deps: AuditLogOptions & { readonly configuration: Record<string, unknown>; readonly log: Logger },
): StepHandler<CheckpointOutput> {
  const { configuration, log } = deps;
  return defineHandler('write-checkpoint', z.unknown(), async () => {
    const configurationChanged = await recordConfiguration(deps, configuration);
    const checkpoint = await putCheckpoint(deps);
    log.info('wrote the checkpoint of the audit log', { ...checkpoint, configurationChanged });
    return { ...checkpoint, configurationChanged };
  });
}
