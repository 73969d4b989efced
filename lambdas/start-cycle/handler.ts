import { makeStepFunctionsClient, StateMachine } from '@holdfast/aws';
import { makeLogger } from '../shared/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from './make-handler.ts';

const env = Env.parse(process.env);

export const handler = makeHandler({
  plans: env.PLANS,
  cycles: new StateMachine(makeStepFunctionsClient(), env.CYCLE_MACHINE_ARN),
  log: makeLogger('start-cycle'),
});
