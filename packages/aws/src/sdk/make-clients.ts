import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { KMSClient } from '@aws-sdk/client-kms';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { sendBodiesInPieces } from './bodies-in-pieces.ts';

/** The two clients that a store needs: a write whose answer was lost must not be repeated under the same name. */
export interface S3Clients {
  readonly s3: S3Client;
  /** One attempt a call. */
  readonly s3WithoutRetries: S3Client;
}

/** The two clients that images need: CreateSnapshots has no token, so repeating it makes snapshots twice. */
export interface Ec2Clients {
  readonly ec2: EC2Client;
  /** One attempt a call. */
  readonly ec2WithoutRetries: EC2Client;
}

/** Every client of the product. */
export interface AwsClients extends S3Clients, Ec2Clients {
  readonly dynamo: DynamoDBDocumentClient;
  readonly kms: KMSClient;
  readonly tagging: ResourceGroupsTaggingAPIClient;
  readonly stepFunctions: SFNClient;
  readonly cloudWatch: CloudWatchClient;
  readonly sts: STSClient;
  /** Closes all connections. */
  destroy(): void;
}

/** Where clients connect to. Region and credentials come from the SDK's own chain when they are left out. */
export interface ClientOptions {
  readonly region?: string;
  /** Another endpoint than AWS's own. @default `AWS_ENDPOINT_URL`, as the SDK reads it */
  readonly endpoint?: string;
  /** Connections a client has at a time. @default 64 */
  readonly maxSockets?: number;
}

/*
 * The one place where clients are made: one function each, so that a bundle holds only the clients that its program
 * asks for. EC2's alone is half a megabyte.
 */

/** Clients of a store. */
export function makeS3Clients(options: ClientOptions = {}): S3Clients {
  const endpoint = options.endpoint ?? process.env['AWS_ENDPOINT_URL'];
  const s3Options = {
    ...common(options),
    // An emulator on this machine has no names for buckets: the bucket goes into the path.
    forcePathStyle: isLoopback(endpoint),
    // Checksums are our own SHA-256; the SDK's CRC on top of them would be paid for nothing.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  } as const;
  return {
    s3: sendBodiesInPieces(new S3Client(s3Options)),
    s3WithoutRetries: sendBodiesInPieces(new S3Client(once(s3Options))),
  };
}

/** Clients of images. */
export function makeEc2Clients(options: ClientOptions = {}): Ec2Clients {
  const ec2Options = common(options);
  return { ec2: new EC2Client(ec2Options), ec2WithoutRetries: new EC2Client(once(ec2Options)) };
}

/** The client of the catalog and the chunk index. */
export function makeDynamoClient(options: ClientOptions = {}): DynamoDBDocumentClient {
  return documentClient(new DynamoDBClient(common(options)));
}

/** The client of a keyring. */
export function makeKmsClient(options: ClientOptions = {}): KMSClient {
  return new KMSClient(common(options));
}

/** The client of the tagging index, for discovery. */
export function makeTaggingClient(options: ClientOptions = {}): ResourceGroupsTaggingAPIClient {
  return new ResourceGroupsTaggingAPIClient(common(options));
}

/** The client that starts and reads executions. */
export function makeStepFunctionsClient(options: ClientOptions = {}): SFNClient {
  return new SFNClient(common(options));
}

/** The client of metrics. */
export function makeCloudWatchClient(options: ClientOptions = {}): CloudWatchClient {
  return new CloudWatchClient(common(options));
}

/** All clients, for programs that are not bundled. */
export function makeClients(options: ClientOptions = {}): AwsClients {
  const { s3, s3WithoutRetries } = makeS3Clients(options);
  const { ec2, ec2WithoutRetries } = makeEc2Clients(options);
  const dynamo = new DynamoDBClient(common(options));
  const kms = makeKmsClient(options);
  const tagging = makeTaggingClient(options);
  const stepFunctions = makeStepFunctionsClient(options);
  const cloudWatch = makeCloudWatchClient(options);
  const sts = new STSClient(common(options));
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

function documentClient(dynamo: DynamoDBClient): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(dynamo, { marshallOptions: { removeUndefinedValues: true } });
}

/**
 * The same client with one attempt a call, and with a connection of its own for each: a kept one that the other side
 * has closed, as it does while a function is frozen between two calls, is noticed by writing into it only. That is the
 * SDK's most usual reason to repeat a call, and fails one that must not be repeated. A handshake costs milliseconds.
 */
function once<Options extends ReturnType<typeof common>>(options: Options) {
  const { requestHandler } = options;
  return {
    ...options,
    retryMode: 'standard',
    maxAttempts: 1,
    requestHandler: {
      ...requestHandler,
      httpAgent: { ...requestHandler.httpAgent, keepAlive: false },
      httpsAgent: { ...requestHandler.httpsAgent, keepAlive: false },
    },
  };
}

/**
 * What all clients have in common. Retries: adaptive, eight attempts, so that a throttled account slows its workers
 * down instead of failing them. Time limits: 5 seconds to connect, 2 minutes without a byte.
 */
function common(options: ClientOptions) {
  return {
    region: options.region,
    endpoint: options.endpoint,
    retryMode: 'adaptive',
    maxAttempts: 8,
    requestHandler: {
      connectionTimeout: 5000,
      socketTimeout: 120_000,
      httpAgent: { maxSockets: options.maxSockets ?? 64 },
      httpsAgent: { maxSockets: options.maxSockets ?? 64 },
    },
  };
}

/** Whether an endpoint is on this machine. */
export function isLoopback(endpoint: string | undefined): boolean {
  if (endpoint === undefined || !URL.canParse(endpoint)) return false;
  return ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(endpoint).hostname);
}
