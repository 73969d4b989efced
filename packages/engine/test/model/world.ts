import { InvalidInputError, NotSupportedError, ObjectLockedError } from '../../src/errors.ts';
import type { ObjectLock, PutOptions } from '../../src/ports/object-store.ts';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  type MemoryObjectStore,
  type MemoryWorkStore,
} from '../../src/testing/index.ts';
import type { Answer, Call, CallBook } from './calls.ts';
import { isList } from './live-actor.ts';
import { canonicalText, fingerprintOf, mix, type Fingerprint } from './fingerprint.ts';

/** What a call does: the world after it, what the caller is told, and whether the store had to refuse a removal. */
export interface Step {
  readonly next: World;
  readonly answerId: number;
  readonly refused: boolean;
}

/** The shared ports in one moment. */
export interface Ports {
  readonly store: MemoryObjectStore;
  readonly catalog: MemoryCatalog;
  readonly index: MemoryChunkIndex;
  readonly work: MemoryWorkStore;
}

/** Worlds and steps that are remembered; what is dropped is computed again. */
const worldsKept = 150_000;
const stepsKept = 1_500_000;

/** What all worlds of one exploration share. */
interface Memory {
  readonly book: CallBook;
  readonly worlds: Map<string, World>;
  readonly steps: Map<number, Step>;
  serial: number;
}

/**
 * Store, catalog, index, work store and time in one moment. Never changes: a call leads to another world, computed by
 * the doubles that pass the contracts of the ports, and is remembered. Equal worlds are one object while remembered.
 */
export class World {
  readonly time: Date;
  readonly ports: Ports;
  readonly fingerprint: Fingerprint;
  /** Fingerprint of the vault and its rows alone: without runs and scratch objects. */
  readonly vaultFingerprint: Fingerprint;
  readonly #memory: Memory;
  readonly #serial: number;
  /** Set by who has looked at it. */
  checked = false;

  private constructor(ports: Ports, time: Date, memory: Memory) {
    this.ports = ports;
    this.time = time;
    this.#memory = memory;
    this.#serial = memory.serial++;
    this.vaultFingerprint = vaultFingerprintOf(ports, time);
    this.fingerprint = withRuns(this.vaultFingerprint, ports);
  }

  /** A world that begins with these ports, at a time. */
  static begin(ports: Ports, time: Date, book: CallBook): World {
    return new World(forkPorts(ports, time), time, { book, worlds: new Map(), steps: new Map(), serial: 0 });
  }

  /** The step that a call makes, if it has been computed. */
  known(call: Call): Step | undefined {
    return this.#memory.steps.get(this.#stepKey(call));
  }

  /** Computes the step that a call makes. */
  async step(call: Call): Promise<Step> {
    const ports = forkPorts(this.ports, this.time);
    const answer = await perform(ports, call, this.time);
    const next = this.#settle(ports, this.time);
    const answerId = this.#memory.book.answerId(answer);
    const refused =
      call.method === 'removeVersion' && 'error' in answer && answer.error instanceof ObjectLockedError;
    const step = { next, answerId, refused };
    const { steps } = this.#memory;
    if (steps.size >= stepsKept) steps.clear();
    steps.set(this.#stepKey(call), step);
    return step;
  }

  /** The same at another time. */
  at(time: Date): World {
    return this.#settle(forkPorts(this.ports, time), time);
  }

  /** The same with a book and a memory of its own. */
  forked(book: CallBook): World {
    return World.begin(this.ports, this.time, book);
  }

  /** The same without the rows of the catalog and the items of the index. */
  withoutTables(): World {
    const ports = forkPorts(this.ports, this.time);
    return this.#settle({ ...ports, catalog: new MemoryCatalog(), index: new MemoryChunkIndex() }, this.time);
  }

  /** The same after something that no port does: damage. */
  async changed(change: (ports: Ports) => Promise<void> | void): Promise<World> {
    const ports = forkPorts(this.ports, this.time);
    await change(ports);
    return this.#settle(ports, this.time);
  }

  #settle(ports: Ports, time: Date): World {
    const world = new World(ports, time, this.#memory);
    const { worlds } = this.#memory;
    const key = `${world.fingerprint.a}.${world.fingerprint.b}`;
    const known = worlds.get(key);
    if (known !== undefined) return known;
    if (worlds.size >= worldsKept) worlds.clear();
    worlds.set(key, world);
    return world;
  }

  #stepKey(call: Call): number {
    return this.#serial * 2 ** 20 + call.id;
  }
}

/** What no port does: a call of this name on the catalog takes away all rows, and all items of the index. */
const loseTables = 'tables.lose';

/** Performs a call on ports that may be changed. */
export async function perform(ports: Ports, { port, method, args }: Call, time: Date): Promise<Answer> {
  try {
    if (port === 'store' && method === 'put') refusePastLock((args[2] as PutOptions | undefined)?.lock, time);
    if (port === 'store' && method === 'extendLock') refusePastLock(args[2] as ObjectLock, time);
    if (method === loseTables) {
      Object.assign(ports, { catalog: new MemoryCatalog(), index: new MemoryChunkIndex() });
      return { value: undefined };
    }
    const [name = '', part] = method.split('.').toReversed();
    const target = part === undefined ? ports[port] : (Reflect.get(ports[port], part) as object);
    const member: unknown = Reflect.get(target, name, target);
    if (typeof member !== 'function' || method.endsWith('Multipart'))
      throw new NotSupportedError(`the model has no ${port}.${method}`);
    const result: unknown = Reflect.apply(member, target, args);
    if (isList(method))
      return { value: (await Array.fromAsync(result as AsyncIterable<unknown>)).map(withoutStoredAt) };
    return { value: withoutStoredAt(await result) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { error };
  }
}

/** When the store took a version matters to nobody, and would tell apart what is the same. */
function withoutStoredAt(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('storedAt' in value)) return value;
  return { ...value, storedAt: new Date(0) };
}

/** S3 takes no lock that ends in the past: what was delayed until its lease was over is not stored any more. */
function refusePastLock(lock: ObjectLock | undefined, time: Date): void {
  if (lock !== undefined && lock.until <= time)
    throw new InvalidInputError(`the lock date ${lock.until.toISOString()} must be in the future`);
}

/** Ports with the same content that go their own way. */
export function forkPorts(ports: Ports, time: Date): Ports {
  return {
    store: ports.store.fork(new FakeClock(time)),
    catalog: ports.catalog.fork(),
    index: ports.index.fork(),
    work: ports.work.fork(),
  };
}

/** Fingerprints of things that are never changed, only replaced. */
const fingerprints = new WeakMap<object, Fingerprint>();

function cached(key: object, text: () => string): Fingerprint {
  let known = fingerprints.get(key);
  if (known === undefined) {
    known = fingerprintOf(text());
    fingerprints.set(key, known);
  }
  return known;
}

function vaultFingerprintOf({ store, catalog, index }: Ports, time: Date): Fingerprint {
  let a = mix(1, time.getTime() / 1000);
  let b = mix(2, time.getTime() / 1000);
  // Sums do not depend on the order, and each part says by itself what it is.
  const add = (part: Fingerprint): void => {
    a = (a + mix(3, part.a)) >>> 0;
    b = (b + mix(4, part.b)) >>> 0;
  };
  for (const [name, versions] of store.entries()) {
    add(
      cached(versions, () =>
        canonicalText([
          name,
          versions.map(({ content, versionId, lock, legalHold }) => [
            versionId,
            lock,
            legalHold,
            bodyOf(content),
          ]),
        ]),
      ),
    );
  }
  for (const row of catalog.rows()) {
    if (!('startedAt' in row)) add(cached(row, () => canonicalText(row)));
  }
  for (const [id, location] of index.entries()) add(cached(location, () => canonicalText([id, location])));
  return { a, b };
}

function bodyOf(content: {
  readonly bytes: number;
  read(offset: number, length: number): Uint8Array;
}): string {
  const { a, b } = cached(content, () => canonicalText(content.read(0, content.bytes)));
  return `${a}.${b}`;
}

function withRuns({ a, b }: Fingerprint, { catalog, work }: Ports): Fingerprint {
  let sumA = a;
  let sumB = b;
  const add = (part: Fingerprint): void => {
    sumA = (sumA + mix(5, part.a)) >>> 0;
    sumB = (sumB + mix(6, part.b)) >>> 0;
  };
  for (const row of catalog.rows()) if ('startedAt' in row) add(cached(row, () => canonicalText(row)));
  for (const [name, body] of work.entries()) add(cached(body, () => canonicalText([name, body])));
  return { a: sumA, b: sumB };
}
