import { putJson } from '@holdfast/engine';
import { recordDiscovered } from '@holdfast/aws';
import { CycleInput, getPlan } from '@holdfast/engine/model';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { metric, planMetric } from '../runtime/metrics.ts';
import { cycleListName, cycleListsOf } from './cycle-list.ts';
import { DiscoveryProgress } from './discovery-progress.ts';
import { cycleSteps } from './steps.ts';

/** Room for 200 resources, which take some seconds. */
const handOnBeforeMs = 180_000;

/**
 * Finds and records the resources that the tag selects, as far as the time of one call goes, and in the end writes the
 * lists of what this cycle has to protect.
 */
export const discoverResourcesStep = defineKeptLoop(
  cycleSteps,
  'discover-resources',
  {
    input: CycleInput,
    state: DiscoveryProgress,
    keptAs: ({ cycleId }) => `cycles/${cycleId}/discovery.json`,
    handOnBeforeMs,
  },
  async (services, input, { before, shouldStop, count }) => {
    const { plans, work, workBucket, log } = services;
    const { plan: planName, cycleId } = input;
    const plan = getPlan(plans, planName);
    const step = await recordDiscovered(services, plans, { progress: before, shouldStop });
    if (!step.done) {
      log.info('found a part of the resources', { cycleId, resources: step.progress.recorded.length });
      return { done: false, state: step.progress } as const;
    }
    const { resources } = step;

    const problems = resources.filter(({ problem }) => problem !== undefined);
    for (const { arn, problem } of problems) log.warn('not protected', { resource: arn, problem });
    const lists = cycleListsOf(
      cycleId,
      resources.filter(
        ({ problem, partOf, plan: named }) =>
          problem === undefined && partOf === undefined && named === plan.name,
      ),
    );
    const put = async (part: keyof typeof lists) => {
      const key = cycleListName(cycleId, part);
      await putJson(work, key, lists[part]);
      return { bucket: workBucket, key, count: lists[part].length };
    };
    const [files, images] = [await put('files'), await put('images')];
    const ofPlan = problems.filter((resource) => resource.plan === plan.name);
    count([
      metric('ResourceProblems', problems.length),
      planMetric(plan.name, 'ResourceProblems', ofPlan.length),
    ]);
    log.info('found resources', {
      cycleId,
      files: files.count,
      images: images.count,
      problems: problems.length,
    });
    return { done: true, lists: { files, images }, problems: problems.length } as const;
  },
);
