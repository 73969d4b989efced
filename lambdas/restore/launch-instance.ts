import { registerRequest, runRequest, type InstanceState } from '@holdfast/aws';
import { findJson, getJson, putJson, readRoot } from '@holdfast/engine';
import { hourMs, type LaunchCheck, type RestoredVolume, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import { isVisibleBy } from '../image/visible-within.ts';
import { defineStep } from '../runtime/define-step.ts';
import { nextLookSeconds } from '../runtime/next-look.ts';
import type { StepServices } from '../runtime/services.ts';
import { checkNotOver } from './check-not-over.ts';
import { checkLaunch, lackOfBilling, type Launching, refusedLaunch } from './check-launch.ts';
import { InstanceFailedError, LaunchRefusedError } from './launch-errors.ts';
import { idsOf, imageNameOf, launchToken, restoreTags, tagsLike } from './launch-tags.ts';
import { Launch } from './launch-state.ts';
import { machineOf } from './machine-of.ts';
import { type ReadySnapshot, readySnapshots } from './ready-snapshots.ts';
import { restoreFiles, RestoreJob, StartedSnapshots } from './restore-job.ts';
import { restoreSteps } from './steps.ts';

/** `pollSeconds`: time between two looks at first, before they become rarer. */
const LaunchInstanceInput = z.object({ restoreId: z.string().min(1), pollSeconds: z.int().positive() });

export interface LaunchInstanceOutput {
  readonly done: boolean;
  /** Until the next look. */
  readonly waitSeconds: number;
  /** The result of a dry run, which ends with it. */
  readonly check?: LaunchCheck;
}

type Services = StepServices<(typeof restoreSteps)['launch-instance']['needs']>;

/** A launch within one call. */
interface Call extends Launching {
  readonly services: Services;
  readonly pollSeconds: number;
  readonly launch: Launch;
  readonly snapshots: ReadonlyMap<string, ReadySnapshot>;
}

/**
 * Launches a machine again: checks all that can be known before, registers an AMI of the snapshots, launches from it,
 * waits until it runs (or is stopped), and deregisters the AMI, as its snapshots could not be deleted while it is there.
 * Each call goes as far as EC2 is; every order is given once, however often a call is repeated. One before snapshots are
 * written out of the vault only checks.
 */
export const launchInstanceStep = defineStep(
  restoreSteps,
  'launch-instance',
  LaunchInstanceInput,
  async (services, { restoreId, pollSeconds }): Promise<LaunchInstanceOutput> => {
    const { store, openKeys, work, images, launches, log } = services;
    const job = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    const { target } = job;
    if (target.kind !== 'instance' && target.kind !== 'ami')
      throw new TypeError(`restore ${restoreId} launches nothing; call it as the state machine does`);
    const keys = await openKeys();
    const { root } = await readRoot(store, keys, job.resourceArn, job.pointId, job.rootVersionId);
    const machine = machineOf(root);
    const started = await findJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
    const snapshots = await readySnapshots(images, target, started);
    const launching = { job, target, machine, snapshots };
    if (job.isDryRun === true)
      return { done: true, waitSeconds: 0, check: await checkLaunch(launches, launching) };
    let launch = await findJson(work, restoreFiles.launch(restoreId), Launch);
    if (launch === undefined) {
      const { problems, differences } = await checkLaunch(launches, launching);
      if (problems.length > 0) throw new LaunchRefusedError(job.pointId, problems);
      launch = { differences: [...differences] };
      await putJson(work, restoreFiles.launch(restoreId), launch);
      log.info('nothing known stands in the way of the launch', { restoreId });
    }
    if (snapshots === undefined) return { done: false, waitSeconds: pollSeconds };
    return goOn({ ...launching, services, pollSeconds, launch, snapshots });
  },
);

async function goOn(call: Call): Promise<LaunchInstanceOutput> {
  const { launch, target } = call;
  const image = launch.image ?? (await orderImage(call));
  const registered = { ...call, launch: { ...launch, image } };
  if (launch.instance === undefined) {
    const seconds = await awaitImage(registered, image);
    if (seconds !== undefined) return { done: false, waitSeconds: seconds };
  }
  if (target.kind === 'ami') return { done: true, waitSeconds: 0 };
  const instance = launch.instance ?? (await orderInstance(registered, image));
  return followInstance({ ...registered, launch: { ...registered.launch, instance } }, instance, image);
}

/** Registering has no token, so the name is looked for first: it is that of this restore, or was free when it began. */
async function orderImage(call: Call): Promise<NonNullable<Launch['image']>> {
  const { job, target, machine, snapshots, launch } = call;
  const { launches, clock } = call.services;
  const name = imageNameOf(job);
  const { tags } = tagsLike(machine.tags, job, target.tagKey);
  const description = `Holdfast restore ${job.restoreId} of point ${job.pointId}`;
  const request = registerRequest(machine, idsOf(snapshots), { name, description, tags });
  let id = await findOwn(call, name);
  if (id === undefined) {
    await checkNotOver(call.services.work, job.restoreId);
    const ordered = await launches.registerImage(request);
    if (ordered === 'name-taken' || 'refusal' in ordered) {
      const why = ordered === 'name-taken' ? `the name ${name} is taken` : ordered.refusal;
      throw new LaunchRefusedError(job.pointId, [`EC2 registers no AMI of it (${why})`]);
    }
    id = ordered.made;
  }
  const image = { id, name, orderedAt: clock.now().toISOString(), isKept: target.kind === 'ami' };
  await save(call, { ...launch, image });
  call.services.log.info('registered an AMI', { restoreId: job.restoreId, imageId: id });
  return image;
}

async function findOwn({ job, services }: Call, name: string): Promise<string | undefined> {
  const found = await services.launches.findImage(name);
  const isOwn = Object.entries(restoreTags(job)).every(([key, value]) => found?.tags[key] === value);
  return isOwn ? found?.imageId : undefined;
}

/** @returns seconds until the next look; `undefined` when the AMI can be used. */
async function awaitImage(
  { services, job, machine, pollSeconds }: Call,
  { id, name, orderedAt }: NonNullable<Launch['image']>,
): Promise<number | undefined> {
  const { launches, clock } = services;
  const found = await launches.findImage(name);
  const sinceMs = clock.now().getTime() - new Date(orderedAt).getTime();
  if (found?.state === 'available') {
    const lacks = lackOfBilling(machine.platform, found.platform);
    if (lacks === undefined) return undefined;
    await launches.deregisterImage(id);
    throw new LaunchRefusedError(job.pointId, [lacks]);
  }
  const isLost = found === undefined && isVisibleBy(clock.now(), new Date(orderedAt));
  const state = found?.state ?? 'pending';
  if (isLost || !['pending', 'available'].includes(state) || sinceMs > safety.launchHours * hourMs) {
    const why = found?.why ?? (isLost ? 'it is gone again' : `it is ${state}`);
    await launches.deregisterImage(id);
    throw new InstanceFailedError(`AMI ${id} of point ${job.pointId} cannot be used: ${why}; restore again`);
  }
  return nextLookSeconds(pollSeconds, sinceMs);
}

async function orderInstance(
  call: Call,
  image: NonNullable<Launch['image']>,
): Promise<NonNullable<Launch['instance']>> {
  const { job, target, machine, launch } = call;
  const { work, launches, clock, log } = call.services;
  if (target.kind !== 'instance') throw new TypeError('an AMI is not launched');
  const { tags } = tagsLike(machine.tags, job, target.tagKey);
  const order = {
    imageId: image.id,
    clientToken: launchToken(job),
    tags,
    tagsOfParts: restoreTags(job),
  };
  await save(call, { ...launch, orderedAt: clock.now().toISOString() });
  // Behind it: whoever ends the restore sees either that one was ordered, or that none is.
  await checkNotOver(work, job.restoreId);
  const ordered = await launches.runInstance(runRequest(machine, target.wishes, order));
  if ('refusal' in ordered) {
    await save(call, { ...launch, orderedAt: undefined });
    await launches.deregisterImage(image.id);
    throw new InstanceFailedError(
      `the machine of point ${job.pointId} was not launched: ${refusedLaunch(ordered.refusal)}`,
    );
  }
  const instance = { id: ordered.made, orderedAt: clock.now().toISOString() };
  await save(call, { ...launch, instance });
  log.info('launched an instance', { restoreId: job.restoreId, instanceId: instance.id });
  return instance;
}

async function followInstance(
  call: Call,
  { id, orderedAt }: NonNullable<Launch['instance']>,
  image: NonNullable<Launch['image']>,
): Promise<LaunchInstanceOutput> {
  const { job, target, pollSeconds, launch } = call;
  const { launches, clock, log } = call.services;
  const found = await launches.findInstance(id);
  const sinceMs = clock.now().getTime() - new Date(orderedAt).getTime();
  // One that EC2 does not show yet has just been launched.
  const state = found?.state ?? (isVisibleBy(clock.now(), new Date(orderedAt)) ? 'gone' : 'pending');
  if (
    !['pending', 'running', 'stopping', 'stopped'].includes(state) ||
    sinceMs > safety.launchHours * hourMs
  ) {
    await launches.deregisterImage(image.id);
    throw new InstanceFailedError(failureOf(call, id, state, found?.why));
  }
  const later = { done: false, waitSeconds: nextLookSeconds(pollSeconds, sinceMs) };
  if (found === undefined || state === 'pending') return later;
  const stops = target.kind === 'instance' && target.wishes.stopped === true;
  if (stops && state === 'running') await launches.stopInstance(id);
  if (stops && state !== 'stopped') return later;
  if (launch.launched === undefined) {
    const volumes = await tagVolumes(call, found, orderedAt);
    const { volumes: _volumes, why: _why, ...launched } = found;
    await save(call, { ...launch, launched, volumes });
  }
  await launches.deregisterImage(image.id);
  log.info('the instance is launched', { restoreId: job.restoreId, instanceId: id, state });
  return { done: true, waitSeconds: 0 };
}

function failureOf({ job, snapshots }: Call, id: string, state: string, why: string | undefined): string {
  const keys = new Set([...snapshots.values()].flatMap(({ keyId }) => keyId ?? []));
  const remedy =
    keys.size === 0
      ? 'if this region encrypts new volumes by default, name its default EBS key in restoreTargets.keys'
      : `EC2 may not use the key of a volume: name ${[...keys].join(', ')} in restoreTargets.keys`;
  return (
    `instance ${id} of point ${job.pointId} is ${state}${why ? ` (${why})` : ''}; mostly because ${remedy}, allow it in ` +
    "the key's own policy, deploy, and restore again"
  );
}

/** Gives the new volumes the tags of the old ones: a launch gives all of its volumes the same. */
async function tagVolumes(
  { services, job, target, machine, snapshots }: Call,
  { volumes }: InstanceState,
  orderedAt: string,
): Promise<RestoredVolume[]> {
  const restored: RestoredVolume[] = [];
  for (const original of machine.volumes) {
    const volumeId = volumes.get(original.device ?? '');
    const snapshot = snapshots.get(original.volumeId);
    if (volumeId === undefined || snapshot === undefined) continue;
    const { tags, leftOff } = tagsLike(original.tags, job, target.tagKey);
    const ours = Object.keys(restoreTags(job));
    const own = Object.entries(tags).filter(([name]) => !ours.includes(name));
    await services.launches.addTags(volumeId, Object.fromEntries(own));
    restored.push({
      ...snapshot,
      volumeId,
      sourceVolumeId: original.volumeId,
      device: original.device,
      sizeGiB: original.sizeGiB,
      orderedAt,
      tagsLeftOff: [...leftOff],
    });
  }
  return restored;
}

async function save({ services, job }: Call, launch: Launch): Promise<void> {
  await putJson(services.work, restoreFiles.launch(job.restoreId), launch);
}
