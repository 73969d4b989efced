import { DeleteTagsCommand } from '@aws-sdk/client-ec2';
import { DeleteBucketTaggingCommand, PutBucketTaggingCommand } from '@aws-sdk/client-s3';
import { describe, expect, test, vi } from 'vitest';
import type { TaggedResource } from '@holdfast/aws';
import { Ec2Images, TaggedResources } from '@holdfast/aws/ec2';
import { patienceMs } from '../support/patience.ts';
import { makeBucket } from './support/buckets.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { makeVolume, startMachine } from './support/machines.ts';

const clients = connect();

/** A tag key that no other test uses, so that tests do not see each other's resources. */
const uniqueTagKey = (): string => uniqueName('holdfast:plan');

async function makeTaggedBucket(key: string, plan: string): Promise<string> {
  const bucket = await makeBucket(clients.s3);
  const TagSet = [{ Key: key, Value: plan }];
  await clients.s3.send(new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet } }));
  return bucket;
}

/** Waits until discovery says what is expected: the index that nominates runs behind. */
async function expectDiscovered(
  key: string,
  check: (found: readonly TaggedResource[]) => void,
): Promise<void> {
  const resources = new TaggedResources(clients, key);
  await vi.waitFor(
    async () => {
      const groups = await Array.fromAsync(resources.discover());
      check(groups.flatMap((group) => group.resources));
    },
    { timeout: patienceMs },
  );
}

describe('discovery', () => {
  test('finds buckets, instances and volumes with the tag, and the plan that it names', async () => {
    const key = uniqueTagKey();
    const bucket = await makeTaggedBucket(key, 'daily');
    await makeTaggedBucket(uniqueTagKey(), 'daily');
    const instanceId = await startMachine(clients.ec2, { [key]: 'weekly' });
    const volumeId = await makeVolume(clients.ec2, { [key]: 'daily' });

    await expectDiscovered(key, (found) => {
      expect(
        found.map(({ arn, kind, plan, problem }) => [arn.split(/[/:]/).at(-1), kind, plan, problem]),
      ).toEqual(
        [
          [instanceId, 'ec2-instance', 'weekly', undefined],
          [volumeId, 'ebs-volume', 'daily', undefined],
          [bucket, 's3-bucket', 'daily', undefined],
        ].sort(([a], [b]) => order(found, a) - order(found, b)),
      );
    });
  });

  test('takes a volume of a tagged instance as a part of that one, by its plan', async () => {
    const key = uniqueTagKey();
    await startMachine(clients.ec2, { [key]: 'daily' }, { [key]: 'weekly' });

    await expectDiscovered(key, (found) => {
      const [instance, ...volumes] = found;
      expect(found.map((one) => [one.kind, one.plan])).toEqual([
        ['ec2-instance', 'daily'],
        ['ebs-volume', 'daily'],
        ['ebs-volume', 'daily'],
      ]);
      expect(instance).not.toHaveProperty('partOf');
      expect(volumes.map(({ partOf }) => partOf)).toEqual([instance?.arn, instance?.arn]);
    });
  });

  test('takes the tagged volumes of an instance that has no tag itself', async () => {
    const key = uniqueTagKey();
    const instanceId = await startMachine(clients.ec2, {}, { [key]: 'daily' });
    const { volumes } = await new Ec2Images(clients).getMachine(instanceId);

    await expectDiscovered(key, (found) => {
      expect(new Set(found.map((one) => one.arn.split('/').at(-1)))).toEqual(
        new Set(volumes.map((one) => one.volumeId)),
      );
    });
  });

  test('reports a resource whose tag key is spelled in another case', async () => {
    const key = uniqueTagKey();
    const bucket = await makeTaggedBucket(key.toUpperCase(), 'daily');

    await expectDiscovered(key, (found) => {
      expect(found).toHaveLength(1);
      expect(found[0]?.arn).toContain(bucket);
      expect(found[0]?.problem).toContain(key.toUpperCase());
      expect(found[0]?.problem).toContain(key);
    });
  });

  test('leaves out what lost its tag', async () => {
    const key = uniqueTagKey();
    const bucket = await makeTaggedBucket(key, 'daily');
    const volumeId = await makeVolume(clients.ec2, { [key]: 'daily' });
    await expectDiscovered(key, (found) => expect(found).toHaveLength(2));

    await clients.s3.send(new DeleteBucketTaggingCommand({ Bucket: bucket }));
    await clients.ec2.send(new DeleteTagsCommand({ Resources: [volumeId], Tags: [{ Key: key }] }));

    await expectDiscovered(key, (found) => expect(found).toEqual([]));
  });
});

function order(found: readonly TaggedResource[], id: string | undefined): number {
  return found.findIndex((one) => id !== undefined && one.arn.endsWith(id));
}
