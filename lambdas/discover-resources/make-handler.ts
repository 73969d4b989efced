import { recordDiscovered, type TaggedResources } from '@holdfast/aws';
import { type Catalog, type Clock, getPlan, type Plans, type WorkStore } from '@holdfast/engine';
import * as z from 'zod';
import type { StepHandler } from '../shared/define-handler.ts';
import { defineReportingHandler } from '../shared/define-reporting-handler.ts';
import { cycleFields } from '../shared/event-fields.ts';
import type { Logger } from '../shared/logger.ts';
import { metric, type Metrics, planMetric } from '../shared/metrics.ts';
import { putJson } from '../shared/work-json.ts';
import { cycleListName, cycleListsOf } from './cycle-list.ts';

/** Where a list lies in the work bucket, for the map over it. */
interface ListPlace {
  readonly bucket: string;
  readonly key: string;
  readonly count: number;
}

/** Where the work lists of a cycle lie, and how many resources cannot be protected although they are tagged. */
export interface DiscoverOutput {
  readonly lists: { readonly files: ListPlace; readonly images: ListPlace };
  /** Of all plans. */
  readonly problems: number;
}

/** Finds what the tag selects, records all of it, and writes down what this cycle has to protect. */
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
  return defineReportingHandler('discover-resources', z.object(cycleFields), deps, async (input, count) => {
    const { plan: planName, cycleId } = input;
    const plan = getPlan(plans, planName);
    const resources = await recordDiscovered(deps, plans, await deps.tagged.discover());

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
    return { lists: { files, images }, problems: problems.length };
  });
}
