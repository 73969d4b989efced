import { CreateTagsCommand, CreateVolumeCommand, DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { ResourceArn } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUnless, findGap } from '../support/gaps.ts';
import { arnOfBucket, listPoints, newestPoint, runCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import type { Ended } from './support/executions.ts';
import { GatewayClient } from './support/gateway.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const ec2 = new EC2Client({});
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const { fleet } = testBuckets.sources;
/** More than the deployment works on at once (four resources with files). */
const volumes = 6;

describeUnless(noGateway)('more volumes than places, whose snapshots do not complete', () => {
  let arns: ResourceArn[] = [];
  let cycle: Promise<Ended>;

  beforeAll(async () => {
    await makeSource(app, fleet, { plan: testPlans.fleet, objects: 5 });
    const ids: string[] = [];
    for (let index = 0; index < volumes; index++) {
      const AvailabilityZone = `${app.region}a`;
      const { VolumeId = '' } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone, Size: 1 }));
      ids.push(VolumeId);
    }
    const Tags = [{ Key: 'holdfast:plan', Value: testPlans.fleet }];
    await ec2.send(new CreateTagsCommand({ Resources: ids, Tags }));
    arns = ids.map((id) => `arn:aws:ec2:${app.region}:${app.accountId}:volume/${id}` as ResourceArn);
    await gateway.setEc2({ snapshotMs: 3_600_000 });
    cycle = runCycle(app, testPlans.fleet, 'full');
    cycle.catch(() => {});
  });

  afterAll(async () => {
    await gateway.setEc2({ snapshotMs: 0 });
    await untag(app, fleet);
    const ids = arns.map((arn) => arn.split('/').at(-1) ?? '');
    await ec2.send(new DeleteTagsCommand({ Resources: ids, Tags: [{ Key: 'holdfast:plan' }] }));
  });

  test('are all under way at once, and a bucket of the same cycle goes through meanwhile', async () => {
    await eventually('the point of the bucket', async () =>
      (await listPoints(app, arnOfBucket(fleet))).at(-1),
    );
    await eventually('the runs of all volumes', async () => {
      const states = await Promise.all(
        arns.map(async (arn) => (await app.catalog.resources.find(arn))?.lastRunState),
      );
      return states.every((state) => state === 'open') ? states : undefined;
    });

    for (const arn of arns) expect(await listPoints(app, arn)).toEqual([]);
  });

  test('have their points when EC2 has completed them, and the cycle has succeeded', async () => {
    await gateway.setEc2({ snapshotMs: 0 });

    expect(await cycle).toMatchObject({ status: 'SUCCEEDED' });
    for (const arn of arns) expect((await newestPoint(app, arn)).resourceKind).toBe('ebs-volume');
    expect((await cycle).output).toMatchObject({ report: { completed: volumes + 1, failed: 0 } });
  });
});
