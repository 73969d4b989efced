import {
  GetScheduleCommand,
  paginateListSchedules,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { compactTime, type PointRow } from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import type { Emulator } from '../composition.ts';
import { clientConfig } from '../deploy-app.ts';
import { VolumeBytes } from '../volume-bytes.ts';
import { runExecution, waitForExecution, waitForFirstExecution } from './executions.ts';
import { begin, printPoints, say } from './narrate.ts';
import { demoBuckets } from './plans.ts';
import { hashVolumes, type ImageState } from './restore-images.ts';
import { type Scene, typeCommand } from './scene.ts';
import { tagMachine, writeVolume } from './source-machine.ts';
import type { ExpectedState, SourceBucket } from './source-objects.ts';

const tag = { key: 'holdfast:plan', value: 'demo' } as const;

/** The sources as they were at each of the four cycles. */
export interface States {
  readonly bucket: readonly ExpectedState[];
  readonly image: readonly ImageState[];
}

/** Opts the sources in, and runs four backup cycles with changes between them. */
export async function backUp(scene: Scene): Promise<States> {
  const { bucket, machine, emulator } = scene;
  const bytes = new VolumeBytes(emulator.endpointUrl);
  begin('looking for what has data and no plan', 'nothing is passed over in silence, tagged or not');
  await typeCommand(scene, 'coverage');
  await runScheduledCycle(scene);
  const states = { bucket: [bucket.state()], image: [await hashVolumes(bytes, machine)] };
  const note = async (): Promise<void> => {
    states.bucket.push(bucket.state());
    states.image.push(await hashVolumes(bytes, machine));
  };

  const keys = [...bucket.state().keys()].filter((key) => key.startsWith('packages/'));
  begin(
    'changing 40 objects, adding 30, renaming 10, deleting 20, and writing to a volume; then an incremental',
    'only what changed is read, and only what is new is stored',
  );
  await change(bucket, keys.slice(0, 100), 'first');
  await writeVolume(bytes, machine.volumeIds[1] as string, 'volume 1, after the first change');
  await note();
  await runCycle(scene, 'incremental');

  begin(
    'changing as much again elsewhere, and writing to the other volume; then a differential',
    'it is told from the full, whatever was between, and what the incremental stored is not stored again',
  );
  await change(bucket, keys.slice(1_000, 1_100), 'second');
  await writeVolume(bytes, machine.volumeIds[0] as string, 'volume 0, after the second change');
  await note();
  await runCycle(scene, 'differential');

  begin(
    'a synthetic full',
    'a whole point in a single object, made of the vault alone: the sources are not read (0 B)',
  );
  await note();
  await runCycle(scene, 'synthetic-full');
  return states;
}

async function runScheduledCycle(scene: Scene): Promise<void> {
  const { outputs, sfn, bucket, machine, emulator, ec2 } = scene;
  begin(
    `tagging ${bucket.name}, ${machine.instanceId} and its volume ${machine.volumeIds[1]} with ${tag.key}=${tag.value}`,
    'a tag is all that opts a resource in; the schedule does the rest, and leaves alone what has none',
  );
  const since = new Date();
  await bucket.tag(tag.key, tag.value);
  await tagMachine(ec2, machine, tag.key, tag.value);
  say(`  waiting for the next minute, in ${60 - new Date().getSeconds()} s, when the schedule starts a full`);
  const machineArn = outputs['CycleMachineArn'] as string;
  const first = await waitForFirstExecution(sfn, machineArn, { since, limitMs: 150_000 });
  await switchSchedulesOff(emulator);
  say('  the schedule has started it');
  await finish(scene, waitForExecution(sfn, first));
}

async function change(bucket: SourceBucket, keys: readonly string[], round: string): Promise<void> {
  for (const key of keys.slice(0, 40))
    await bucket.put(key, Buffer.from(`${key} as of the ${round} change\n`.repeat(50)), {
      Metadata: { round },
    });
  for (let index = 0; index < 30; index += 1)
    await bucket.put(`added/${round}/${index}.txt`, Buffer.from(`added ${index}`), {
      Tagging: `round=${round}`,
    });
  for (const key of keys.slice(40, 50)) await bucket.rename(key, `renamed/${round}/${key}`);
  for (const key of keys.slice(50, 70)) await bucket.remove(key);
}

async function runCycle(scene: Scene, type: BackupType): Promise<void> {
  const scheduledAt = new Date();
  const cycleId = `demo-${type}-${compactTime(scheduledAt)}`;
  const input = { plan: 'demo', type, scheduledAt: scheduledAt.toISOString(), cycleId };
  await finish(scene, runExecution(scene.sfn, scene.outputs['CycleMachineArn'] as string, cycleId, input));
}

async function finish(scene: Scene, cycle: Promise<unknown>): Promise<void> {
  await cycle;
  await showCatalog(scene);
}

async function showCatalog({ catalog, proof }: Scene): Promise<void> {
  const points: PointRow[] = [];
  for await (const { arn } of catalog.resources.list())
    points.push(...(await Array.fromAsync(catalog.points.list(arn))));
  printPoints(points.sort((a, b) => a.committedAt.getTime() - b.committedAt.getTime()));
  if (points.some(({ resourceArn }) => resourceArn.includes(demoBuckets.untagged)))
    proof.fail('the untagged bucket was backed up');
}

async function switchSchedulesOff(emulator: Emulator): Promise<void> {
  const scheduler = new SchedulerClient(clientConfig(emulator));
  for await (const page of paginateListSchedules({ client: scheduler }, {})) {
    for (const { Name, GroupName } of page.Schedules ?? []) {
      if (Name?.includes('demo') !== true && GroupName?.includes('demo') !== true) continue;
      const { ScheduleExpression, ScheduleExpressionTimezone, FlexibleTimeWindow, Target } =
        await scheduler.send(new GetScheduleCommand({ Name, GroupName }));
      await scheduler.send(
        new UpdateScheduleCommand({
          Name,
          GroupName,
          ScheduleExpression,
          ScheduleExpressionTimezone,
          FlexibleTimeWindow,
          Target,
          State: 'DISABLED',
        }),
      );
    }
  }
}
