import { ObjectLockMissingError, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { defaultVerifyEveryDays, verifyEveryDays } from '../model/verify-every.ts';
import { objectNameOf } from '../packs/object-names.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import { endOfTime, sweepPartitions, type PackRow } from '../ports/catalog/packs.ts';
import type { ObjectState, ObjectStore } from '../ports/object-store.ts';
import { ObjectChecker } from '../verify/check-objects.ts';
import { KnownContents } from '../verify/known-contents.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';
import { verifyHistory } from '../verify/verify-history.ts';
import { addFailures, workThrough, type StepFailures, type StepOptions } from './work-through.ts';
import { dayMs } from '../model/time.ts';

const noFailures: StepFailures = { count: 0, messages: [] };
const resourcesAtOnce = 4;
const packsAtOnce = 2;
/** Reading more than this at once would not fit between two looks at the time. Packs have 32 MiB, containers no limit. */
const defaultLargestBytes = 4 * 2 ** 30;
/** Damage that is spelled out; the rest is counted. */
const damageListed = 20;

export interface VerifySampleServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'packs'>;
}

export interface VerifySampleOptions extends StepOptions {
  /** Objects that cost no more to read than the request are verified once within so many days. @default 30 */
  readonly everyDays?: number;
  /** One of {@link sweepPartitions} parts of the packs, by their ids, and of the resources, by their keys. */
  readonly partition: number;
  /** Objects that are larger are passed over. @default 4 GiB */
  readonly largestBytes?: number;
  /** The day whose sample it is: any time of it, UTC. The same day has the same sample. */
  readonly day: Date;
  /** The state that an earlier call returned. */
  readonly state?: VerifySampleState;
}

/** Packs up to this one, in the order of the list, have been verified; or all of them, and resources up to this one. Plain JSON. */
export type VerifySampleState =
  | { readonly lockUntil: string; readonly packId: string }
  | { readonly arn: ResourceArn };

export interface VerifySampleReport {
  readonly packs: number;
  readonly bytes: number;
  readonly resources: number;
  /** Containers that are too large to be read at once, or have to be thawed first: verify their points by hand. */
  readonly passedOver: number;
  /** Damaged packs, and roots that are damaged, missing or not what the next one says. */
  readonly damaged: number;
  readonly messages: readonly string[];
  readonly failures: StepFailures;
}

/** Each id belongs to the sample of one day of every `everyDays`. */
export function isInSample(id: string, day: Date, everyDays: number): boolean {
  const dayNumber = Math.floor(day.getTime() / dayMs);
  return Number.parseInt(id.slice(0, 8), 16) % everyDays === dayNumber % everyDays;
}

/**
 * Verifies the part of the vault whose day it is: of the catalog's packs (chunks, pages and containers) every frame, and
 * of the resources the chains of their roots. Marks damaged packs, so that the next backup stores their chunks again.
 * Packs have their turn within `everyDays` days, so a thirtieth of them is read a day unless it is told otherwise. A
 * container has a class of its own: it is looked at every day (whether it is there, its size, its lock), and read as
 * often as its class lets that cost next to nothing ({@link verifyEveryDays}). One that needs thawing first, or is very
 * large, is passed over when its turn comes, and counted.
 */
export async function verifySample(
  services: VerifySampleServices,
  keys: VaultKeys,
  options: VerifySampleOptions,
): Promise<{ readonly report: VerifySampleReport; readonly state?: VerifySampleState }> {
  const { store, catalog } = services;
  const { everyDays = defaultVerifyEveryDays, partition, day, state, signal } = options;
  const found = new Findings();
  const after = state !== undefined && 'arn' in state ? state.arn : undefined;
  const packs =
    after === undefined ? await verifyPacks(services, keys, { ...options, found }) : { failures: noFailures };
  if (packs.next !== undefined) return { report: found.report(packs.failures), state: packs.next };
  let last = after;
  const histories = await workThrough(
    {
      items: resourcesOf(catalog, partition, (arn) => isInSample(resourceKeyOf(arn), day, everyDays), after),
      atOnce: resourcesAtOnce,
      nameOf: (arn) => arn,
      work: async (arn) => {
        last = arn;
        const { problems } = await verifyHistory({ store, keys, catalog }, arn, signal);
        for (const problem of problems) found.addDamage(problem.pointId ?? arn, problem);
        found.resources += 1;
      },
    },
    options,
  );
  const failures = addFailures(packs.failures, histories.failures);
  const next = histories.done || last === undefined ? undefined : { arn: last };
  return { report: found.report(failures), state: next };
}

async function verifyPacks(
  services: VerifySampleServices,
  keys: VaultKeys,
  options: VerifySampleOptions & { readonly found: Findings },
): Promise<{ readonly failures: StepFailures; readonly next?: VerifySampleState | undefined }> {
  const { store, catalog } = services;
  const { everyDays = defaultVerifyEveryDays, partition, day, state, found } = options;
  // Frames that were read are not remembered: every pack is met once.
  const checker = new ObjectChecker({ store, keys, catalog, memory: new KnownContents(0) });
  let last: PackRow | undefined;
  const sampled = sampleOf(
    catalog,
    partition,
    state !== undefined && 'packId' in state ? state : undefined,
    ({ kind, packId }) => kind === 'container' || isInSample(packId, day, everyDays),
  );
  const { done, failures } = await workThrough(
    {
      items: sampled,
      atOnce: packsAtOnce,
      nameOf: ({ packId }) => `pack ${packId}`,
      work: async (row) => {
        last = row;
        await verifyPack(services, row, { ...options, everyDays, checker, found });
      },
    },
    options,
  );
  if (done) return { failures };
  const next = last === undefined ? state : { lockUntil: last.lockUntil.toISOString(), packId: last.packId };
  return { failures, next };
}

class Findings {
  packs = 0;
  bytes = 0;
  resources = 0;
  passedOver = 0;
  #damaged = 0;
  readonly #messages: string[] = [];

  addDamage(what: string, { name, message }: ErrorRecord): void {
    this.#damaged += 1;
    if (this.#messages.length < damageListed) this.#messages.push(`${what}: ${name}: ${message}`);
  }

  report(failures: StepFailures): VerifySampleReport {
    const { packs, bytes, resources, passedOver } = this;
    return {
      packs,
      bytes,
      resources,
      passedOver,
      damaged: this.#damaged,
      messages: this.#messages,
      failures,
    };
  }
}

/** Verifies every frame of a pack; a container is looked at, and read when its turn has come. */
async function verifyPack(
  { store, catalog }: VerifySampleServices,
  row: PackRow,
  options: Pick<VerifySampleOptions, 'day' | 'largestBytes' | 'signal'> & {
    readonly everyDays: number;
    readonly checker: ObjectChecker;
    readonly found: Findings;
  },
): Promise<void> {
  const { day, largestBytes = defaultLargestBytes, signal, everyDays, checker, found } = options;
  const { packId, kind, versionId = '', bytes = 0 } = row;
  const object = { packId, name: objectNameOf(row), versionId, kind };
  if (kind === 'container') {
    const seen = await look(store, row, object.name, day);
    if ('loss' in seen) {
      if (await isGone(catalog, row)) return;
      if (seen.isUnreadable) await catalog.packs.markDamaged(packId);
      found.addDamage(object.name, seen.loss);
      return;
    }
    if (!isInSample(packId, day, verifyEveryDays(seen.storageClass, everyDays))) return;
    if (seen.isFrozen || bytes > largestBytes) {
      found.passedOver += 1;
      return;
    }
  }
  for await (const damaged of checker.check(once(object), signal))
    if (!(await isGone(catalog, row))) found.addDamage(damaged.objectName, damaged.loss);
  found.packs += 1;
  found.bytes += bytes;
}

type PackPlace = Extract<VerifySampleState, { readonly packId: string }>;

/** Live packs of the day, in the order of the list, from where an earlier call stopped. */
async function* sampleOf(
  catalog: Pick<Catalog, 'packs'>,
  partition: number,
  state: PackPlace | undefined,
  isWanted: (row: PackRow) => boolean,
): AsyncGenerator<PackRow> {
  for await (const row of catalog.packs.listDue(endOfTime, partition)) {
    if (row.state !== 'live' || !isWanted(row)) continue;
    if (state === undefined || isBehind(row, state)) yield row;
  }
}

function isBehind({ lockUntil, packId }: PackRow, state: PackPlace): boolean {
  const order = lockUntil.getTime() - Date.parse(state.lockUntil);
  return order > 0 || (order === 0 && packId > state.packId);
}

async function* resourcesOf(
  catalog: Pick<Catalog, 'resources'>,
  partition: number,
  isWanted: (arn: ResourceArn) => boolean,
  startAfter: ResourceArn | undefined,
): AsyncGenerator<ResourceArn> {
  for await (const { arn } of catalog.resources.list(startAfter)) {
    if (Number.parseInt(resourceKeyOf(arn).slice(-1), 16) % sweepPartitions === partition && isWanted(arn))
      yield arn;
  }
}

async function* once<Item>(item: Item): AsyncGenerator<Item> {
  yield await Promise.resolve(item);
}

type Look =
  | { readonly storageClass: string | undefined; readonly isFrozen: boolean }
  | { readonly loss: ErrorRecord; readonly isUnreadable: boolean };

/** Looks at a container: that it is there, has all its bytes, and is locked as long as the catalog says. */
async function look(store: ObjectStore, row: PackRow, name: string, now: Date): Promise<Look> {
  const { versionId = '', bytes, lockedUntil } = row;
  let state: ObjectState;
  try {
    state = await store.head(name, { versionId });
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return { loss: errorRecordOf(error), isUnreadable: true };
    throw error;
  }
  if (bytes !== undefined && state.bytes !== bytes) {
    const error = new StoredBytesDamagedError(name, `it has ${state.bytes} bytes, the catalog says ${bytes}`);
    return { loss: errorRecordOf(error), isUnreadable: true };
  }
  const { lock, storageClass, thaw } = state;
  if (lockedUntil !== undefined && lockedUntil > now && (lock === undefined || lock.until < lockedUntil)) {
    const wanted = `until ${lockedUntil.toISOString()}`;
    const error = new ObjectLockMissingError(
      name,
      wanted,
      lock === undefined ? 'not at all' : `until ${lock.until.toISOString()}`,
    );
    return { loss: errorRecordOf(error), isUnreadable: false };
  }
  return { storageClass, isFrozen: thaw !== undefined && thaw.state !== 'thawed' };
}

/** A pack that seems damaged may have been swept while it was read. */
async function isGone(catalog: Pick<Catalog, 'packs'>, { packId }: PackRow): Promise<boolean> {
  return (await catalog.packs.findAll([packId])).get(packId)?.state !== 'live';
}
