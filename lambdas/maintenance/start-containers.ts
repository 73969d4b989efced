import { hash } from 'node:crypto';
import {
  decideRetention,
  largestUploadBytes,
  type PointRow,
  type RetentionDecision,
  type RunId,
  workThrough,
} from '@holdfast/engine';
import { type Plan, type ProtectInput, dayMs } from '@holdfast/engine/model';
import * as z from 'zod';
import { getResources, PartitionInput } from './plan-maintenance.ts';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { partOf, mergeFailures, noteFailures, nothingOf } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

const handOnBeforeMs = 60_000;

const StartState = z.object({ next: z.int(), ...partOf('containers', z.int()) });
type StartState = z.infer<typeof StartState>;
const nothing: StartState = { next: 0, ...nothingOf('containers') };

type Services = StepServices<(typeof maintenanceSteps)['start-containers']['needs']>;

/**
 * Starts a run for each resource that has a point which its plan keeps for long: the oldest of them becomes a container,
 * one a resource and day; one that failed yesterday lets another go first. Until it has, the point is prolonged by
 * generations, so nothing depends on when that is. A resource at work is passed over; a run that fails, or cannot be
 * started, is started anew the next day.
 */
export const startContainersStep = defineLoop(
  maintenanceSteps,
  'start-containers',
  { input: PartitionInput, state: StartState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<LoopOutput<StartState>> => {
    const { store, catalog, work, plans, log } = services;
    const resources = await getResources(work, input);
    const now = await store.now();
    let { next, started, waiting, tooLarge } = before;
    const { done, failures } = await workThrough(
      {
        items: resources.slice(next),
        atOnce: 1,
        nameOf: (arn) => arn,
        work: async (arn) => {
          next += 1;
          const { plan, decisions } = await decideRetention(catalog, plans, arn, now);
          const wanted = decisions.filter(({ container }) => container);
          const points = decisions.map(({ point }) => point);
          const fits = (point: PointRow) => bytesOfContainer(point, points) <= largestUploadBytes;
          const due = wanted.filter(({ point }) => fits(point));
          waiting += due.length;
          for (const { point } of wanted) {
            if (fits(point)) continue;
            tooLarge += 1;
            log.warn('a point is too large for a container', {
              point: point.pointId,
              bytes: bytesOfContainer(point, points),
            });
          }
          // The newest comes first.
          const chosen = await choose(services, due.toReversed(), now);
          if (plan === undefined || chosen === undefined || !(await start(services, chosen, plan, now)))
            return;
          started += 1;
          waiting -= 1;
        },
      },
      { shouldStop },
    );
    const state = {
      next,
      started,
      waiting,
      tooLarge,
      failures: mergeFailures(before.failures, noteFailures(log, 'starting containers', failures)),
    };
    log.info('started containers', { partition: input.partition, next, started, waiting, tooLarge });
    return { done, state };
  },
);
/**
 * Bytes that a point's container is taken to have. Of an image that is its blocks, which the full of its chain read, and
 * those that were read since, and not the size of its volumes; where points between have expired it may be less than it
 * is, and the run finds out.
 */
function bytesOfContainer(point: PointRow, points: readonly PointRow[]): number {
  const { counts, chainPointId, sourceTime } = point;
  const full = points.find(({ pointId }) => pointId === chainPointId);
  if (point.hasBlocks !== true || full?.type !== 'full') return counts.logicalBytes;
  const chain = points.filter((one) => one.chainPointId === chainPointId && one.sourceTime <= sourceTime);
  return Math.min(
    counts.logicalBytes,
    chain.reduce((sum, one) => sum + one.counts.readBytes, 0),
  );
}

/** The oldest that did not fail yesterday, so that one that always fails does not keep the others waiting. */
async function choose(
  { catalog }: Services,
  oldestFirst: readonly RetentionDecision[],
  now: Date,
): Promise<RetentionDecision | undefined> {
  for (const decision of oldestFirst) {
    const yesterday = await catalog.runs.find(runIdOf(decision, new Date(now.getTime() - dayMs)));
    if (yesterday?.state !== 'failed') return decision;
  }
  return oldestFirst[0];
}

async function start(
  { catalog, machines, log }: Services,
  decision: RetentionDecision,
  plan: Plan,
  now: Date,
): Promise<boolean> {
  const { point, keepUntil } = decision;
  const resource = await catalog.resources.find(point.resourceArn);
  if (resource?.lastRunState === 'open' || resource?.lastRunState === 'cancelling') return false;
  const runId = runIdOf(decision, now);
  await machines.protect.start(runId, {
    resourceArn: point.resourceArn,
    kind: point.resourceKind,
    plan: plan.name,
    type: 'synthetic-full',
    runId,
    container: {
      pointId: point.pointId,
      keepUntil: keepUntil.toISOString(),
      archiveClass: plan.retention.archiveClass,
    },
  } satisfies ProtectInput);
  log.info('makes a container', { runId, point: point.pointId, keepUntil: keepUntil.toISOString() });
  return true;
}

/** A repeated call asks for the same run; the next day is another attempt. */
function runIdOf({ point }: RetentionDecision, day: Date): RunId {
  const text = `container of ${point.pointId} on ${day.toISOString().slice(0, 10)}`;
  return hash('sha256', text, 'hex').slice(0, 32) as RunId;
}
