import { BackupError, findJson, getJson } from '@holdfast/engine';
import type { StepServices } from '../runtime/services.ts';
import { imageNameOf, launchToken, RESTORE_TAG } from './launch-tags.ts';
import { Launch } from './launch-state.ts';
import { isVisibleBy } from '../image/visible-within.ts';
import { restoreFiles, RestoreJob } from './restore-job.ts';
import type { restoreSteps } from './steps.ts';

type Services = Pick<
  StepServices<(typeof restoreSteps)['finish-restore']['needs']>,
  'work' | 'launches' | 'clock' | 'log'
>;

/** States of an instance that somebody pays for, or may. */
const aliveStates: ReadonlySet<string> = new Set(['pending', 'running', 'stopping', 'stopped']);

/**
 * Deregisters the AMI of a launch that did not succeed: nobody sees it, and its snapshots cannot be removed while it is
 * there. An instance is left to whoever stopped the restore, as it may be at work; one whose order was not answered is
 * found by its token.
 * @returns ids of what is left.
 */
export async function giveUpLaunch(services: Services, restoreId: string): Promise<string[]> {
  const { work, launches, clock, log } = services;
  const launch = await findJson(work, restoreFiles.launch(restoreId), Launch);
  if (launch === undefined) return [];
  const left: string[] = [];
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      left.push(what);
      log.warn('a launch that came to nothing was left', { restoreId, what, reason: error.message });
    }
  };
  const { image, instance } = launch;
  const name = image?.name ?? imageNameOf(await getJson(work, restoreFiles.job(restoreId), RestoreJob));
  await attempt(image?.id ?? `AMI ${name}`, async () => {
    const found = image ? undefined : await launches.findImage(name);
    // One whose order was not answered is told by its tag; the name may be somebody else's.
    const id = image?.id ?? (found?.tags[RESTORE_TAG] === restoreId ? found.imageId : undefined);
    if (id === undefined) return;
    await launches.deregisterImage(id);
    log.info('deregistered the AMI of a restore', { restoreId, imageId: id });
  });
  const orderedAt = instance?.orderedAt ?? launch.orderedAt;
  if (orderedAt === undefined) return left;
  const unseen = `an instance with the tag ${RESTORE_TAG}=${restoreId}, if EC2 has launched it`;
  await attempt(instance?.id ?? unseen, async () => {
    const found = instance
      ? await launches.findInstance(instance.id)
      : await launches.findLaunched(launchToken({ restoreId }));
    if (found === undefined && !isVisibleBy(clock.now(), new Date(orderedAt)))
      left.push(instance?.id ?? unseen);
    else if (found !== undefined && aliveStates.has(found.state)) left.push(found.instanceId);
  });
  return left;
}
