import type { Holds } from './holds.ts';
import type { Packs } from './packs.ts';
import type { Points } from './points.ts';
import type { ProgressReports } from './progress.ts';
import type { Resources } from './resources.ts';
import type { Restores } from './restores.ts';
import type { Runs } from './runs.ts';

/**
 * The queryable record of what the vault holds and who is working on it. Rebuildable from the bucket.
 *
 * An adapter has to prove (by the contract suites in `testing`): every conditional method decides atomically
 * between any number of callers; a method that failed with {@link StoreUnavailableError} may have happened, and
 * repeating it gives the same end state.
 */
export interface Catalog {
  readonly resources: Resources;
  readonly runs: Runs;
  readonly points: Points;
  readonly packs: Packs;
  readonly holds: Holds;
  readonly restores: Restores;
  readonly progress: ProgressReports;
}

/** The catalog without the methods that write. */
export type CatalogReader = {
  readonly [Part in keyof Catalog]: Pick<
    Catalog[Part],
    Extract<keyof Catalog[Part], 'find' | 'findAll' | `list${string}`>
  >;
};
