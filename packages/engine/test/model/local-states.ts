import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import type { Call, CallBook } from './calls.ts';
import { LiveActor, type ActorSpec, type Outcome } from './live-actor.ts';

/** Live actors that are kept to go on with; others are run again from their start. */
const liveKept = 256;

/** Where an actor stands: what it asked and was told since it started decides all that it will do. */
export interface LocalState {
  readonly id: number;
  readonly actor: number;
  readonly pending: readonly { readonly number: number; readonly call: Call }[];
  readonly outcome: Outcome | undefined;
  /** How it got there; absent at the start. */
  readonly from?: { readonly before: LocalState; readonly number: number; readonly answerId: number };
  readonly next: Map<number, LocalState>;
}

/**
 * What the actors do, learned from the product's code: for each sequence of answers that an actor can see, the code is
 * run once, and what it asks next is remembered. All interleavings with other actors share it.
 */
export class LocalStates {
  readonly #specs: readonly ActorSpec[];
  readonly #surroundings: { readonly book: CallBook; readonly keys: VaultKeys; readonly keyring: Keyring };
  /** The answer of a call that nobody answered. */
  readonly #unansweredId: number;
  readonly #live = new Map<LocalState, LiveActor>();
  readonly #known: Map<string, LocalState>[];
  #count = 0;
  /** How often the code was run from its start to get back to a state. */
  replays = 0;

  constructor(
    specs: readonly ActorSpec[],
    surroundings: { readonly book: CallBook; readonly keys: VaultKeys; readonly keyring: Keyring },
    unansweredId: number,
  ) {
    this.#unansweredId = unansweredId;
    this.#specs = specs;
    this.#surroundings = surroundings;
    this.#known = specs.map(() => new Map<string, LocalState>());
  }

  /** Different states of actors so far. */
  get size(): number {
    return this.#count;
  }

  /** Every actor before its first answer. */
  async start(): Promise<LocalState[]> {
    const states: LocalState[] = [];
    for (const [actor, spec] of this.#specs.entries())
      states.push(this.#note(actor, await LiveActor.start(spec, this.#surroundings)));
    return states;
  }

  /** Where an answer takes an actor. */
  async advance(state: LocalState, number: number, answerId: number): Promise<LocalState> {
    const live = this.#live.get(state) ?? (await this.#replay(state));
    this.#live.delete(state);
    await live.deliver(number, this.#surroundings.book.answer(answerId));
    const next = this.#note(state.actor, live, { before: state, number, answerId });
    state.next.set(stepKey(number, answerId), next);
    return next;
  }

  /**
   * The state that it is the same as, if there is one:
   * - who is told that nobody answered and asks the same again stands where it stood, but for its patience and the
   *   random ids to come, which are as good as any others;
   * - in which order calls that wait at the same time are answered makes no difference to who asked.
   */
  #findSame(state: LocalState): LocalState | undefined {
    const { from, actor } = state;
    if (from === undefined || state.outcome !== undefined) return undefined;
    if (from.answerId === this.#unansweredId && textOf(state.pending) === textOf(from.before.pending))
      return from.before;
    const told: string[] = [];
    for (let at: LocalState = state; at.from !== undefined; at = at.from.before) {
      const { before, number, answerId } = at.from;
      told.push(`${before.pending.find((one) => one.number === number)?.call.id}:${answerId}`);
    }
    const key = `${told.sort().join()}|${textOf(state.pending)}`;
    const known = this.#known[actor]?.get(key);
    if (known === undefined) this.#known[actor]?.set(key, state);
    return known;
  }

  async #replay(state: LocalState): Promise<LiveActor> {
    this.replays += 1;
    const path: NonNullable<LocalState['from']>[] = [];
    for (let at = state; at.from !== undefined; at = at.from.before) path.push(at.from);
    const live = await LiveActor.start(this.#specs[state.actor] as ActorSpec, this.#surroundings);
    for (const { number, answerId } of path.reverse())
      await live.deliver(number, this.#surroundings.book.answer(answerId));
    return live;
  }

  #note(actor: number, live: LiveActor, from?: LocalState['from']): LocalState {
    const state: LocalState = {
      id: this.#count,
      actor,
      pending: [...live.pending].map(([number, call]) => ({ number, call })),
      outcome: live.outcome,
      from,
      next: new Map(),
    };
    if (live.pending.size === 0 && live.outcome === undefined)
      throw new Error(`actor ${this.#specs[actor]?.name} waits for something that is not a port`);
    const same = this.#findSame(state);
    if (same !== undefined) return same;
    this.#count += 1;
    if (live.outcome === undefined) {
      this.#live.set(state, live);
      for (const oldest of this.#live.keys()) {
        if (this.#live.size <= liveKept) break;
        this.#live.delete(oldest);
      }
    }
    return state;
  }
}

function textOf(pending: LocalState['pending']): string {
  return pending
    .map(({ call }) => call.id)
    .sort((a, b) => a - b)
    .join();
}

/** Key of {@link LocalState.next}. */
export function stepKey(number: number, answerId: number): number {
  return number * 2 ** 26 + answerId;
}
