import { DescribeStackResourcesCommand, type CloudFormationClient } from '@aws-sdk/client-cloudformation';
import {
  DescribeTimeToLiveCommand,
  UpdateTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import {
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import * as z from 'zod';
import { LifecycleRules, toLifecycleRules } from './lifecycle-rules.ts';

/** A deployed stack with its synthesized template: the parsed `cdk.out/<stack>.template.json`. */
export interface DeployedStack {
  readonly stackName: string;
  readonly template: unknown;
}

export interface CompletionClients {
  readonly cloudFormation: CloudFormationClient;
  readonly s3: S3Client;
  readonly dynamoDb: DynamoDBClient;
}

const Template = z.looseObject({
  Resources: z
    .record(z.string(), z.looseObject({ Type: z.string(), Properties: z.unknown().optional() }))
    .default({}),
});
const BucketProperties = z.looseObject({
  LifecycleConfiguration: z.looseObject({ Rules: LifecycleRules }).optional(),
});
const TableProperties = z.looseObject({
  TimeToLiveSpecification: z
    .looseObject({ AttributeName: z.string(), Enabled: z.union([z.boolean(), z.string()]) })
    .optional(),
});

/**
 * Applies what the emulator's CloudFormation drops from a template (lifecycle rules of buckets, time to live of
 * tables), and returns a line for each to print. It leaves alone what is set already, so on AWS it does nothing.
 */
export async function completeDeployment(
  stack: DeployedStack,
  clients: CompletionClients,
): Promise<string[]> {
  const template = Template.parse(stack.template);
  const lines: string[] = [];
  let physicalIds: ReadonlyMap<string, string> | undefined;
  for (const [logicalId, { Type, Properties }] of Object.entries(template.Resources)) {
    const complete = completions[Type]?.(Properties ?? {});
    if (!complete) continue;
    physicalIds ??= await listPhysicalIds(stack.stackName, clients.cloudFormation);
    const physicalId = physicalIds.get(logicalId);
    if (physicalId === undefined) continue;
    const done = await complete(physicalId, clients);
    if (done) lines.push(`${stack.stackName}/${logicalId}: ${done}`);
  }
  return lines;
}

type Completion = (physicalId: string, clients: CompletionClients) => Promise<string | undefined>;

const completions: Readonly<Record<string, (properties: unknown) => Completion | undefined>> = {
  'AWS::S3::Bucket': (properties) => {
    const rules = BucketProperties.parse(properties).LifecycleConfiguration?.Rules;
    if (!rules || rules.length === 0) return undefined;
    return async (bucket, { s3 }) => {
      if (await hasLifecycle(bucket, s3)) return undefined;
      const configuration = { Rules: toLifecycleRules(rules) };
      await s3.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: configuration }),
      );
      return `${rules.length} lifecycle rules on ${bucket}`;
    };
  },
  'AWS::DynamoDB::Table': timeToLive,
  'AWS::DynamoDB::GlobalTable': timeToLive,
};

function timeToLive(properties: unknown): Completion | undefined {
  const specification = TableProperties.parse(properties).TimeToLiveSpecification;
  if (!specification || String(specification.Enabled) !== 'true') return undefined;
  const { AttributeName } = specification;
  return async (table, { dynamoDb }) => {
    const { TimeToLiveDescription } = await dynamoDb.send(
      new DescribeTimeToLiveCommand({ TableName: table }),
    );
    if (TimeToLiveDescription?.TimeToLiveStatus !== 'DISABLED') return undefined;
    const TimeToLiveSpecification = { AttributeName, Enabled: true };
    await dynamoDb.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
    return `time to live of ${table} by ${AttributeName}`;
  };
}

async function hasLifecycle(bucket: string, s3: S3Client): Promise<boolean> {
  try {
    const { Rules } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    return (Rules?.length ?? 0) > 0;
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchLifecycleConfiguration') return false;
    throw error;
  }
}

async function listPhysicalIds(
  stackName: string,
  client: CloudFormationClient,
): Promise<Map<string, string>> {
  const { StackResources = [] } = await client.send(
    new DescribeStackResourcesCommand({ StackName: stackName }),
  );
  return new Map(StackResources.map((one) => [one.LogicalResourceId ?? '', one.PhysicalResourceId ?? '']));
}
