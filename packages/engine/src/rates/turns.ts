import * as z from 'zod';
import type { Clock } from '../ports/clock.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { SharedName, SharedRecords } from '../ports/shared-records.ts';

/** Holders of turns, and when each turn ends unless it is held on to. */
const Holders = z.record(z.string(), z.iso.datetime());

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

/** Takes a turn, or holds on to the one that the holder has. */
export async function takeTurn(services: TurnServices, ask: TurnAsk): Promise<'taken' | 'wait'> {
  const { name, holder, most, until } = ask;
  const outcome = await changeHolders(services, name, (holders) =>
    holders[holder] === undefined && Object.keys(holders).length >= most
      ? undefined
      : { ...holders, [holder]: until.toISOString() },
  );
  return outcome === 'changed' ? 'taken' : 'wait';
}

/** Ends a turn, so that the next one need not wait until it ends by itself. */
export async function endTurn(
  services: TurnServices,
  { name, holder }: Pick<TurnAsk, 'name' | 'holder'>,
): Promise<void> {
  await changeHolders(services, name, (holders) => {
    const { [holder]: ended, ...others } = holders;
    return ended === undefined ? undefined : others;
  });
}

/** @returns `same` where nothing is to be changed, and where others kept changing it. */
async function changeHolders(
  { shared, clock, random }: TurnServices,
  name: SharedName,
  change: (holders: z.infer<typeof Holders>) => z.infer<typeof Holders> | undefined,
): Promise<'changed' | 'same'> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const found = await shared.find(name);
    const all = Object.entries(Holders.parse(found?.record ?? {}));
    const now = clock.now();
    const changed = change(Object.fromEntries(all.filter(([, until]) => new Date(until) > now)));
    if (changed === undefined) return 'same';
    if ((await shared.replace(name, found?.version, changed)) === 'replaced') return 'changed';
    await clock.sleep(1 + ((random.bytes(1)[0] ?? 0) / 256) * mostRetryMs);
  }
  return 'same';
}
