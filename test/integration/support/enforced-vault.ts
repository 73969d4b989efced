import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { KMSClient, PutKeyPolicyCommand, GetKeyPolicyCommand } from '@aws-sdk/client-kms';
import { GetBucketPolicyCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { patienceMs } from '../../support/patience.ts';
import { startIamEmulator, type IamEmulator } from '../../support/iam-emulator.ts';
import type { PolicyDocument } from '../../infra/simulate.ts';
import { KEY_ID, ROLES, VAULT_ID, vaultTemplate, type RoleId } from '../../infra/vault-stack.ts';

interface RoleClients {
  readonly s3: S3Client;
  readonly kms: KMSClient;
}

/** A vault and its key under the synthesized policies, where IAM is enforced. */
export interface EnforcedVault {
  readonly bucket: string;
  readonly keyId: string;
  readonly as: Readonly<Record<RoleId, RoleClients>>;
  /** As deployed. */
  readonly bucketPolicy: PolicyDocument;
  readonly keyPolicy: PolicyDocument;
  /** Replaces a policy, as the root user. */
  setBucketPolicy(policy: PolicyDocument): Promise<void>;
  setKeyPolicy(policy: PolicyDocument): Promise<void>;
  stop(): Promise<void>;
}

/** Deploys the template of a vault to an emulator that enforces IAM, and opens a session for each role. */
export async function deployEnforcedVault(options: {
  readonly lockMode: 'governance' | 'compliance';
  readonly tls?: boolean;
}): Promise<EnforcedVault> {
  const emulator = await startIamEmulator(options.tls === undefined ? {} : { tls: options.tls });
  try {
    const { region, accountId } = emulator;
    const place = { account: accountId, region };
    const template = vaultTemplate({ lockMode: options.lockMode, place }).toJSON();
    // They look for what `cdk bootstrap` leaves in an account.
    const { Parameters: _parameters, Rules: _rules, ...resources } = template;
    const physicalIds = await createStack(emulator, JSON.stringify(resources));
    const bucket = physicalIds[VAULT_ID] ?? '';
    const keyId = physicalIds[KEY_ID] ?? '';
    const root = clientsOf(emulator, emulator.rootCredentials);
    const sessions = await Promise.all(ROLES.map(async (id) => [id, await assume(emulator, id)] as const));
    const { Policy: bucketPolicy = '' } = await root.s3.send(new GetBucketPolicyCommand({ Bucket: bucket }));
    const { Policy: keyPolicy = '' } = await root.kms.send(new GetKeyPolicyCommand({ KeyId: keyId }));
    return {
      bucket,
      keyId,
      as: Object.fromEntries(sessions) as Record<RoleId, RoleClients>,
      bucketPolicy: JSON.parse(bucketPolicy) as PolicyDocument,
      keyPolicy: JSON.parse(keyPolicy) as PolicyDocument,
      setBucketPolicy: async (policy) => {
        await root.s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }));
      },
      setKeyPolicy: async (policy) => {
        await root.kms.send(
          new PutKeyPolicyCommand({ KeyId: keyId, PolicyName: 'default', Policy: JSON.stringify(policy) }),
        );
      },
      stop: () => emulator.stop(),
    };
  } catch (error) {
    await emulator.stop();
    throw error;
  }
}

type Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

function configOf({ region, endpointUrl, requestHandler }: IamEmulator, credentials: Credentials) {
  return { region, endpoint: endpointUrl, requestHandler, credentials, maxAttempts: 1 };
}

function clientsOf(emulator: IamEmulator, credentials: Credentials): RoleClients {
  const config = configOf(emulator, credentials);
  return { s3: new S3Client({ ...config, forcePathStyle: true }), kms: new KMSClient(config) };
}

async function assume(emulator: IamEmulator, role: RoleId): Promise<RoleClients> {
  const sts = new STSClient(configOf(emulator, emulator.rootCredentials));
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({
      RoleArn: `arn:aws:iam::${emulator.accountId}:role/${role}`,
      RoleSessionName: 'test',
    }),
  );
  return clientsOf(emulator, {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  });
}

async function createStack(emulator: IamEmulator, TemplateBody: string): Promise<Record<string, string>> {
  const client = new CloudFormationClient(configOf(emulator, emulator.rootCredentials));
  const StackName = 'Vault';
  await client.send(
    new CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_NAMED_IAM'] }),
  );
  await waitUntilStackCreateComplete(
    { client, maxWaitTime: patienceMs / 1000, minDelay: 1, maxDelay: 1 },
    { StackName },
  );
  const { StackResources = [] } = await client.send(new DescribeStackResourcesCommand({ StackName }));
  return Object.fromEntries(
    StackResources.map((one) => [one.LogicalResourceId ?? '', one.PhysicalResourceId ?? '']),
  );
}
