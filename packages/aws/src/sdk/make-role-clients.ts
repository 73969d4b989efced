import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SFNClient } from '@aws-sdk/client-sfn';
import { type ClientOptions, commonOptions } from './client-options.ts';

export interface RoleClients {
  readonly iam: IAMClient;
  readonly lambda: LambdaClient;
  readonly scheduler: SchedulerClient;
  readonly stepFunctions: SFNClient;
}

/** IAM has one endpoint for all regions of a partition. Its rate is low and not told: throttled calls are tried again. */
export function makeRoleClients(options: ClientOptions = {}): RoleClients {
  const common = commonOptions(options);
  return {
    iam: new IAMClient(common),
    lambda: new LambdaClient(common),
    scheduler: new SchedulerClient(common),
    stepFunctions: new SFNClient(common),
  };
}
