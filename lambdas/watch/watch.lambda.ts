import { serve } from '../runtime/serve.ts';
import { checkOverdueStep } from './check-overdue.ts';
import { closeExecutionsStep } from './close-executions.ts';
import { countDeadLettersStep } from './count-dead-letters.ts';
import type { watchSteps } from './steps.ts';

export const handler = await serve<typeof watchSteps>({
  'check-overdue': checkOverdueStep,
  'close-executions': closeExecutionsStep,
  'count-dead-letters': countDeadLettersStep,
});
