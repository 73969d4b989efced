import { recordConfiguration } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { cycleSteps } from './steps.ts';

/** What the log had before. */
export interface RecordConfigurationOutput {
  /** Whether what is deployed is not what the log had last. */
  readonly changed: boolean;
}

/**
 * Puts what is deployed on the audit log, if it is not what the log had last. Every cycle and every maintenance begins
 * with it, so nothing is done under a configuration that is not on record. Repeatable, also at once.
 */
export const recordConfigurationStep = defineStep(
  cycleSteps,
  'record-configuration',
  z.unknown(),
  async (services): Promise<RecordConfigurationOutput> => {
    const { configuration, log } = services;
    const changed = await recordConfiguration(services, configuration);
    if (changed) log.info('recorded a changed configuration', {});
    return { changed };
  },
);
