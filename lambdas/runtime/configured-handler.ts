import type { S3Client } from '@aws-sdk/client-s3';
import { readDeployedConfiguration } from '@holdfast/aws';
import type { DeployedConfiguration } from '@holdfast/engine/model';
import type { StepHandler } from './define-handler.ts';
import { toHandlerError } from './to-handler-error.ts';

/**
 * A function that works by the deployed configuration. A worker reads it with its first call, once: another
 * configuration is another variable of the function, and so other workers. A failure is not kept.
 */
export function configuredHandler<Output>(
  s3: S3Client,
  url: string,
  make: (configuration: DeployedConfiguration) => StepHandler<Output>,
): StepHandler<Output> {
  let making: Promise<StepHandler<Output>> | undefined;
  const getHandler = async (): Promise<StepHandler<Output>> => {
    making ??= readDeployedConfiguration(s3, url).then(make);
    try {
      return await making;
    } catch (error) {
      making = undefined;
      throw toHandlerError(error);
    }
  };
  return async (event, context) => (await getHandler())(event, context);
}
