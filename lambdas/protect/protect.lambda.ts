import { serve } from '../runtime/serve.ts';
import { openRunStep } from './open-run.ts';
import { listShardsStep } from './list-shards.ts';
import { protectShardStep } from './protect-shard.ts';
import { joinGroupStep } from './join-group.ts';
import { commitPointStep } from './commit-point.ts';
import { consolidatePointStep } from './consolidate-point.ts';
import { failRunStep } from './fail-run.ts';
import type { protectSteps } from './steps.ts';

export const handler = await serve<typeof protectSteps>({
  'open-run': openRunStep,
  'list-shards': listShardsStep,
  'protect-shard': protectShardStep,
  'join-group': joinGroupStep,
  'commit-point': commitPointStep,
  'consolidate-point': consolidatePointStep,
  'fail-run': failRunStep,
});
