import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { paginateListSubscriptionsByTopic, type SNSClient } from '@aws-sdk/client-sns';
import { answerOf, toEngineError } from '../sdk/sdk-errors.ts';

/** Functions that may run at once in the account and region; `unreserved` is left for those without a share of their own. */
export async function readFunctionsAtOnce(
  lambda: LambdaClient,
): Promise<{ readonly limit: number; readonly unreserved: number }> {
  const { AccountLimit } = await answerOf(
    lambda.send(new GetAccountSettingsCommand({})),
    'reading the limits of Lambda',
  );
  const { ConcurrentExecutions = 0, UnreservedConcurrentExecutions = ConcurrentExecutions } =
    AccountLimit ?? {};
  return { limit: ConcurrentExecutions, unreserved: UnreservedConcurrentExecutions };
}

/** Subscriptions of a topic: those that somebody confirmed, and those that wait for it and carry nothing. */
export async function readSubscriptions(
  sns: SNSClient,
  topicArn: string,
): Promise<{ readonly confirmed: number; readonly pending: number }> {
  let [confirmed, pending] = [0, 0];
  try {
    for await (const page of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn: topicArn }))
      for (const { SubscriptionArn } of page.Subscriptions ?? [])
        if (SubscriptionArn === 'PendingConfirmation') pending += 1;
        // Those that somebody ended stay in the list for some days, as `Deleted`.
        else if (SubscriptionArn?.startsWith('arn:') === true) confirmed += 1;
    return { confirmed, pending };
  } catch (error) {
    throw toEngineError(error, `listing the subscriptions of ${topicArn}`);
  }
}
