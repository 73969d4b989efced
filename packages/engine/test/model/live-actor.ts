import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { AllServices } from '../../src/services.ts';
import { FakeClock, MemoryObjectStore, SeededRandom } from '../../src/testing/index.ts';
import type { Answer, Call, CallBook, SharedPort } from './calls.ts';

/** What an actor does with its services. Returns what came of it, in a word. */
export type Program = (services: AllServices, keys: VaultKeys) => Promise<string>;

/** One of those who work on a vault at the same time. */
export interface ActorSpec {
  readonly name: string;
  readonly program: Program;
  /** Starts only after the actor of that name has crashed: its repetition. */
  readonly after?: string;
  /** Never crashes: what is asked is what the others' crashes do. @default false */
  readonly isImmortal?: boolean;
  /** By how much the store's clock that it sees is ahead. Milliseconds. @default 0 */
  readonly storeSkewMs?: number;
  /** What the actor's own clock says, from start to end. The protocol must not depend on it. */
  readonly clock?: Date;
}

/** What came of an actor. */
export type Outcome =
  | { readonly state: 'finished'; readonly word: string }
  | { readonly state: 'failed'; readonly error: Error };

/**
 * A program of the product that runs until each of its calls of a shared port, and waits there until somebody delivers
 * an answer. Between calls it is deterministic: chance is seeded with its name, its clock stands still.
 */
export class LiveActor {
  /** Calls that wait, by their number in the order in which the actor made them. */
  readonly pending = new Map<number, Call>();
  outcome: Outcome | undefined;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  private constructor() {}

  static async start(
    spec: ActorSpec,
    surroundings: {
      readonly book: CallBook;
      readonly keys: VaultKeys;
      readonly keyring: Keyring;
      readonly clock?: FakeClock;
    },
  ): Promise<LiveActor> {
    const actor = new LiveActor();
    const services = actor.#services(spec, surroundings);
    spec.program(services, surroundings.keys).then(
      (word) => (actor.outcome = { state: 'finished', word }),
      (error: unknown) => (actor.outcome = { state: 'failed', error: error as Error }),
    );
    await allSettled();
    return actor;
  }

  /** Answers a call, and lets the actor run until it waits again or is over. */
  async deliver(call: number, answer: Answer): Promise<void> {
    const settle = this.#waiting.get(call);
    if (settle === undefined) throw new Error(`call ${call} does not wait`);
    this.#waiting.delete(call);
    this.pending.delete(call);
    settle(answer);
    await allSettled();
  }

  #services(
    { name, storeSkewMs = 0, clock }: ActorSpec,
    { book, keyring, clock: shared }: { book: CallBook; keyring: Keyring; clock?: FakeClock },
  ): AllServices {
    const port = (which: SharedPort, part = ''): object => this.#port(which, part, book, storeSkewMs);
    return {
      store: port('store'),
      catalog: new Proxy({}, { get: (_, part) => port('catalog', `${String(part)}.`) }),
      index: port('index'),
      work: port('work'),
      clock: shared ?? new FakeClock(clock),
      random: new SeededRandom(`actor ${name}`),
      keyring,
      lockMode: 'governance',
    } as unknown as AllServices;
  }

  #port(port: SharedPort, part: string, book: CallBook, storeSkewMs: number): object {
    // No lease depends on the audit log: each actor has one of its own, and so fewer calls.
    const ownAudit = new MemoryObjectStore({ clock: new FakeClock() });
    return new Proxy(
      {},
      {
        get: (_, method) => {
          if (typeof method !== 'string' || method === 'then') return undefined;
          const shared = this.#shared(port, part + method, book, storeSkewMs);
          if (port !== 'store') return shared;
          const own = Reflect.get(ownAudit, method, ownAudit) as (...args: unknown[]) => unknown;
          return (...args: unknown[]) =>
            typeof args[0] === 'string' && args[0].startsWith('audit/')
              ? Reflect.apply(own, ownAudit, args)
              : shared(...args);
        },
      },
    );
  }

  #shared(
    port: SharedPort,
    method: string,
    book: CallBook,
    storeSkewMs: number,
  ): (...args: unknown[]) => unknown {
    const ask = async (args: readonly unknown[]): Promise<unknown> =>
      this.#ask(book.callOf(port, method, args));
    if (isList(method)) return (...args) => itemsOf(async () => (await ask(args)) as readonly unknown[]);
    if (port === 'store' && method === 'now')
      return async () => new Date(((await ask([])) as Date).getTime() + storeSkewMs);
    return async (...args) => ask(args);
  }

  async #ask(call: Call): Promise<unknown> {
    const number = this.#calls++;
    this.pending.set(number, call);
    const answer = await new Promise<Answer>((resolve) => this.#waiting.set(number, resolve));
    if ('error' in answer) throw answer.error;
    // Callers own the bytes that they get.
    return answer.value instanceof Uint8Array ? new Uint8Array(answer.value) : answer.value;
  }
}

/** Whether a call, of a part of the catalog for instance, gives a list. */
export function isList(method: string): boolean {
  return /^(\w+\.)?list/.test(method);
}

/** A list is one call, made when its first item is asked for. */
async function* itemsOf(list: () => Promise<readonly unknown[]>): AsyncGenerator {
  yield* await list();
}

/** Everything that can run without an answer has run: promises settle before the event loop turns. */
async function allSettled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
