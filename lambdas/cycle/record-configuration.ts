import { recordConfiguration } from '@holdfast/engine';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { cycleSteps } from './steps.ts';

export interface RecordConfigurationOutput {
  /** The deployed configuration differs from the last one on the log. */
  readonly changed: boolean;
}

/**
 * Puts the deployed configuration on the audit log, unless the log had it last. Every cycle and every maintenance
 * begins with it, so nothing is done under a configuration that is not on record. Repeatable, also concurrently.
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
