import { makeS3Clients, makeStepFunctionsClient, StateMachine } from '@holdfast/aws';
import { configuredHandler } from '../runtime/configured-handler.ts';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../cycle/start-cycle.ts';

const env = Env.parse(process.env);

export const handler = configuredHandler(makeS3Clients().s3, env.CONFIGURATION, (configuration) =>
  makeHandler({
    plans: configuration.plans,
    cycles: new StateMachine(makeStepFunctionsClient(), env.CYCLE_MACHINE_ARN),
    log: makeLogger('start-cycle'),
  }),
);
