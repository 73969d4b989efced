import type { PointId, ResourceArn, RunId } from '../../src/ids.ts';
import { initialiseVault } from '../../src/keys/open-vault.ts';
import { VaultKeys } from '../../src/keys/vault-keys.ts';
import { compactTime, resourceKeyOf } from '../../src/points/point-id.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import { generationEnd, leaseUntilFor } from '../../src/runs/generation.ts';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  MemoryWorkStore,
  SeededRandom,
} from '../../src/testing/index.ts';
import { CallBook } from './calls.ts';
import type { Program } from './live-actor.ts';
import { runAlone } from './run-alone.ts';
import { modelPolicy, runThinly } from './thin-writer.ts';
import { World } from './world.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How long points are kept in the model: the shortest retention whose leases still span several days. */
export const keepDays = 2;
/** When the vault's first point was committed. */
const firstTime = new Date('2026-01-01T12:00:00Z');

/** Of seven packs, one has a generation that ends early enough. */
const mostSeeds = 500;

/** A time so many days after the first point. */
export function dayAfter(days: number): Date {
  return new Date(firstTime.getTime() + days * dayMs);
}

/** A vault with one point, and how to go on with it. */
export interface SmallVault {
  readonly world: World;
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
  /** Of the point, and of a resource that has none yet. */
  readonly resources: readonly [ResourceArn, ResourceArn];
  readonly point: PointRow;
  /** The pack of the point's only chunk. */
  readonly pack: PackRow;
}

/** What the point's only chunk holds. */
export const firstContent = 'a';

/**
 * A vault with one point of one chunk, a day old. The point expires a day later, and the leases of all its packs end
 * half a day after what a run of today needs: whoever builds on it has to extend them.
 * @param keysUntil - the lock of the vault's keys. @default beyond all that happens in a model
 */
export async function makeSmallVault(keysUntil: Date = dayAfter(3_650)): Promise<SmallVault> {
  const clock = new FakeClock(firstTime);
  const store = new MemoryObjectStore({ clock, numberByName: true });
  const random = new SeededRandom('model');
  const keyring = new MemoryKeyring(random);
  const lock = { mode: 'governance', until: keysUntil } as const;
  const opened = await initialiseVault({ store, keyring, random, lock });
  const keys = VaultKeys.import(await opened.export());
  const ports = {
    store,
    catalog: new MemoryCatalog(),
    index: new MemoryChunkIndex(),
    work: new MemoryWorkStore(),
  };
  const empty = World.begin(ports, firstTime, new CallBook());

  const { generationDays } = modelPolicy;
  const leaseUntil = leaseUntilFor(firstTime, keepDays, modelPolicy);
  const endsFirst = generationEndsFirst();
  const resources = arns((arn) => generationEnd(leaseUntil, resourceKeyOf(arn), generationDays) <= endsFirst);
  for (let seed = 0; seed < mostSeeds; seed += 1) {
    const run = {
      runId: '01'.repeat(16) as RunId,
      resourceArn: resources[0],
      pointId: pointIdAt(firstTime, 1),
      keepDays,
      contents: [firstContent],
    };
    const program: Program = async (services, vaultKeys) => (await runThinly(services, vaultKeys, run)).point;
    const world = await runAlone(empty, { name: `first writer ${seed}`, program }, { keys, keyring });
    const pack = world.ports.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
    if (pack.lockUntil > endsFirst) continue;
    const point = (await world.ports.catalog.points.find(run.pointId)) as PointRow;
    return { world: world.at(dayAfter(1)), keys, keyring, resources, point, pack };
  }
  throw new Error('no pack has a generation that ends early enough; has the rule for lock dates changed?');
}

/** The earliest end that a generation can have for leases of the first point. */
function generationEndsFirst(): Date {
  return new Date(Math.ceil(leaseUntilFor(firstTime, keepDays, modelPolicy).getTime() / dayMs) * dayMs);
}

/** The id of a point of that source time. */
export function pointIdAt(time: Date, serial: number): PointId {
  return `${compactTime(time)}-${String(serial).padStart(16, '0')}` as PointId;
}

function arns(fits: (arn: ResourceArn) => boolean): readonly [ResourceArn, ResourceArn] {
  const found: ResourceArn[] = [];
  for (let serial = 0; found.length < 2 && serial < mostSeeds; serial += 1) {
    const arn = `arn:aws:s3:::model-${serial}` as ResourceArn;
    if (fits(arn)) found.push(arn);
  }
  return found as unknown as readonly [ResourceArn, ResourceArn];
}
