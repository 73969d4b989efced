import type { PointId, ResourceArn } from '../../ids.ts';
import type { TimeRange } from './time-range.ts';

/** A restore that somebody asked for. */
export interface RestoreRow {
  readonly restoreId: string;
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly target: string;
  /**
   * `completed-with-failures`: entries were left out; `completed-with-warnings`: some are older than the point or lack
   * something; `recorded`: somebody's own process restores, and reports to nobody how it ended.
   */
  readonly state:
    | 'running'
    | 'completed'
    | 'completed-with-warnings'
    | 'completed-with-failures'
    | 'failed'
    | 'recorded';
  readonly startedAt: Date;
  readonly endedAt?: Date;
  readonly execution?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly error?: { readonly name: string; readonly message: string };
}

/** The catalog's restores. */
export interface Restores {
  put(row: RestoreRow): Promise<void>;
  find(restoreId: string): Promise<RestoreRow | undefined>;
  /** Newest first. */
  list(range?: TimeRange): AsyncIterable<RestoreRow>;
}
