import { reconcilePoints, type Catalog, type ObjectStore } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import { resourceArn } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import { Failures, mergeFailures, noneFailed, noteFailures } from './maintenance-fields.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';

/** The next call goes on when less than this is left: the roots of one resource have to fit in. Milliseconds. */
const handOnBeforeMs = 180_000;

/** What all calls so far found, and where the next one goes on. */
const ReconcileState = z.object({
  next: z
    .discriminatedUnion('of', [
      z.object({ of: z.literal('roots'), after: z.string() }),
      z.object({ of: z.literal('resources'), after: resourceArn }),
    ])
    .optional(),
  roots: z.int(),
  recovered: z.int(),
  missing: z.int(),
  failures: Failures,
});
type ReconcileState = z.infer<typeof ReconcileState>;

const ReconcileInput = z.object({ state: ReconcileState.nullish() });

/** Whether all roots, and all resources without any, have been compared. */
export interface ReconcileOutput {
  readonly done: boolean;
  readonly state: ReconcileState;
}

/** Gives roots that the catalog does not know their rows back, and reports rows whose roots are gone. */
export function makeHandler(deps: {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<ReconcileOutput> {
  const { store, catalog, openKeys, log } = deps;
  return defineHandler('reconcile-points', ReconcileInput, async ({ state }, context) => {
    const before = state ?? { roots: 0, recovered: 0, missing: 0, failures: noneFailed };
    const { report, next } = await reconcilePoints({ store, catalog }, await openKeys(), {
      shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      from: before.next,
    });
    for (const pointId of report.missing.pointIds)
      log.warn('a point is not in the vault any more', { pointId });
    const after = {
      roots: before.roots + report.roots,
      recovered: before.recovered + report.recovered,
      missing: before.missing + report.missing.count,
      failures: mergeFailures(before.failures, noteFailures(log, 'reconciling', report.failures)),
    };
    const { roots, recovered, missing } = after;
    log.info('compared roots with the catalog', { roots, recovered, missing });
    return { done: next === undefined, state: { ...after, next } };
  });
}
