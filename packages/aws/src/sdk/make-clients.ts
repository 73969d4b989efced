import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KMSClient } from '@aws-sdk/client-kms';
import type { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { STSClient } from '@aws-sdk/client-sts';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type ClientOptions, commonOptions } from './client-options.ts';
import { type Ec2Clients, makeEc2Clients } from './make-ec2-clients.ts';
import {
  documentClient,
  makeCloudWatchClient,
  makeKmsClient,
  makeS3Clients,
  makeStepFunctionsClient,
  makeTaggingClient,
  type S3Clients,
} from './make-service-clients.ts';

export interface AwsClients extends S3Clients, Ec2Clients {
  readonly dynamo: DynamoDBDocumentClient;
  readonly kms: KMSClient;
  readonly tagging: ResourceGroupsTaggingAPIClient;
  readonly stepFunctions: SFNClient;
  readonly cloudWatch: CloudWatchClient;
  readonly sts: STSClient;
  destroy(): void;
}

/** Makes every client, for programs that are not bundled. */
export function makeClients(options: ClientOptions = {}): AwsClients {
  const { s3, s3WithoutRetries } = makeS3Clients(options);
  const { ec2, ec2WithoutRetries } = makeEc2Clients(options);
  const dynamo = new DynamoDBClient(commonOptions(options));
  const kms = makeKmsClient(options);
  const tagging = makeTaggingClient(options);
  const stepFunctions = makeStepFunctionsClient(options);
  const cloudWatch = makeCloudWatchClient(options);
  const sts = new STSClient(commonOptions(options));
  const others = {
    s3,
    s3WithoutRetries,
    ec2,
    ec2WithoutRetries,
    kms,
    tagging,
    stepFunctions,
    cloudWatch,
    sts,
  };
  return {
    ...others,
    dynamo: documentClient(dynamo),
    destroy: () => {
      for (const client of [dynamo, ...Object.values(others)]) client.destroy();
    },
  };
}
