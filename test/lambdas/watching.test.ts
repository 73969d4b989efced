import type { TaggedResource } from '@holdfast/aws';
import type { ResourceArn } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { checkOverdueStep } from '../../lambdas/watch/check-overdue.ts';
import { countDeadLettersStep } from '../../lambdas/watch/count-dead-letters.ts';
import { DAILY, type Deployment, makeDeployment, NO_TIME, PLENTY, untilDone } from './support/deployment.ts';
import { discoveryOf, makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';

const hour = 3_600_000;
const RUN = 'a'.repeat(32);
const ec2 = (id: string) => `arn:aws:ec2:us-east-1:1:${id}` as ResourceArn;
const arn = (name: string) => `arn:aws:s3:::${name}` as ResourceArn;

let checks = 0;

function makeCheck(
  deployment: Deployment,
  tagged: readonly TaggedResource[] = [TAGGED_BUCKET],
  lastSuccess: Date = deployment.clock.now(),
) {
  const check = checkOverdueStep.over({
    ...deployment,
    plans: [DAILY, { ...DAILY, name: 'weekly' }],
    tagged: discoveryOf(tagged),
    machines: { maintenance: { lastSuccess: async () => Promise.resolve(lastSuccess) } },
  });
  checks += 1;
  const checkId = `check-${checks}`;
  return async (context = PLENTY) => check({ checkId }, context);
}

async function protectBucket(deployment: Deployment) {
  const item = { ...TAGGED_BUCKET, resourceArn: TAGGED_BUCKET.arn, runId: RUN };
  await protectFiles(deployment, makePipeline(deployment), item);
}

test('publishes zeros when every resource is within its RPO', async () => {
  const deployment = makeDeployment();
  await protectBucket(deployment);
  deployment.clock.advance(30 * hour);

  const output = await makeCheck(deployment)();

  expect(output).toEqual({
    done: true,
    overduePlans: 0,
    overdueResources: 0,
    degradedResources: 0,
    suspectResources: 0,
    problems: 0,
    maintenanceOverdue: 0,
  });
  expect(deployment.metrics.of('OverduePlans')).toEqual([0]);
  expect(deployment.metrics.of('OverduePlans', 'weekly')).toEqual([0]);
});

test('a resource whose newest point is older than its plan promises makes the plan overdue', async () => {
  const deployment = makeDeployment();
  await protectBucket(deployment);
  deployment.clock.advance(30 * hour + 1000);

  await makeCheck(deployment)();

  expect(deployment.metrics.of('OverduePlans')).toEqual([1]);
  expect(deployment.metrics.of('OverduePlans', 'daily')).toEqual([1]);
  expect(deployment.metrics.of('OverdueResources', 'weekly')).toEqual([0]);
  expect(deployment.lines).toContainEqual(
    expect.objectContaining({ level: 'warn', message: 'overdue', resource: TAGGED_BUCKET.arn }),
  );
});

test('notices a resource that no cycle has ever seen', async () => {
  const deployment = makeDeployment();

  const output = await makeCheck(deployment)();

  expect(output).toEqual({
    done: true,
    overduePlans: 1,
    overdueResources: 1,
    degradedResources: 0,
    suspectResources: 0,
    problems: 0,
    maintenanceOverdue: 0,
  });
});

test('a volume that goes with its instance is not counted beside it', async () => {
  const deployment = makeDeployment();
  const instance: TaggedResource = { arn: ec2('instance/i-1'), kind: 'ec2-instance', plan: 'daily' };
  const volume: TaggedResource = { ...instance, arn: ec2('volume/vol-1'), kind: 'ebs-volume' };

  const output = await makeCheck(deployment, [instance, { ...volume, partOf: instance.arn }])();

  expect(output).toMatchObject({ overdueResources: 1, problems: 0 });
});

test('a resource whose tag was taken off and put on again is judged by its points', async () => {
  const deployment = makeDeployment();
  await protectBucket(deployment);
  await deployment.catalog.resources.remove(TAGGED_BUCKET.arn);

  expect(await makeCheck(deployment)()).toMatchObject({ overdueResources: 0 });
});

test('a tag that names no plan, or is misspelt, counts as a plan that is not kept', async () => {
  const deployment = makeDeployment();
  const check = makeCheck(deployment, [
    { ...TAGGED_BUCKET, arn: arn('a'), plan: 'dayly ✓' },
    { ...TAGGED_BUCKET, arn: arn('b'), plan: 'weekly', problem: 'its tag is spelled "Holdfast:Plan"' },
  ]);

  const output = await check();

  expect(output).toEqual({
    done: true,
    overduePlans: 2,
    overdueResources: 0,
    degradedResources: 0,
    suspectResources: 0,
    problems: 2,
    maintenanceOverdue: 0,
  });
  expect(deployment.metrics.of('OverduePlans', 'weekly')).toEqual([1]);
  // CloudWatch takes no such dimension.
  expect(deployment.metrics.values.some(({ dimensions }) => dimensions?.['Plan'] === 'dayly ✓')).toBe(false);
});

test('a resource whose newest point may be of an attack is suspect', async () => {
  const deployment = makeDeployment();
  deployment.source.plant('README_DECRYPT.txt', 'pay');
  await protectBucket(deployment);

  expect(await makeCheck(deployment)()).toMatchObject({ degradedResources: 0, suspectResources: 1 });

  expect(deployment.metrics.of('SuspectResources')).toEqual([1]);
  expect(deployment.lines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'suspect',
      resource: TAGGED_BUCKET.arn,
      detail: expect.stringMatching(/^point \S+ may be of an attack: names$/) as string,
    }),
  );
});

test('a resource whose newest point lacks entries is degraded, and overdue once the last clean one is too old', async () => {
  const deployment = makeDeployment();
  await protectBucket(deployment);
  deployment.clock.advance(20 * hour);
  deployment.source.plant('fine', 'content');
  deployment.source.plant('secret', 'content');
  deployment.source.trap('secret', 'deny');
  const item = { ...TAGGED_BUCKET, resourceArn: TAGGED_BUCKET.arn, runId: 'b'.repeat(32) };
  await protectFiles(deployment, makePipeline(deployment), item);
  const check = makeCheck(deployment);

  const inTime = await check();
  deployment.clock.advance(11 * hour);
  const late = await check();

  expect(inTime).toMatchObject({ overduePlans: 0, overdueResources: 0, degradedResources: 1 });
  expect(late).toMatchObject({ overduePlans: 1, overdueResources: 1, degradedResources: 1 });
  expect(deployment.metrics.of('DegradedResources')).toEqual([1, 1]);
  expect(deployment.metrics.of('DegradedResources', 'daily')).toEqual([1, 1]);
  expect(deployment.lines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'degraded',
      resource: TAGGED_BUCKET.arn,
      detail: expect.stringMatching(
        /^the newest point could not read 1 entry and lacks 1; the last clean one is \d{8}T/,
      ),
    }),
  );
});

test('a check without time judges a resource a call, and publishes once what one call would have found', async () => {
  const found = [
    { ...TAGGED_BUCKET, arn: arn('a') },
    { ...TAGGED_BUCKET, arn: arn('b'), plan: 'weekly' },
    { ...TAGGED_BUCKET, arn: arn('c'), plan: 'dayly' },
    TAGGED_BUCKET,
  ];
  const [deployment, other] = [makeDeployment(), makeDeployment()];
  for (const one of [deployment, other]) await protectBucket(one);
  const check = makeCheck(deployment, found);

  const expected = await makeCheck(other, found)();
  let calls = 0;
  const output = await untilDone(async () => {
    calls += 1;
    return (await Promise.all([check(NO_TIME), check(NO_TIME)]))[1];
  });

  expect(output).toEqual(expected);
  expect(output).toMatchObject({ overduePlans: 3, overdueResources: 2, problems: 1 });
  // The index, each resource, what follows the last of them, and each once more to judge it.
  expect(calls).toBe(1 + found.length + 1 + found.length);
  for (const plan of ['daily', 'weekly'])
    expect(deployment.metrics.of('OverdueResources', plan)).toEqual([1, 1]);
});

test('the messages of the dead-letter queue are published, zero included', async () => {
  const deployment = makeDeployment();
  let waiting = 5;
  const count = countDeadLettersStep.over({
    ...deployment,
    countDeadLetters: async () => Promise.resolve(waiting),
  });

  expect(await count({}, PLENTY)).toEqual({ deadLetters: 5 });
  waiting = 0;
  await count({}, PLENTY);

  expect(deployment.metrics.of('DeadLetters')).toEqual([5, 0]);
});

test('notices that maintenance has not succeeded for two days', async () => {
  const deployment = makeDeployment();
  const lastSuccess = deployment.clock.now();

  deployment.clock.advance(48 * hour);
  await makeCheck(deployment, [], lastSuccess)();
  deployment.clock.advance(1000);
  const output = await makeCheck(deployment, [], lastSuccess)();

  expect(output).toMatchObject({ maintenanceOverdue: 1 });
  expect(deployment.metrics.of('MaintenanceOverdue')).toEqual([0, 1]);
});
