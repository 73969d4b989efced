import type { HoldScope } from '../../model/machines/hold.ts';
import type { HoldId } from '../../ids.ts';

/** A legal hold: keeps points until a person releases it, whatever retention says. */
export interface HoldRow {
  readonly holdId: HoldId;
  readonly scope: HoldScope;
  /** An ARN, or a name on a machine without AWS. */
  readonly setBy: string;
  readonly reason: string;
  readonly setAt: Date;
  readonly releasedAt?: Date;
  readonly releasedBy?: string;
  readonly releaseReason?: string;
}

export interface Holds {
  /** Writes a hold. Repeatable; a hold is released by writing it again with `releasedAt`. */
  put(row: HoldRow): Promise<void>;
  find(holdId: HoldId): Promise<HoldRow | undefined>;
  /** Newest first, released ones included. */
  list(): AsyncIterable<HoldRow>;
}
