import { serve } from '../runtime/serve.ts';
import { holdPointsStep } from './hold-points.ts';
import type { holdSteps } from './steps.ts';

export const handler = await serve<typeof holdSteps>({
  'hold-points': holdPointsStep,
});
