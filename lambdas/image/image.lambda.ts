import { serve } from '../runtime/serve.ts';
import { snapshotVolumesStep } from './snapshot-volumes.ts';
import { checkSnapshotsStep } from './check-snapshots.ts';
import { commitImageStep } from './commit-image.ts';
import { copyBlocksStep } from './copy-blocks.ts';
import { listBlocksStep } from './list-blocks.ts';
import { releaseSnapshotsStep } from './release-snapshots.ts';
import type { imageSteps } from './steps.ts';

export const handler = await serve<typeof imageSteps>({
  'snapshot-volumes': snapshotVolumesStep,
  'check-snapshots': checkSnapshotsStep,
  'list-blocks': listBlocksStep,
  'copy-blocks': copyBlocksStep,
  'commit-image': commitImageStep,
  'release-snapshots': releaseSnapshotsStep,
});
