import { serve } from '../runtime/serve.ts';
import { startCycleStep } from './start-cycle.ts';
import { recordConfigurationStep } from './record-configuration.ts';
import { discoverResourcesStep } from './discover-resources.ts';
import { reportCycleStep } from './report-cycle.ts';
import type { cycleSteps } from './steps.ts';

export const handler = await serve<typeof cycleSteps>({
  'start-cycle': startCycleStep,
  'record-configuration': recordConfigurationStep,
  'discover-resources': discoverResourcesStep,
  'report-cycle': reportCycleStep,
});
