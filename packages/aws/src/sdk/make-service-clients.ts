import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { sendBodiesInPieces } from './bodies-in-pieces.ts';
import { type ClientOptions, commonOptions, isLoopback, withoutRetries } from './client-options.ts';

/** A store needs two clients: a write whose answer was lost must not be repeated under the same name. */
export interface S3Clients {
  readonly s3: S3Client;
  readonly s3WithoutRetries: S3Client;
}

export function makeS3Clients(options: ClientOptions = {}): S3Clients {
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL'];
  const s3Options = {
    ...commonOptions(options),
    // An emulator on this machine has no names for buckets: the bucket goes into the path.
    forcePathStyle: isLoopback(endpoint),
    // Checksums are our own SHA-256; the SDK's CRC on top of them would be paid for nothing.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  } as const;
  return {
    s3: sendBodiesInPieces(new S3Client(s3Options)),
    s3WithoutRetries: sendBodiesInPieces(new S3Client(withoutRetries(s3Options))),
  };
}

export function makeDynamoClient(options: ClientOptions = {}): DynamoDBDocumentClient {
  return documentClient(new DynamoDBClient(commonOptions(options)));
}

export function makeKmsClient(options: ClientOptions = {}): KMSClient {
  return new KMSClient(commonOptions(options));
}

export function makeTaggingClient(options: ClientOptions = {}): ResourceGroupsTaggingAPIClient {
  return new ResourceGroupsTaggingAPIClient(commonOptions(options));
}

export function makeStepFunctionsClient(options: ClientOptions = {}): SFNClient {
  return new SFNClient(commonOptions(options));
}

export function makeCloudWatchClient(options: ClientOptions = {}): CloudWatchClient {
  return new CloudWatchClient(commonOptions(options));
}

export function documentClient(dynamo: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } });
}
