import { serve } from '../runtime/serve.ts';
import { planRestoreStep } from './plan-restore.ts';
import { restoreShardStep } from './restore-shard.ts';
import { startSnapshotsStep } from './start-snapshots.ts';
import { writeBlocksStep } from './write-blocks.ts';
import { completeSnapshotsStep } from './complete-snapshots.ts';
import { restoreVolumesStep } from './restore-volumes.ts';
import { launchInstanceStep } from './launch-instance.ts';
import { finishRestoreStep } from './finish-restore.ts';
import type { restoreSteps } from './steps.ts';

export const handler = await serve<typeof restoreSteps>({
  'plan-restore': planRestoreStep,
  'restore-shard': restoreShardStep,
  'start-snapshots': startSnapshotsStep,
  'write-blocks': writeBlocksStep,
  'complete-snapshots': completeSnapshotsStep,
  'restore-volumes': restoreVolumesStep,
  'launch-instance': launchInstanceStep,
  'finish-restore': finishRestoreStep,
});
