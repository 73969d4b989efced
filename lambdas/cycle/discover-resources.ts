import { recordDiscovered, type TaggedResources } from '@holdfast/aws';
import { type Catalog, type Clock, type WorkStore } from '@holdfast/engine';
import { getPlan, type Plans } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepHandler } from '../runtime/define-handler.ts';
import { defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import { cycleFields } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import { metric, type Metrics, planMetric } from '../runtime/metrics.ts';
import { findJson, putJson } from '../runtime/work-json.ts';
import { cycleListName, cycleListsOf } from './cycle-list.ts';
import { DiscoveryProgress, discoveryProgressName } from './discovery-progress.ts';

/** A call hands on to the next one when less than this is left; 200 resources take some seconds. Milliseconds. */
const handOnBeforeMs = 180_000;

/** Where a list lies in the work bucket, for the map over it. */
interface ListPlace {
  readonly bucket: string;
  readonly key: string;
  readonly count: number;
}

/** Where the work lists of a cycle lie, and how many resources cannot be protected although they are tagged. */
interface DiscoveredOutput {
  readonly lists: { readonly files: ListPlace; readonly images: ListPlace };
  /** Of all plans. */
  readonly problems: number;
}

/** Whether all resources have been found. */
export type DiscoverOutput = { readonly done: false } | ({ readonly done: true } & DiscoveredOutput);

/**
 * Finds what the tag selects, records it, as far as the time of one call goes, and in the end writes down what this cycle
 * has to protect. Where the work stands lies in the work bucket.
 */
export function makeHandler(deps: {
  readonly plans: Plans;
  readonly tagged: Pick<TaggedResources, 'discover'>;
  readonly catalog: Catalog;
  readonly work: WorkStore;
  readonly workBucket: string;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}): StepHandler<DiscoverOutput> {
  const { plans, work, workBucket, log } = deps;
  return defineReportingHandler(
    'discover-resources',
    z.object(cycleFields),
    deps,
    async (input, count, context) => {
      const { plan: planName, cycleId } = input;
      const plan = getPlan(plans, planName);
      const step = await recordDiscovered(deps, plans, {
        progress: await findJson(work, discoveryProgressName(cycleId), DiscoveryProgress),
        shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      });
      if (!step.done) {
        await putJson(work, discoveryProgressName(cycleId), step.progress);
        log.info('found a part of the resources', { cycleId, resources: step.progress.recorded.length });
        return { done: false };
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
      const put = async (part: keyof typeof lists): Promise<ListPlace> => {
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
      return { done: true, lists: { files, images }, problems: problems.length };
    },
  );
}
