import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { UnknownNameError } from '@holdfast/engine';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

const notFoundNames: ReadonlySet<string> = new Set([
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
]);

/**
 * Counts the messages that wait in a queue; the number may be about a minute old.
 * @throws {@link UnknownNameError} no such queue.
 */
export async function countMessages(sqs: SQSClient, queueUrl: string): Promise<number> {
  const command = new GetQueueAttributesCommand({
    QueueUrl: queueUrl,
    AttributeNames: ['ApproximateNumberOfMessages'],
  });
  try {
    const { Attributes } = await sqs.send(command);
    return Number(Attributes?.ApproximateNumberOfMessages ?? 0);
  } catch (error) {
    if (notFoundNames.has(errorName(error))) {
      throw new UnknownNameError(`queue ${queueUrl} does not exist; deploy the pipeline again`, {
        cause: error,
      });
    }
    throw toEngineError(error, `counting the messages of ${queueUrl}`);
  }
}
