import { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EC2Client } from '@aws-sdk/client-ec2';
import { EFSClient } from '@aws-sdk/client-efs';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RDSClient } from '@aws-sdk/client-rds';
import type { S3Client } from '@aws-sdk/client-s3';
import { S3ControlClient } from '@aws-sdk/client-s3-control';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SNSClient } from '@aws-sdk/client-sns';
import { type ClientOptions, commonOptions, isLoopback } from '../sdk/client-options.ts';

/** Clients of all services that hold data of an account, and of those that watch and tag it. */
export interface InventoryClients {
  readonly s3: S3Client;
  readonly ec2: EC2Client;
  readonly cloudWatch: CloudWatchClient;
  readonly efs: EFSClient;
  readonly rds: RDSClient;
  readonly dynamo: DynamoDBClient;
  readonly cloudTrail: CloudTrailClient;
  readonly s3Control: S3ControlClient;
  readonly lambda: LambdaClient;
  readonly sns: SNSClient;
  readonly quotas: ServiceQuotasClient;
}

/** Makes those that nothing else needs. */
export function makeInventoryClients(
  options: ClientOptions = {},
): Pick<
  InventoryClients,
  'efs' | 'rds' | 'dynamo' | 'cloudTrail' | 's3Control' | 'lambda' | 'sns' | 'quotas'
> {
  const common = commonOptions(options);
  return {
    efs: new EFSClient(common),
    rds: new RDSClient(common),
    dynamo: new DynamoDBClient(common),
    cloudTrail: new CloudTrailClient(common),
    lambda: new LambdaClient(common),
    sns: new SNSClient(common),
    quotas: new ServiceQuotasClient(common),
    s3Control: new S3ControlClient({ ...common, ...endpointOnThisMachine(options) }),
  };
}

/** The account goes into the host's name, which an address of this machine has no room for. */
function endpointOnThisMachine(options: ClientOptions) {
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL'] ?? '';
  return isLoopback(endpoint) ? { endpointProvider: () => ({ url: new URL(endpoint) }) } : {};
}
