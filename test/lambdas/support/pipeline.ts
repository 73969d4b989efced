import type { StepContext } from '../../../lambdas/runtime/define-step.ts';
import type { DiscoveredGroup, TaggedResource, TaggedResources } from '@holdfast/aws';
import type { BackupType, Plan, RunReport } from '@holdfast/engine/model';
import { commitPointStep } from '../../../lambdas/protect/commit-point.ts';
import { discoverResourcesStep } from '../../../lambdas/cycle/discover-resources.ts';
import { failRunStep } from '../../../lambdas/protect/fail-run.ts';
import { joinGroupStep } from '../../../lambdas/protect/join-group.ts';
import { listShardsStep } from '../../../lambdas/protect/list-shards.ts';
import { openRunStep } from '../../../lambdas/protect/open-run.ts';
import { protectShardStep } from '../../../lambdas/protect/protect-shard.ts';
import { reportCycleStep } from '../../../lambdas/cycle/report-cycle.ts';
import { BUCKET_ARN, DAILY, type Deployment, PLENTY, readJson, untilDone } from './deployment.ts';

/** The resource that discovery finds unless a test says otherwise. */
export const TAGGED_BUCKET: TaggedResource = { arn: BUCKET_ARN, kind: 's3-bucket', plan: 'daily' };

/** A discovery that finds these, one after the other. */
export function discoveryOf(tagged: readonly TaggedResource[]): Pick<TaggedResources, 'discover'> {
  return {
    async *discover(from): AsyncGenerator<DiscoveredGroup, void, undefined> {
      let rest = from?.rest ?? tagged.map(({ arn, tags = {} }) => ({ arn, tags }));
      if (from === undefined) yield { resources: [], left: { rest, volumes: {} } };
      for (let [next] = rest; next !== undefined; [next] = rest) {
        const { arn } = next;
        rest = rest.slice(1);
        const resources = await Promise.resolve(tagged.filter((one) => one.arn === arn));
        yield { resources, left: { rest, volumes: {} } };
      }
    },
  };
}

/** The handlers of the cycle and the protect machine over one deployment. */
export function makePipeline(
  deployment: Deployment,
  tagged: readonly TaggedResource[] = [TAGGED_BUCKET],
  plans: readonly Plan[] = [DAILY],
) {
  const { source } = deployment;
  const deps = {
    ...deployment,
    plans: [...plans],
    tagged: discoveryOf(tagged),
    openSource: () => source,
    workBucket: 'work',
  };
  return {
    discover: discoverResourcesStep.over(deps),
    openRun: async (event: unknown, context: StepContext) =>
      untilDone(async () => openRunStep.over(deps)(event, context)),
    listShards: listShardsStep.over(deps),
    protectShard: protectShardStep.over(deps),
    joinGroup: joinGroupStep.over(deps),
    commitPoint: commitPointStep.over(deps),
    failRun: failRunStep.over(deps),
    reportCycle: reportCycleStep.over(deps),
  };
}

export type Pipeline = ReturnType<typeof makePipeline>;

export interface CycleItem {
  readonly resourceArn: string;
  readonly kind: string;
  readonly runId: string;
  readonly startAfterSeconds?: number;
}

/** The first step of a cycle: returns its work list. */
export async function discover(
  deployment: Deployment,
  pipeline: Pipeline,
  cycleId = 'daily-full-1',
): Promise<CycleItem[]> {
  const event = { plan: 'daily', type: 'full', scheduledAt: '2026-03-02T02:00:00Z', cycleId };
  const { lists } = await untilDone(async () => pipeline.discover(event, PLENTY));
  const items = await Promise.all(
    [lists.files, lists.images].map(async ({ key }) => readJson(deployment.work, key)),
  );
  return items.flat() as CycleItem[];
}

/** Does for a bucket what the protect machine does. */
export async function protectFiles(
  deployment: Deployment,
  pipeline: Pipeline,
  item: CycleItem,
  type: BackupType = 'full',
) {
  const opened = await pipeline.openRun({ ...item, plan: 'daily', type, execution: 'arn:execution' }, PLENTY);
  if (opened.mode !== 'files') return undefined;
  let listed = await pipeline.listShards({ runId: item.runId, state: null }, PLENTY);
  while (!listed.done) listed = await pipeline.listShards({ runId: item.runId, state: listed.state }, PLENTY);
  const shards = (await readJson(deployment.work, listed.shards.key)) as unknown[];
  for (const shard of shards) await pipeline.protectShard({ runId: item.runId, shard }, PLENTY);
  const groups = (await readJson(deployment.work, listed.groups.key)) as unknown[];
  for (const group of groups) await pipeline.joinGroup({ runId: item.runId, group }, PLENTY);
  return commitPoint(pipeline, item.runId, listed.shards.count, PLENTY, listed.groups.count);
}

/** Plants ten files in two folders. */
export function plantFolders({ source }: Deployment) {
  for (let file = 0; file < 10; file += 1) source.plant(`folder-${file % 2}/file-${file}`, `content ${file}`);
}

/** Backs up all that was planted, and gives the id of the point. */
export async function backUpBucket(deployment: Deployment, runId = 'a'.repeat(32)) {
  const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId };
  const point = await protectFiles(deployment, makePipeline(deployment), item);
  return point!.pointId;
}

/** Commits as the state machine does, whatever time a call gets. */
export async function commitPoint(
  pipeline: Pipeline,
  runId: string,
  shardCount: number,
  context: StepContext = PLENTY,
  groupCount = 0,
): Promise<RunReport> {
  return untilDone(async () => pipeline.commitPoint({ runId, shardCount, groupCount, state: null }, context));
}
