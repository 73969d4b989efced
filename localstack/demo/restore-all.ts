import { posix } from 'node:path';
import { GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { newestPoints, type PointRow, type ResourceArn } from '@holdfast/engine';
import type { RestoreInput, RestoreReport } from '@holdfast/engine/model';
import { VolumeBytes } from '../volume-bytes.ts';
import type { States } from './back-up.ts';
import { compareBucket } from './compare-bucket.ts';
import { runExecution } from './executions.ts';
import { begin, say } from './narrate.ts';
import { demoBuckets } from './plans.ts';
import { type ImageState, restoreImages } from './restore-images.ts';
import type { Scene } from './scene.ts';
import { type ExpectedState, hostileNames, printable } from './source-objects.ts';

const comparison = 'SHA-256, headers, metadata, tags';

/** Restores objects, directories, a whole point and the machine, each compared with what the source had. */
export async function restoreAll(scene: Scene, states: States): Promise<void> {
  const [full, incremental, differential] = states.bucket as [ExpectedState, ExpectedState, ExpectedState];
  const arn = `arn:aws:s3:::${scene.bucket.name}` as ResourceArn;
  const points = (await Array.fromAsync(newestPoints(scene.catalog, arn))).toReversed();
  if (points.length !== 4) throw new Error(`${arn} has ${points.length} points, it should have four`);
  const [fullPoint, incrementalPoint, differentialPoint, container] = points as [
    PointRow,
    PointRow,
    PointRow,
    PointRow,
  ];

  const isDeleted = (key: string): boolean => !incremental.has(key) && key.startsWith('packages/');
  const deleted = [...full.keys()].find(isDeleted) as string;
  begin(`restoring one deleted object, ${deleted}`, 'what was deleted is there in the points before');
  const one = pick(full, (key) => key === deleted);
  const theOne = { point: fullPoint.pointId, paths: [deleted] };
  await check(scene, 'file', { done: 'an object deleted', came: 'it, from the full' }, theOne, one);

  begin('restoring a directory as it was two points ago', 'a time is enough to name a point');
  const directory = `${posix.dirname(deleted)}/`;
  const time = new Date(incrementalPoint.sourceTime.getTime() + 1).toISOString();
  const inDirectory = pick(incremental, (key) => key.startsWith(directory));
  const asOf = { resource: arn, time, paths: [directory] };
  await check(
    scene,
    'directory',
    { done: 'files changed since', came: 'a directory, by time' },
    asOf,
    inDirectory,
  );

  begin(
    'restoring a whole point into another bucket; it goes on beside what follows',
    'nothing is lost, whatever it is called',
  );
  const restoreWhole = async (): Promise<void> => {
    const everything = { done: '80 changed, 20 renamed, 40 deleted', came: 'the whole point' };
    await check(scene, 'whole', everything, { point: differentialPoint.pointId }, differential);
    await showHostileNames(scene);
  };
  const restoreOthers = async (): Promise<void> => {
    await restoreOfContainer(scene, container, differential);
    await restoreMachine(scene, states.image);
  };
  await Promise.all([restoreWhole(), restoreOthers()]);
}

async function restoreOfContainer(
  scene: Scene,
  container: PointRow,
  differential: ExpectedState,
): Promise<void> {
  begin('restoring a directory out of the single object', 'a synthetic full is read as any other point');
  const paths = ['added/', 'renamed/'];
  const ofContainer = pick(differential, (key) => paths.some((path) => key.startsWith(path)));
  const inContainer = { point: container.pointId, paths };
  const joined = { done: 'a point made one object', came: 'two directories out of it' };
  await check(scene, 'container', joined, inContainer, ofContainer);
}

/** Restores under a prefix, and compares what is there then with what is expected. */
async function check(
  scene: Scene,
  name: string,
  { done, came }: { readonly done: string; readonly came: string },
  request: object,
  expected: ExpectedState,
): Promise<void> {
  const { s3, proof } = scene;
  const prefix = `${name}/`;
  await restore(scene, name, { ...request, target: { bucket: demoBuckets.restored, prefix } });
  const found = await compareBucket(s3, demoBuckets.restored, prefix, expected);
  say(
    `  compared ${expected.size} objects under ${prefix}: ${found.length === 0 ? 'all the same' : `${found.length} DIFFER`}`,
  );
  proof.add({ done, came, compared: `${expected.size} × ${comparison}` }, found);
}

async function showHostileNames({ s3 }: Scene): Promise<void> {
  for (const name of hostileNames) {
    const answer = await s3.send(
      new GetObjectTaggingCommand({ Bucket: demoBuckets.restored, Key: `whole/${name}` }),
    );
    const tags = (answer.TagSet ?? []).map(({ Key, Value }) => `${Key} = ${JSON.stringify(Value)}`);
    say(`  came back: ${printable(name)}, tagged ${tags.join(', ')}`);
  }
}

async function restoreMachine(scene: Scene, states: readonly ImageState[]): Promise<void> {
  const { ec2, catalog, machine, emulator, proof } = scene;
  const points: PointRow[] = [];
  for await (const { arn, kind } of catalog.resources.list()) {
    if (kind === 'ebs-volume' && (await Array.fromAsync(catalog.points.list(arn))).length > 0)
      proof.fail(`${arn} was backed up by itself, although its instance is`);
    if (kind === 'ec2-instance')
      points.push(...(await Array.fromAsync(newestPoints(catalog, arn))).toReversed());
  }
  const restores = {
    ec2,
    bytes: new VolumeBytes(emulator.endpointUrl),
    zone: `${emulator.region}a`,
    proof,
    restore: async (name: string, input: RestoreInput) => {
      const { report } = (await restore(scene, name, input)) as { report: RestoreReport };
      return report;
    },
  };
  await restoreImages(restores, machine, { points, states });
}

async function restore({ sfn, outputs }: Scene, name: string, input: unknown): Promise<unknown> {
  const machineArn = outputs['RestoreMachineArn'] as string;
  return runExecution(sfn, machineArn, `demo-restore-${name}`, input);
}

function pick(state: ExpectedState, choose: (key: string) => boolean): ExpectedState {
  return new Map([...state].filter(([key]) => choose(key)));
}
