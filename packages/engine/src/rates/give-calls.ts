import type { CallCounts, SecondCount } from './call-counts.ts';

/** Calls a second that may be made of everything together, and of one snapshot. */
export interface RateLimits {
  readonly account: number;
  readonly snapshot: number;
}

export interface CallAsk {
  /** The second for which is asked: the one that comes next. */
  readonly second: number;
  readonly snapshot: string;
  /** Calls that could be made then. At least 1. */
  readonly wanted: number;
  /** Calls that the same worker asked for, of the same snapshot, for the second before; 0 if it did not ask. */
  readonly wantedBefore: number;
}

/** Counts of this many seconds ahead of the one that is asked for are those of a clock that is wrong. */
const beyondBelief = 60;

const none: SecondCount = {
  asked: 0,
  askers: 0,
  askedBefore: 0,
  askersBefore: 0,
  given: 0,
  claimed: 0,
};

/**
 * Gives a worker calls of the coming second, which it spreads evenly over it. All that is given for a second is at most
 * the limit, so the calls of any stretch of time keep to it. Each worker that asked for the second before has a part
 * reserved, in proportion to what it asked for and at least one call; what is left goes to whoever comes. So a worker
 * that keeps asking gets calls from its second time on, and one that vanishes costs its part of one second.
 * @returns no calls to one who asks for a second that is over.
 */
export function giveCalls(
  counts: CallCounts | undefined,
  ask: CallAsk,
  limits: RateLimits,
): { readonly counts: CallCounts; readonly calls: number } {
  const ahead = counts === undefined ? 0 : counts.second - ask.second;
  if (counts !== undefined && ahead > 0 && ahead <= beyondBelief) return { counts, calls: 0 };
  const { account, snapshots } =
    ahead > 0 || counts === undefined ? empty(ask.second) : rolled(counts, ask.second);
  const ofSnapshot = share(snapshots[ask.snapshot] ?? none, ask, limits.snapshot);
  const ofAccount = share(account, { ...ask, wanted: ofSnapshot.calls }, limits.account);
  const { calls } = ofAccount;
  return {
    calls,
    counts: {
      second: ask.second,
      account: noted(account, ask, ofAccount.claimed, calls),
      snapshots: {
        ...snapshots,
        [ask.snapshot]: noted(snapshots[ask.snapshot] ?? none, ask, ofSnapshot.claimed, calls),
      },
    },
  };
}

function empty(second: number): CallCounts {
  return { second, account: none, snapshots: {} };
}

/** Counts for a later second. Snapshots of which nobody asked for the second before are forgotten. */
function rolled(counts: CallCounts, second: number): CallCounts {
  if (counts.second === second) return counts;
  if (counts.second < second - 1) return empty(second);
  const asked = Object.entries(counts.snapshots).filter(([, count]) => count.askers > 0);
  return {
    second,
    account: begun(counts.account),
    snapshots: Object.fromEntries(asked.map(([name, count]) => [name, begun(count)])),
  };
}

function begun({ asked, askers }: SecondCount): SecondCount {
  return { ...none, askedBefore: asked, askersBefore: askers };
}

/** The calls that an asker can have of one limit, and the part of them that was reserved for it. */
function share(
  { given, claimed, askedBefore, askersBefore }: SecondCount,
  { wanted, wantedBefore }: Pick<CallAsk, 'wanted' | 'wantedBefore'>,
  limit: number,
): { readonly calls: number; readonly claimed: number } {
  const own = reservedOf(wantedBefore, askedBefore, askersBefore, limit);
  const forOthers = Math.max(0, Math.min(limit, askedBefore) - claimed - own);
  return { calls: Math.max(0, Math.min(wanted, limit - given - forOthers)), claimed: own };
}

/** The parts of all that asked are never more than the limit together. */
function reservedOf(wanted: number, askedBefore: number, askersBefore: number, limit: number): number {
  if (wanted === 0 || askedBefore <= limit) return wanted;
  return Math.floor((Math.max(0, limit - askersBefore) * wanted) / askedBefore) + 1;
}

function noted(count: SecondCount, { wanted }: CallAsk, claimed: number, calls: number): SecondCount {
  return {
    ...count,
    asked: count.asked + wanted,
    askers: count.askers + 1,
    given: count.given + calls,
    claimed: count.claimed + claimed,
  };
}
