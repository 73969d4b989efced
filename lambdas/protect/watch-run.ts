import { aliveUntil, type Catalog, type Clock, RunClosedError, type RunId } from '@holdfast/engine';
import { safety } from '@holdfast/engine/model';

export interface WatchedRun {
  /** Aborted, with the reason, when the run is over. */
  readonly signal: AbortSignal;
  /** To be called when work goes on; looks from time to time, and never waits or throws. */
  readonly onProgress: () => void;
}

/**
 * Lets a worker notice within seconds that its run was cancelled, instead of at the end of its shard, and says that the
 * run is alive. Driven by progress, not by a timer: a worker that stands still has nothing to stop.
 */
export function watchRun(
  { catalog, clock }: { readonly catalog: Pick<Catalog, 'runs'>; readonly clock: Clock },
  runId: RunId,
): WatchedRun {
  const controller = new AbortController();
  let lookedMs = clock.elapsedMs();
  return {
    signal: controller.signal,
    onProgress: () => {
      if (clock.elapsedMs() - lookedMs < safety.runLookSeconds * 1000) return;
      lookedMs = clock.elapsedMs();
      catalog.runs.touch(runId, aliveUntil(clock.now())).catch((error: unknown) => {
        // A catalog that does not answer now is asked again later, and by the shard's own last look.
        if (error instanceof RunClosedError) controller.abort(error);
      });
    },
  };
}
