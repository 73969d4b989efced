import { randomUUID } from 'node:crypto';
import {
  CloudWatchClient,
  paginateDescribeAlarms,
  SetAlarmStateCommand,
  type MetricAlarm,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { PointId } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { describeUnless, findGap } from '../support/gaps.ts';
import { arnOfBucket, newestPoint, runCycle, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import { runExecution } from './support/executions.ts';
import { invoke } from './support/functions.ts';
import { sumOf } from './support/metrics.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { restore } from './support/restores.ts';
import { makeSource, tagBucket, untag } from './support/source-buckets.ts';

const app = openApp();
const cloudWatch = new CloudWatchClient({});
const sqs = new SQSClient({});
const noAlarms = await findGap('alarms');
const { alarms: source } = testBuckets.sources;
const hourMs = 3_600_000;
const Notification = z.object({
  AlarmName: z.string(),
  NewStateValue: z.string(),
  OldStateValue: z.string(),
});
type Notification = z.infer<typeof Notification>;

let alarms: readonly MetricAlarm[];
let inbox: string;
const received: Notification[] = [];

describeUnless(noAlarms)('an alarm goes from OK to ALARM and tells the topic', () => {
  beforeAll(async () => {
    await makeSource(app, source, { plan: testPlans.alarms, objects: 3 });
    await runGoodCycle(app, testPlans.alarms, 'full');
    alarms = await listAlarms();
    inbox = await makeInbox();
  });

  afterAll(async () => untag(app, source));

  test('when a cycle fails', async () => {
    await seeAlarm('CycleFailures', async () => {
      expect((await runCycle(app, 'not-deployed', 'full')).status).toBe('FAILED');
    });
  });

  test('when a restore fails', async () => {
    await seeAlarm('RestoreFailures', async () => {
      const request = {
        point: '20200101T000000Z-0123456789abcdef',
        target: { bucket: testBuckets.restored },
      };
      expect((await restore(app, request)).status).toBe('FAILED');
    });
  });

  test('when an event could not be delivered', async () => {
    const deadLetters = await findQueue('DeadLetters');
    await seeAlarm('DeadLetters', async () => {
      await sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: '{"plan":"gone"}' }));
      expect(await invoke(app, 'count-dead-letters', {})).toMatchObject({ deadLetters: 1 });
    });
    await sqs.send(new PurgeQueueCommand({ QueueUrl: deadLetters }));
    expect(await invoke(app, 'count-dead-letters', {})).toMatchObject({ deadLetters: 0 });
  });

  test('when a resource has no point as recent as its plan promises', async () => {
    expect(await check()).toMatchObject({ overduePlans: 0, overdueResources: 0 });
    const point = await newestPoint(app, arnOfBucket(source));

    await seeAlarm('OverduePlans', async () => {
      const late = 'holdfast-e2e-late';
      await app.s3.send(new CreateBucketCommand({ Bucket: late }));
      await tagBucket(app, late, testPlans.alarms);
      // Two days ago: nobody can wait for that here.
      await app.catalog.points.put({
        ...point,
        pointId: '20200101T000000Z-0123456789abcdef' as PointId,
        resourceArn: arnOfBucket(late),
        sourceTime: new Date(Date.now() - 48 * hourMs),
      });
      const found = await check();
      await untag(app, late);
      await app.catalog.points.remove('20200101T000000Z-0123456789abcdef' as PointId);
      expect(found).toEqual({
        done: true,
        maintenanceOverdue: 0,
        overduePlans: 1,
        overdueResources: 1,
        degradedResources: 0,
        suspectResources: 0,
        problems: 0,
      });
    });
    expect(await sumOf(app, 'OverduePlans', testPlans.alarms)).toBe(1);
  });

  test('when the newest point of a resource lacks what could not be read', async () => {
    const clean = await newestPoint(app, arnOfBucket(source));
    const pointId = '20200102T000000Z-0123456789abcdef' as PointId;

    await seeAlarm('DegradedResources', async () => {
      await app.catalog.points.put({
        ...clean,
        pointId,
        sourceTime: new Date(clean.sourceTime.getTime() + 1000),
        unread: { carried: 1, missing: 2 },
      });
      const found = await check();
      await app.catalog.points.remove(pointId);
      expect(found).toMatchObject({ overdueResources: 0, degradedResources: 1 });
    });
    expect(await check()).toMatchObject({ degradedResources: 0 });
  });

  test('when a resource was never protected at all', async () => {
    const late = 'holdfast-e2e-never';
    await app.s3.send(new CreateBucketCommand({ Bucket: late }));
    await tagBucket(app, late, testPlans.alarms);

    await seeAlarm('OverduePlans', async () => {
      expect(await check()).toMatchObject({ overdueResources: 1 });
    });
    await untag(app, late);
    expect(await check()).toMatchObject({ overduePlans: 0 });
  });
});

/** Findings of the daily check. */
async function check(): Promise<unknown> {
  const { status, output } = await runExecution(app.sfn, app.machines.check, randomUUID(), {});
  expect(status).toBe('SUCCEEDED');
  return output;
}

/**
 * Sets the alarm of a metric to OK, lets something go wrong, and waits for the topic's message. What earlier test
 * files published is still in the alarm's period here: so the metric has to grow as well.
 */
async function seeAlarm(metric: string, goWrong: () => Promise<void>): Promise<void> {
  const alarm = alarms.find(({ MetricName }) => MetricName === metric);
  if (alarm?.AlarmName === undefined) throw new Error(`metric ${metric} has no alarm`);
  const before = await sumOf(app, metric);
  const StateValue = 'OK';
  await cloudWatch.send(
    new SetAlarmStateCommand({ AlarmName: alarm.AlarmName, StateValue, StateReason: 'a test begins' }),
  );
  received.length = 0;

  await goWrong();

  const message = await eventually(`the message of alarm ${alarm.AlarmName}`, async () => {
    received.push(...(await receive()));
    return received.find(({ AlarmName }) => AlarmName === alarm.AlarmName);
  });
  expect(message).toMatchObject({ OldStateValue: 'OK', NewStateValue: 'ALARM' });
  expect(await sumOf(app, metric)).toBeGreaterThan(before);
}

async function listAlarms(): Promise<MetricAlarm[]> {
  const found: MetricAlarm[] = [];
  for await (const page of paginateDescribeAlarms({ client: cloudWatch }, {}))
    found.push(...(page.MetricAlarms ?? []));
  return found.filter(({ Namespace }) => Namespace === 'Holdfast');
}

/** A queue that hears what the topic of the alarms says. */
async function makeInbox(): Promise<string> {
  const TopicArn = app.outputs['AlarmTopicArn'];
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'holdfast-e2e-inbox' }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await new SNSClient({}).send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: Attributes?.QueueArn,
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  return QueueUrl;
}

async function receive(): Promise<Notification[]> {
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: inbox, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  return (Messages ?? []).map(({ Body = '' }) => Notification.parse(JSON.parse(Body)));
}

async function findQueue(name: string): Promise<string> {
  const { QueueUrls } = await sqs.send(new ListQueuesCommand({}));
  const url = QueueUrls?.find((candidate) => candidate.includes(name));
  if (url === undefined) throw new Error(`no queue is called like ${name}`);
  return url;
}
