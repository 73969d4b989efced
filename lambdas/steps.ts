import { cycleSteps } from './cycle/steps.ts';
import { holdSteps } from './hold/steps.ts';
import { imageSteps } from './image/steps.ts';
import { maintenanceSteps } from './maintenance/steps.ts';
import { protectSteps } from './protect/steps.ts';
import { restoreSteps } from './restore/steps.ts';
import { watchSteps } from './watch/steps.ts';

export const allSteps = {
  ...cycleSteps,
  ...protectSteps,
  ...imageSteps,
  ...restoreSteps,
  ...holdSteps,
  ...maintenanceSteps,
  ...watchSteps,
} as const;
