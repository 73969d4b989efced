import type { PointId, ResourceArn } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

const instanceArn = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-0a1' as ResourceArn;

/** A tagged instance with a point, and its tagged volume, of which an own run had failed before. */
async function withVolumeOfInstance(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource({ arn: instanceArn, kind: 'ec2-instance' });
  await cli.plantResource({ arn: volumeArn, kind: 'ebs-volume', partOf: instanceArn });
  const { runId } = await cli.plantRun({ resourceArn: volumeArn });
  await cli.catalog.runs.close(runId, { state: 'failed', endedAt: cli.clock.now() });
  const pointId = '20261123T110000Z-00000000000000aa' as PointId;
  await cli.plantPoint({ pointId, resourceArn: instanceArn, resourceKind: 'ec2-instance' });
  return cli;
}

test('a volume that is backed up with its instance is protected, and said to be so', async () => {
  const cli = await withVolumeOfInstance();

  const resources = await cli.run('resources');
  const status = await cli.run('status', '--check');
  const document = await cli.json('resources');

  expect(resources.out).toMatch(/^vol-0a1 +daily, with i-0a1 +protected/m);
  expect(status.code).toBe(0);
  expect(status.out).toContain('resources  2: 2 protected');
  expect(status.out).toContain('failing    0 resources');
  expect(document).toContainEqual(
    expect.objectContaining({ resourceArn: volumeArn, standing: 'protected', partOf: instanceArn }),
  );
});

test('a volume that is backed up with its instance is restored from a point of that one', async () => {
  const cli = await withVolumeOfInstance();

  const { code, err } = await cli.run('restore', 'vol-0a1', '--to-volumes', 'eu-west-1a');

  expect(code).toBe(3);
  expect(err).toContain(`is backed up as a part of ${instanceArn}; name that`);
});
