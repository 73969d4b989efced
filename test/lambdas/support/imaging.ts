import type { MachineConfiguration } from '@holdfast/aws';
import { checkSnapshotsStep } from '../../../lambdas/image/check-snapshots.ts';
import { commitImageStep } from '../../../lambdas/image/commit-image.ts';
import { snapshotVolumesStep } from '../../../lambdas/image/snapshot-volumes.ts';
import type { StepContext } from '../../../lambdas/runtime/define-step.ts';
import { type Deployment, PLENTY, untilDone } from './deployment.ts';
import { MemoryImages } from './memory-images.ts';
import { makePipeline } from './pipeline.ts';

/** The machine of the double of EC2. */
export const INSTANCE = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1';
const RUN = 'a'.repeat(32);
export const STEP = { runId: RUN };
export const COMMIT = { ...STEP, shardCount: 0, groupCount: 0 };

/** The steps of a run of an image that has been opened. */
export async function openImageRun(deployment: Deployment, resourceArn = INSTANCE) {
  const images = new MemoryImages(deployment.clock);
  const deps = { ...deployment, images };
  const kind = resourceArn === INSTANCE ? 'ec2-instance' : 'ebs-volume';
  const event = { resourceArn, kind, plan: 'daily', type: 'full', runId: RUN };
  const opened = await makePipeline(deployment).openRun(event, PLENTY);
  return {
    images,
    opened,
    snapshotVolumes: snapshotVolumesStep.over(deps),
    checkSnapshots: checkSnapshotsStep.over(deps),
    commitImage: async (input: unknown, context: StepContext) =>
      untilDone(async () => commitImageStep.over(deps)(input, context)),
  };
}

/** Runs the protect machine for an image of an instance, which differs from the double's in what is given. */
export async function protectImage(
  deployment: Deployment,
  { machine = {}, kmsKeyId }: { machine?: Partial<MachineConfiguration>; kmsKeyId?: string | undefined } = {},
) {
  const steps = await openImageRun(deployment);
  const { images } = steps;
  images.machine = { ...images.machine, ...machine };
  images.kmsKeyId = kmsKeyId;
  await steps.snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  return { ...steps, point: await steps.commitImage(COMMIT, PLENTY) };
}
