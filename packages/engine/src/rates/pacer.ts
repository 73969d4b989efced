import type { Clock } from '../ports/clock.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { SharedName, SharedRecords } from '../ports/shared-records.ts';
import { CallCounts } from './call-counts.ts';
import { type CallAsk, giveCalls, type RateLimits } from './give-calls.ts';

const secondMs = 1000;
/** Calls that a worker asks for before it knows how many it can make. */
const firstWanted = 64;
/** Calls that a worker asks for at least: it may find more to do than in the second before. */
const leastWanted = 16;
/** A call whose turn was this long ago may still be made: timers are late by some milliseconds. */
const latenessMs = 50;
/** Longest wait within a second before the next one is asked for, and before counts are read again. */
const mostSpreadMs = 500;
const mostRetryMs = 32;
/** Times that counts are read again because others changed them. */
const attempts = 20;

/** Calls whose rate AWS limits for a whole account. */
export type RatedCall = Extract<SharedName, 'read-block' | 'write-block'>;

export interface PacerServices {
  readonly shared: SharedRecords;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Makes calls wait for their turn, so that all workers of an account together keep to its limits. It asks for the calls
 * of a second at once: a read and a write of the counts, for as many calls as the worker can make in a second.
 */
export class Pacer {
  readonly #services: PacerServices;
  readonly #call: RatedCall;
  readonly #limits: RateLimits;
  readonly #lanes = new Map<string, Lane>();

  constructor(services: PacerServices, call: RatedCall, limits: RateLimits) {
    this.#services = services;
    this.#call = call;
    this.#limits = limits;
  }

  /** Waits until one more call may be made of a snapshot. */
  async take(snapshot: string, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#services;
    const lane = this.#laneOf(snapshot);
    for (;;) {
      const nowMs = clock.now().getTime();
      const turnMs = lane.next(nowMs);
      // In the course of a second the next one is asked for, so that there is no pause between them.
      if (lane.lacksNext(nowMs)) this.#askOnce(snapshot, lane).catch(() => {});
      if (turnMs === undefined) {
        await this.#askOnce(snapshot, lane);
        signal?.throwIfAborted();
        continue;
      }
      if (turnMs > nowMs) await clock.sleep(turnMs - nowMs, signal);
      return;
    }
  }

  #laneOf(snapshot: string): Lane {
    const known = this.#lanes.get(snapshot);
    if (known !== undefined) return known;
    const lane = new Lane();
    this.#lanes.set(snapshot, lane);
    return lane;
  }

  #askOnce(snapshot: string, lane: Lane): Promise<void> {
    lane.asking ??= this.#ask(snapshot, lane).finally(() => {
      lane.asking = undefined;
    });
    return lane.asking;
  }

  async #ask(snapshot: string, lane: Lane): Promise<void> {
    const { clock, random } = this.#services;
    const nowMs = clock.now().getTime();
    // Turns of a second that has not begun may all have been handed out: one asks in a second for the next one.
    const begunMs = Math.max(0, lane.lastSecond * secondMs - nowMs);
    // Workers do not ask all at once.
    await clock.sleep(begunMs + (lane.lastSecond === 0 ? 0 : spread(random, mostSpreadMs)));
    const second = Math.floor(clock.now().getTime() / secondMs) + 1;
    const ask = { second, snapshot, ...lane.wants(second, this.#limits.snapshot) };
    lane.add({ second, wanted: ask.wanted, calls: await this.#lease(ask) });
  }

  async #lease(ask: CallAsk): Promise<number> {
    const { shared, clock, random } = this.#services;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const found = await shared.find(this.#call);
      const before = found && CallCounts.parse(found.record);
      const { counts, calls } = giveCalls(before, ask, this.#limits);
      // Nothing to write down: the second is over.
      if (counts === before) return 0;
      if ((await shared.replace(this.#call, found?.version, counts)) === 'replaced') return calls;
      await clock.sleep(1 + spread(random, mostRetryMs));
    }
    return 0;
  }
}

function spread(random: RandomBytes, mostMs: number): number {
  return ((random.bytes(1)[0] ?? 0) / 256) * mostMs;
}

interface Granted {
  readonly second: number;
  readonly wanted: number;
  readonly calls: number;
}

/** Turns of the calls of one second. */
class Turns {
  readonly granted: Granted;
  used = 0;
  /** Place of the next turn; those that were let pass count. */
  #place = 0;

  constructor(granted: Granted) {
    this.granted = granted;
  }

  /** The time of the next turn; `undefined` when there are no more. */
  next(nowMs: number): number | undefined {
    const { second, calls } = this.granted;
    const startMs = second * secondMs;
    const spacingMs = secondMs / Math.max(1, calls);
    this.#place = Math.max(this.#place, Math.ceil((nowMs - latenessMs - startMs) / spacingMs));
    if (this.#place >= calls) return undefined;
    this.#place += 1;
    this.used += 1;
    return startMs + (this.#place - 1) * spacingMs;
  }
}

/** Turns of one snapshot's calls: of a second, and of the one after it. */
class Lane {
  asking: Promise<void> | undefined;
  #over: Turns | undefined;
  #turns: readonly Turns[] = [];

  /** The last second that was asked for; 0 before the first. */
  get lastSecond(): number {
    return (this.#turns.at(-1) ?? this.#over)?.granted.second ?? 0;
  }

  next(nowMs: number): number | undefined {
    for (;;) {
      const [first] = this.#turns;
      const turnMs = first?.next(nowMs);
      if (first === undefined || turnMs !== undefined) return turnMs;
      this.#over = first;
      this.#turns = this.#turns.slice(1);
    }
  }

  /** The second of the last turns has begun. */
  lacksNext(nowMs: number): boolean {
    return this.asking === undefined && this.lastSecond > 0 && this.lastSecond * secondMs <= nowMs;
  }

  /** Doubles while all is used, and follows what is used otherwise. */
  wants(second: number, most: number): Pick<CallAsk, 'wanted' | 'wantedBefore'> {
    const last = this.#turns.at(-1) ?? this.#over;
    const wantedBefore = last?.granted.second === second - 1 ? last.granted.wanted : 0;
    if (this.#over === undefined) return { wanted: Math.min(most, firstWanted), wantedBefore };
    const { used, granted } = this.#over;
    const wanted = used >= granted.calls ? 2 * granted.wanted : Math.ceil(1.5 * used);
    return { wanted: Math.min(most, Math.max(leastWanted, wanted)), wantedBefore };
  }

  add(granted: Granted): void {
    this.#turns = [...this.#turns, new Turns(granted)];
  }
}
