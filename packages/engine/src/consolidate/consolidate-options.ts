import type { ReportProgress } from '../ports/progress.ts';

export interface ConsolidateOptions {
  /** Asked between files; when true the call ends and another goes on. */
  readonly shouldStop: () => boolean;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}
