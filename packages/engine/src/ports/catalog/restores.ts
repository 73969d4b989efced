import type { RestoreState } from '../../model/machines/restore-report.ts';
import type { ErrorRecord } from '../../model/error-record.ts';
import type { PointId, ResourceArn } from '../../ids.ts';
import type { TimeRange } from './time-range.ts';

export interface RestoreRow {
  readonly restoreId: string;
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly target: string;
  readonly state: RestoreState;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  readonly execution?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly error?: ErrorRecord;
}

export interface Restores {
  put(row: RestoreRow): Promise<void>;
  find(restoreId: string): Promise<RestoreRow | undefined>;
  /** Newest first. */
  list(range?: TimeRange): AsyncIterable<RestoreRow>;
}
