import { serve } from '../runtime/serve.ts';
import { planRestoreStep } from './plan-restore.ts';
import { restoreShardStep } from './restore-shard.ts';
import { restoreVolumesStep } from './restore-volumes.ts';
import { launchInstanceStep } from './launch-instance.ts';
import { finishRestoreStep } from './finish-restore.ts';
import type { restoreSteps } from './steps.ts';

export const handler = await serve<typeof restoreSteps>({
  'plan-restore': planRestoreStep,
  'restore-shard': restoreShardStep,
  'restore-volumes': restoreVolumesStep,
  'launch-instance': launchInstanceStep,
  'finish-restore': finishRestoreStep,
});
