import { DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { S3ObjectStore, SystemClock } from '@holdfast/aws';
import { verifyAudit, type AuditEntry, type ResourceArn } from '@holdfast/engine';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  makeMachine,
  tagMachine,
  writeVolume,
  type SourceMachine,
} from '../../localstack/demo/source-machine.ts';
import type { SourceBucket, ExpectedState } from '../../localstack/demo/source-objects.ts';
import { findDifference } from './support/volumes.ts';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import { arnOfBucket, listPoints, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restore, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource, putAwkward, tagBucket, untag } from './support/source-buckets.ts';

const app = openApp();
const ec2 = new EC2Client({});
const noGateway = await findGap('gateway');
const bytes = new VolumeBytes(app.environment['AWS_ENDPOINT_URL'] ?? '');
const { main, empty } = testBuckets.sources;
const types = ['full', 'incremental', 'differential', 'synthetic-full'] as const;
const states: ExpectedState[] = [];
let bucket: SourceBucket;
let machine: SourceMachine | undefined;
/** What the volumes hold when the first cycle runs: longer than what they held before. */
const textAtFull = (volumeId: string) => `volume ${volumeId}, as it was when the full cycle ran`;

beforeAll(async () => {
  await makeTargets(app);
  bucket = await makeSource(app, main, { plan: testPlans.main, objects: 90 });
  await putAwkward(bucket);
  await app.s3.send(new CreateBucketCommand({ Bucket: empty }));
  await tagBucket(app, empty, testPlans.main);
  if (noGateway === undefined) {
    machine = await makeMachine(ec2, bytes);
    for (const volumeId of machine.volumeIds) await writeVolume(bytes, volumeId, textAtFull(volumeId));
    await tagMachine(ec2, machine, 'holdfast:plan', testPlans.main);
  }

  states.push(bucket.state());
  await runGoodCycle(app, testPlans.main, 'full');
  await change('first', 0);
  if (machine !== undefined)
    await writeVolume(bytes, machine.volumeIds[1] as string, 'changed after the full');
  states.push(bucket.state());
  await runGoodCycle(app, testPlans.main, 'incremental');
  await change('second', 30);
  states.push(bucket.state());
  await runGoodCycle(app, testPlans.main, 'differential');
  states.push(bucket.state());
  await runGoodCycle(app, testPlans.main, 'synthetic-full');
});

afterAll(async () => {
  await untag(app, main, empty);
  if (machine !== undefined) await untagMachine(machine);
});

describe('a tagged bucket with awkward keys, after a full, an incremental, a differential and a synthetic full', () => {
  test('has one point of each type, and the right ones know each other', async () => {
    const points = await listPoints(app, arnOfBucket(main));

    expect(points.map(({ type }) => type)).toEqual(types);
    expect(points.map(({ warnings }) => warnings)).toEqual([0, 0, 0, 0]);
    const [full, incremental, differential] = points;
    expect(incremental?.basePointId).toBe(full?.pointId);
    expect(differential?.basePointId).toBe(full?.pointId);
    // Not `readBytes`: what was written in the seconds before a cycle is read again in the next.
    expect(incremental?.counts).toMatchObject({ filesChanged: 25, filesRemoved: 10 });
    expect(incremental?.counts.newBytes).toBeLessThan(full?.counts.newBytes ?? 0);
  });

  test.for(types.map((type, index) => ({ type, index })))(
    'is restored from its $type byte by byte, as it was then',
    async ({ type, index }) => {
      const point = (await listPoints(app, arnOfBucket(main)))[index];
      expect(point?.type).toBe(type);

      const differences = await restoreAndCompare(app, point?.pointId ?? '', states[index] as ExpectedState);

      expect(differences).toEqual([]);
    },
  );

  test('gives back one file and one folder, and nothing else', async () => {
    const [full] = await listPoints(app, arnOfBucket(main));
    const paths = ['../../etc/passwd', 'first/a/'];
    const wanted = new Map(
      [...(states[0] as ExpectedState)].filter(([key]) => key === paths[0] || key.startsWith('first/a/')),
    );

    const differences = await restoreAndCompare(app, full?.pointId ?? '', wanted, paths);

    expect(wanted.size).toBeGreaterThan(5);
    expect(differences).toEqual([]);
  });
});

test('what was deployed is on the audit log, before what its cycles did', async () => {
  const entries: AuditEntry[] = [];
  const store = new S3ObjectStore(app.clients, app.vaultBucket, new SystemClock());
  const { problems } = await verifyAudit(store, { onEntry: (entry) => entries.push(entry) });

  expect(problems).toEqual([]);
  const configurations = entries.filter(({ event }) => event.kind === 'configuration');
  const commits = entries.filter(
    ({ chain, event }) => chain === arnOfBucket(main) && event.kind === 'commit',
  );
  expect(configurations.map(({ event }) => JSON.stringify(event).includes(testPlans.main))).toEqual([true]);
  expect(commits).toHaveLength(4);
  for (const { at } of commits) expect(at >= (configurations[0]?.at ?? '')).toBe(true);
});

test('an empty bucket has a point in every cycle, and restoring one writes nothing', async () => {
  const points = await listPoints(app, arnOfBucket(empty));

  expect(points.map(({ type, counts }) => [type, counts.files])).toEqual(types.map((type) => [type, 0]));
  for (const { pointId } of points.slice(-1))
    expect(await restoreAndCompare(app, pointId, new Map())).toEqual([]);
});

describeUnless(noGateway)('an instance and one of its volumes, both tagged', () => {
  test('are protected once: under the instance', async () => {
    const ofInstance = await listPoints(app, arnOf('instance', machine?.instanceId));
    const ofVolume = await listPoints(app, arnOf('volume', machine?.volumeIds[1]));

    // A synthetic full of an image does not exist.
    expect(ofInstance.map(({ type }) => type)).toEqual(['full', 'incremental', 'differential']);
    expect(ofVolume).toEqual([]);
  });

  test('come back as volumes with the bytes that they had then', async () => {
    const [full] = await listPoints(app, arnOf('instance', machine?.instanceId));

    const { status, output } = await restore(app, {
      point: full?.pointId,
      target: { volumes: { availabilityZone: `${app.region}a` } },
    });

    expect(status).toBe('SUCCEEDED');
    const { volumes } = (output as RestoredVolumes).report;
    expect(new Set(volumes.map(({ sourceVolumeId }) => sourceVolumeId))).toEqual(new Set(machine?.volumeIds));
    for (const { sourceVolumeId, volumeId } of volumes)
      expect(await findDifference(bytes, volumeId, textAtFull(sourceVolumeId))).toBeUndefined();
    const data = machine?.volumeIds[1] ?? '';
    expect(await findDifference(bytes, data, textAtFull(data))).toBe(0);
  });
});

interface RestoredVolumes {
  readonly report: {
    readonly volumes: readonly { readonly sourceVolumeId: string; readonly volumeId: string }[];
  };
}

function arnOf(kind: string, id = ''): ResourceArn {
  return `arn:aws:ec2:${app.region}:${app.accountId}:${kind}/${id}` as ResourceArn;
}

async function change(round: string, from: number): Promise<void> {
  const keys = [...bucket.state().keys()].filter((key) => key.startsWith('first/')).slice(from, from + 30);
  for (const key of keys.slice(0, 10))
    await bucket.put(key, Buffer.from(`${key} as of ${round}\n`.repeat(50)));
  for (const key of keys.slice(10, 15)) await bucket.rename(key, `renamed/${round}/${key}`);
  for (const key of keys.slice(15, 20)) await bucket.remove(key);
  await fill(bucket, `${round}-change`, 10);
}

async function untagMachine({ instanceId, volumeIds }: SourceMachine): Promise<void> {
  await ec2.send(
    new DeleteTagsCommand({ Resources: [instanceId, ...volumeIds], Tags: [{ Key: 'holdfast:plan' }] }),
  );
}
