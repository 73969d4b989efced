import * as z from 'zod';
import type { Clock } from '../ports/clock.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { SharedName, SharedRecords } from '../ports/shared-records.ts';

const time = z.iso.datetime();

/** Holders of turns and, with `waitsSince`, those who wait for one; each until a time, unless it is held on to. */
const Turns = z.record(z.string(), z.object({ until: time, waitsSince: time.optional() }));
type Turns = Readonly<z.infer<typeof Turns>>;

/** Who waits beyond these is not noted, and comes after them: a record has room for some thousands. */
const mostNoted = 1_000;
/** Times that the record is read again because others changed it. */
const attempts = 20;
const mostRetryMs = 100;

export interface TurnServices {
  readonly shared: SharedRecords;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface TurnAsk {
  readonly name: Extract<SharedName, 'copy-images'>;
  readonly holder: string;
  /** Holders at once. */
  readonly most: number;
  /** A turn that nobody holds on to ends by itself then. */
  readonly until: Date;
}

/**
 * Takes a turn, or holds on to the one that the holder has. Who has to wait is noted, and a turn goes to those that have
 * waited longest: one that looks rarely is not passed over for those that look often.
 */
export async function takeTurn(services: TurnServices, ask: TurnAsk): Promise<'taken' | 'wait'> {
  const { name, holder } = ask;
  const turns = await changeTurns(services, name, (before, now) => changeFor(ask, before, now));
  const mine = turns?.[holder];
  return mine !== undefined && mine.waitsSince === undefined ? 'taken' : 'wait';
}

/** @returns `undefined` for one that goes on waiting, and need not say so yet. */
function changeFor({ holder, most, until }: TurnAsk, turns: Turns, now: Date): Turns | undefined {
  const mine = turns[holder];
  const { [holder]: _mine, ...others } = turns;
  const waitsSince = mine === undefined ? now.toISOString() : mine.waitsSince;
  const ahead = Object.values(others).filter(
    (other) => other.waitsSince === undefined || (waitsSince !== undefined && other.waitsSince < waitsSince),
  );
  if (waitsSince === undefined || ahead.length < most)
    return { ...others, [holder]: { until: until.toISOString() } };
  const halfway = new Date((now.getTime() + until.getTime()) / 2);
  if (mine !== undefined && new Date(mine.until) > halfway) return undefined;
  if (mine === undefined && Object.keys(others).length >= mostNoted) return undefined;
  return { ...others, [holder]: { until: until.toISOString(), waitsSince } };
}

/** Ends a turn, or the wait for one, so that the next one need not wait until it ends by itself. */
export async function endTurn(
  services: TurnServices,
  { name, holder }: Pick<TurnAsk, 'name' | 'holder'>,
): Promise<void> {
  await changeTurns(services, name, (turns) => {
    const { [holder]: ended, ...others } = turns;
    return ended === undefined ? undefined : others;
  });
}

/** @returns the turns after the change; `undefined` where others kept changing them. */
async function changeTurns(
  { shared, clock, random }: TurnServices,
  name: SharedName,
  change: (turns: Turns, now: Date) => Turns | undefined,
): Promise<Turns | undefined> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const found = await shared.find(name);
    const now = clock.now();
    const all = Object.entries(Turns.parse(found?.record ?? {}));
    const turns = Object.fromEntries(all.filter(([, { until }]) => new Date(until) > now));
    const changed = change(turns, now);
    if (changed === undefined) return turns;
    if ((await shared.replace(name, found?.version, changed)) === 'replaced') return changed;
    await clock.sleep(1 + ((random.bytes(1)[0] ?? 0) / 256) * mostRetryMs);
  }
  return undefined;
}
