import { join } from 'node:path';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoCatalog, makeClients, SystemClock, SystemRandom, type AwsClients } from '@holdfast/aws';
import type { DeployedOutputs } from '../../../localstack/deploy-app.ts';
import { inject } from 'vitest';

export const plansFile = join(import.meta.dirname, '..', 'plans.ts');
/** Folder in which the application with these plans is synthesized already; else each deployment synthesizes it. */
export const assembly = process.env['HOLDFAST_E2E_ASSEMBLY'];

/** Facts that the global setup hands to the test files. */
export interface Deployed {
  readonly outputs: DeployedOutputs;
  readonly accountId: string;
  readonly region: string;
  readonly environment: Readonly<Record<string, string>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    deployed: Deployed;
    /** Folder of the templates that were deployed. */
    templates: string;
  }
}

export interface App extends Deployed {
  readonly clients: AwsClients;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly catalog: DynamoCatalog;
  readonly vaultBucket: string;
  readonly workBucket: string;
  readonly machines: Readonly<Record<'cycle' | 'protect' | 'restore' | 'maintenance' | 'check', string>>;
  /** The physical name of the function that is in a folder of lambdas/. */
  readonly functionName: (folder: string) => Promise<string>;
}

/** A deployed application: the one that the global setup deployed, unless another one is given. */
export function openApp(deployed: Deployed = inject('deployed')): App {
  const { outputs, region } = deployed;
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined)
      throw new Error(`the deployment has no output ${name}; there are ${Object.keys(outputs).join(', ')}`);
    return value;
  };
  const clients = makeClients({ region });
  let functions: Promise<ReadonlyMap<string, string>> | undefined;
  return {
    ...deployed,
    clients,
    s3: clients.s3,
    sfn: clients.stepFunctions,
    catalog: new DynamoCatalog(
      clients.dynamo,
      output('CatalogTableName'),
      new SystemClock(),
      new SystemRandom(),
    ),
    vaultBucket: output('VaultBucketName'),
    workBucket: output('WorkBucketName'),
    machines: {
      cycle: output('CycleMachineArn'),
      protect: output('ProtectMachineArn'),
      restore: output('RestoreMachineArn'),
      maintenance: output('MaintenanceMachineArn'),
      check: output('CheckMachineArn'),
    },
    functionName: async (folder) => {
      functions ??= listFunctions(region);
      const name = (await functions).get(folder.replaceAll('-', ''));
      if (name === undefined) throw new Error(`no function of HoldfastPipeline is called like ${folder}`);
      return name;
    },
  };
}

/** Functions of the pipeline by their logical ids, reduced to the letters of their folder. */
async function listFunctions(region: string): Promise<ReadonlyMap<string, string>> {
  const client = new CloudFormationClient({ region });
  const names = new Map<string, string>();
  for await (const page of paginateListStackResources({ client }, { StackName: 'HoldfastPipeline' })) {
    for (const { ResourceType, LogicalResourceId = '', PhysicalResourceId } of page.StackResourceSummaries ??
      []) {
      if (ResourceType !== 'AWS::Lambda::Function' || PhysicalResourceId === undefined) continue;
      const folder = LogicalResourceId.replace(/^Functions/, '')
        .replace(/Function[0-9A-F]{8}$/, '')
        .toLowerCase();
      names.set(folder, PhysicalResourceId);
    }
  }
  return names;
}
