import { type AuditLogOptions, recordConfiguration } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';

/** What the log had before. */
export interface RecordConfigurationOutput {
  /** Whether what is deployed is not what the log had last. */
  readonly changed: boolean;
}

/**
 * Puts what is deployed on the audit log, if it is not what the log had last. Every cycle and every maintenance begins
 * with it, so nothing is done under a configuration that is not on record. Repeatable, also at once.
 */
export function makeHandler(
  deps: AuditLogOptions & { readonly configuration: Record<string, unknown>; readonly log: Logger },
): StepHandler<RecordConfigurationOutput> {
  const { configuration, log } = deps;
  return defineHandler('record-configuration', z.unknown(), async () => {
    const changed = await recordConfiguration(deps, configuration);
    if (changed) log.info('recorded a changed configuration', {});
    return { changed };
  });
}
