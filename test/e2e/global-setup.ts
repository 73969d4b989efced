import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { TestProject } from 'vitest/node';
import { deployApp } from '../../localstack/deploy-app.ts';
import { ensureTestEndpoint } from '../support/test-endpoint.ts';
import { assembly, plansFile, type Deployed } from './support/deployed.ts';
import { switchSchedule } from './support/schedules.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { waitScale } from './support/wait-scale.ts';

/**
 * Called by vitest before the first test file: deploys the application once for all of them. What it returns is called
 * after the last.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stopEndpoint = await ensureTestEndpoint({
    environment: { SFN_WAIT_SCALE: String(waitScale) },
  });
  const output = await mkdtemp(join(tmpdir(), 'holdfast-assembly-'));
  const stop = async (): Promise<void> => {
    await stopEndpoint();
    await rm(output, { recursive: true, force: true });
  };
  try {
    const endpointUrl = process.env['AWS_ENDPOINT_URL'];
    const region = process.env['AWS_REGION'];
    if (endpointUrl === undefined || region === undefined) {
      throw new Error(
        'the end-to-end tests break and delete things, and so run on an emulator only: unset HOLDFAST_ALLOW_REAL_AWS',
      );
    }
    await checkIsFresh(endpointUrl);
    const environment = awsVariables();
    const { Account } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
    const accountId = Account as string;
    const started = performance.now();
    const target = { environment, plansFile, assembly, output, accountId, region };
    const outputs = await deployApp({ ...target, log: () => undefined });
    console.log(`e2e: deployed in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    await switchSchedule(testPlans.minutely, 'DISABLED');
    const deployed: Deployed = { outputs, accountId, region, environment };
    project.provide('deployed', deployed);
    project.provide('templates', assembly ?? output);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What an earlier run left, such as points, would be taken for this one's. */
async function checkIsFresh(endpointUrl: string): Promise<void> {
  const Bucket = testBuckets.restored;
  const isUsed = await new S3Client({ forcePathStyle: true }).send(new HeadBucketCommand({ Bucket })).then(
    () => true,
    () => false,
  );
  if (!isUsed) return;
  throw new Error(
    `${endpointUrl} has the bucket ${Bucket}, so these tests ran there before: start that emulator anew, or unset ` +
      'AWS_ENDPOINT_URL to have one started',
  );
}

function awsVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[0].startsWith('AWS_') && entry[1] !== undefined,
    ),
  );
}
