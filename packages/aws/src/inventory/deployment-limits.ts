import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  type ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { paginateListSubscriptionsByTopic, type SNSClient } from '@aws-sdk/client-sns';
import { answerOf, errorName, toEngineError } from '../sdk/sdk-errors.ts';

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

/** Blocks of EBS that the account may read, and write, in a second in its region; absent where Service Quotas does not say. */
export interface BlockQuotas {
  readonly read: number | undefined;
  readonly write: number | undefined;
}

/** "GetSnapshotBlock requests per account" and "PutSnapshotBlock requests per account" of the service `ebs`. */
export async function readBlockQuotas(quotas: ServiceQuotasClient): Promise<BlockQuotas> {
  return {
    read: await findQuota(quotas, { ServiceCode: 'ebs', QuotaCode: 'L-C125AE42' }),
    write: await findQuota(quotas, { ServiceCode: 'ebs', QuotaCode: 'L-AFAE1BE8' }),
  };
}

/**
 * The value that is applied to the account, or AWS's default: of a quota that was never changed, there may be no other.
 * @see https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
 */
async function findQuota(
  quotas: ServiceQuotasClient,
  quota: { readonly ServiceCode: string; readonly QuotaCode: string },
): Promise<number | undefined> {
  for (const command of [new GetServiceQuotaCommand(quota), new GetAWSDefaultServiceQuotaCommand(quota)]) {
    try {
      const { Quota } = await quotas.send(command);
      if (Quota?.Value !== undefined) return Quota.Value;
    } catch (error) {
      if (errorName(error) !== 'NoSuchResourceException')
        throw toEngineError(error, `reading quota ${quota.QuotaCode} of ${quota.ServiceCode}`);
    }
  }
  return undefined;
}
