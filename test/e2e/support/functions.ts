import {
  DeleteFunctionConcurrencyCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import type { App } from './deployed.ts';

/** Calls a function of the pipeline and returns its answer. @throws {@link Error} the function failed. */
export async function invoke(app: App, folder: string, event: unknown): Promise<unknown> {
  const lambda = new LambdaClient({ region: app.region });
  const FunctionName = await app.functionName(folder);
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
  );
  const answer = Buffer.from(Payload ?? []).toString('utf8');
  if (FunctionError !== undefined) throw new Error(`${folder} failed: ${answer}`);
  return JSON.parse(answer) as unknown;
}

/** Lets a function run only so many times at once; 0 throttles every call, as an exhausted account does. */
export async function limitConcurrency(app: App, folder: string, atOnce: number | undefined): Promise<void> {
  const lambda = new LambdaClient({ region: app.region });
  const FunctionName = await app.functionName(folder);
  if (atOnce === undefined) await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  else
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: atOnce }),
    );
}
