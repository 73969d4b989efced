import { CreateTagsCommand, CreateVolumeCommand, DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import type { ResourceArn } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SourceBucket } from '../../localstack/demo/source-objects.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import {
  arnOfBucket,
  listPoints,
  newestPoint,
  newestRun,
  readPoint,
  runCycle,
  runGoodCycle,
} from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { statesOf, type Ended } from './support/executions.ts';
import { GatewayClient } from './support/gateway.ts';
import { sumOf } from './support/metrics.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const ec2 = new EC2Client({});
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const { denied, gone, partly, sealed } = testBuckets.sources;
const unreadable = 'first/c/2.txt';
const vanished = 'first/d/3.txt';

describeUnless(noGateway)('one cycle over sources of which most have a fault', () => {
  let partlyBucket: SourceBucket;
  let volumeArn: ResourceArn;
  let volumeId: string;
  let cycle: Ended;
  let failuresBefore: number;

  beforeAll(async () => {
    await makeTargets(app);
    for (const name of [denied, gone, sealed])
      await makeSource(app, name, { plan: testPlans.sources, objects: 3 });
    partlyBucket = await makeSource(app, partly, { plan: testPlans.sources, objects: 30 });
    const AvailabilityZone = `${app.region}a`;
    const { VolumeId = '' } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone, Size: 1 }));
    volumeId = VolumeId;
    volumeArn = `arn:aws:ec2:${app.region}:${app.accountId}:volume/${volumeId}` as ResourceArn;
    const Tags = [{ Key: 'holdfast:plan', Value: testPlans.sources }];
    await ec2.send(new CreateTagsCommand({ Resources: [volumeId], Tags }));
    await gateway.setEc2({ failSnapshotsOf: [volumeId] });
    const accessDenied = { kind: 'error', status: 403, code: 'AccessDenied' } as const;
    await gateway.disturb(
      { match: { service: 's3', operation: 'HeadBucket', bucket: denied }, action: accessDenied },
      { match: { service: 's3', operation: 'ListObjectsV2', bucket: denied }, action: accessDenied },
      {
        // After the tags were confirmed: the bucket goes away in the middle of the cycle.
        match: { service: 's3', operation: 'ListObjectsV2', bucket: gone },
        action: { kind: 'error', status: 404, code: 'NoSuchBucket' },
      },
      { match: { service: 's3', operation: 'GetObject', bucket: sealed }, action: accessDenied },
      {
        id: 'unreadable',
        match: { service: 's3', operation: 'GetObject', bucket: partly, key: unreadable },
        action: accessDenied,
      },
      {
        id: 'vanished',
        match: { service: 's3', operation: 'GetObject', bucket: partly, key: vanished },
        action: { kind: 'error', status: 404, code: 'NoSuchKey' },
        count: 1,
      },
    );
    failuresBefore = await sumOf(app, 'CycleFailures', testPlans.sources);
    cycle = await runCycle(app, testPlans.sources, 'full');
  });

  afterAll(async () => {
    await gateway.calm();
    await gateway.setEc2({ failSnapshotsOf: [] });
    await untag(app, denied, gone, partly, sealed);
    await ec2.send(new DeleteTagsCommand({ Resources: [volumeId], Tags: [{ Key: 'holdfast:plan' }] }));
  });

  test('the cycle fails, and says which resources are not protected', async () => {
    expect(cycle.status).toBe('FAILED');
    expect(cycle.error).toBe('CycleFailedError');
    expect(cycle.reason).toContain(`4 of 5 resources of plan "${testPlans.sources}" were not protected`);
    for (const arn of [...[denied, gone, sealed].map(arnOfBucket), volumeArn])
      expect(cycle.reason).toContain(`${arn}: `);
    expect(cycle.reason).not.toContain(partly);
    expect((await statesOf(app.sfn, cycle.arn)).at(-1)).toBe('ResourcesFailed');
  });

  test('the failures are counted where the alarm looks', async () => {
    expect(await sumOf(app, 'CycleFailures', testPlans.sources)).toBeGreaterThan(failuresBefore);
    expect(await sumOf(app, 'ResourcesFailed', testPlans.sources)).toBe(4);
    expect(await sumOf(app, 'ResourcesDegraded', testPlans.sources)).toBe(1);
  });

  test('a bucket that may not be read fails with its name and what to allow', async () => {
    const { state, error } = await newestRunOrCause(denied);

    expect(state).toBe('failed');
    expect(error).toMatch(new RegExp(`bucket ${denied} may not be read; allow s3:ListBucket`));
  });

  test('a bucket that is gone fails with its name and what to do', async () => {
    const { state, error } = await newestRunOrCause(gone);

    expect(state).toBe('failed');
    expect(error).toMatch(new RegExp(`bucket ${gone} does not exist; make it again`));
  });

  test('a bucket that is listed and of which nothing may be read fails with what to allow, and has no point', async () => {
    const { state, error } = await newestRun(app, arnOfBucket(sealed));

    expect(state).toBe('failed');
    expect(error?.name).toBe('NothingReadError');
    expect(error?.message).toMatch(
      /none of the 3 entries that .* could be read, and no point was made: .*allow s3:GetObject.*sources\.buckets/,
    );
    expect(await listPoints(app, arnOfBucket(sealed))).toEqual([]);
  });

  test('a volume whose snapshot fails has no point, and the failure names both', async () => {
    const { state, error } = await newestRun(app, volumeArn);

    expect(state).toBe('failed');
    expect(error?.name).toBe('SnapshotFailedError');
    expect(error?.message).toMatch(new RegExp(`snap-\\w+ of (volume )?${volumeId}`));
    expect(await listPoints(app, volumeArn)).toEqual([]);
  });

  test('a bucket with an object that may not be read is protected but for that object', async () => {
    const point = await newestPoint(app, arnOfBucket(partly));
    const run = await newestRun(app, arnOfBucket(partly));
    const readable = [...partlyBucket.state()].filter(([key]) => key !== unreadable && key !== vanished);

    expect(run.state).toBe('degraded');
    expect(point.unread).toEqual({ carried: 0, missing: 1 });
    expect(await gateway.countFired()).toMatchObject({ unreadable: expect.any(Number), vanished: 1 });
    expect(point.counts.files).toBe(readable.length);
    expect(await restoreAndCompare(app, point.pointId, new Map(readable))).toEqual([]);
  });

  test('the point names each object that it lacks, and what to do', async () => {
    const { warningList } = await readPoint(app, await newestPoint(app, arnOfBucket(partly)));

    expect(warningList.map(({ path, reason }) => [path, reason])).toEqual([
      [unreadable, 'denied'],
      [vanished, 'vanished'],
    ]);
    expect(warningList[0]?.message).toMatch(/may not be read; allow s3:GetObject/);
    expect(warningList[1]?.message).toMatch(/was deleted since it was listed/);
  });

  test('when the faults are over, the next cycle protects everything', async () => {
    await gateway.calm();
    await gateway.setEc2({ failSnapshotsOf: [] });

    await runGoodCycle(app, testPlans.sources, 'incremental');

    const { pointId, type, warnings, unread } = await newestPoint(app, arnOfBucket(partly));
    expect({ type, warnings }).toEqual({ type: 'incremental', warnings: 0 });
    expect(unread).toEqual({ carried: 0, missing: 0 });
    expect((await newestPoint(app, arnOfBucket(sealed))).counts.files).toBe(3);
    expect(await restoreAndCompare(app, pointId, partlyBucket.state())).toEqual([]);
    expect((await newestPoint(app, arnOfBucket(denied))).counts.files).toBe(3);
    expect((await newestPoint(app, volumeArn)).resourceKind).toBe('ebs-volume');
  });
});

async function newestRunOrCause(bucket: string) {
  const { state, error } = await newestRun(app, arnOfBucket(bucket));
  return { state, error: error?.message ?? '' };
}
