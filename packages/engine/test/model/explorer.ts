import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import { StoreUnavailableError } from '../../src/errors.ts';
import type { Call, CallBook } from './calls.ts';
import {
  describeLabel,
  fingerprintOfState,
  type FailureKind,
  type Label,
  type Node,
  type State,
} from './exploration-state.ts';
import { FingerprintSet } from './fingerprint.ts';
import type { ActorSpec } from './live-actor.ts';
import { LocalStates, stepKey, type LocalState } from './local-states.ts';
import type { Step, World } from './world.ts';

/** What is explored. */
export interface Scenario {
  readonly book: CallBook;
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
  readonly world: World;
  readonly actors: readonly ActorSpec[];
  /** When the clock may jump to, one after the other, whatever the actors are doing. */
  readonly times: readonly Date[];
  /** How many actors may die, each between any two of its calls. */
  readonly crashes: number;
  /** How many calls may fail. */
  readonly failures: number;
  readonly failureKinds?: readonly FailureKind[];
  /** Calls that nobody else can see or influence, at any time: they are made at once (see docs/decisions). */
  readonly isPrivate: (call: Call, clockStands: boolean) => boolean;
  /** What is wrong with a world that has been reached; nothing is wrong where it is `undefined`. */
  readonly check: (world: World) => Promise<string | undefined>;
  /** What is wrong with a world in which nobody does anything any more. */
  readonly checkRest: (world: World) => Promise<string | undefined>;
  /** Whether it is a fault of the protocol that the store had to refuse a removal. */
  readonly refusalsAreFaults: boolean;
  /** Whether actors may fail although no call of theirs did. @default false */
  readonly mayFail?: boolean;
}

/** How an exploration is done. */
export interface ExploreOptions {
  /** Breadth first finds a shortest trace and takes memory; depth first takes little. */
  readonly order: 'breadth' | 'depth';
  /** Ends without a verdict after so many states. @default never */
  readonly stateLimit?: number;
  readonly onProgress?: (report: Exploration) => void;
}

/** What was explored, and what was found. */
export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Most steps from the start to a state, as it was first reached. */
  readonly depth: number;
  /** Different states of single actors: how often the product's code was run on. */
  readonly localStates: number;
  readonly complete: boolean;
  readonly seconds: number;
  readonly fault?: { readonly what: string; readonly trace: readonly string[] };
}

/** Transitions from one report to the next. */
const progressEvery = 100_000;

const unanswered = new StoreUnavailableError('nobody answered; try again later');

/** Explores everything that can happen in a scenario, each state once, until a fault is found. */
export async function explore(scenario: Scenario, options: ExploreOptions): Promise<Exploration> {
  return new Explorer(scenario, options).run();
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  readonly #locals: LocalStates;
  readonly #visited = new FingerprintSet();
  readonly #rested = new FingerprintSet();
  readonly #unansweredId: number;
  readonly #startedMs = performance.now();
  #transitions = 0;
  #depth = 0;
  #nextReport = progressEvery;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#unansweredId = scenario.book.answerId({ error: unanswered });
    this.#locals = new LocalStates(scenario.actors, scenario, this.#unansweredId);
  }

  async run(): Promise<Exploration> {
    const { order, stateLimit = Infinity, onProgress } = this.#options;
    const { world, crashes, failures } = this.#scenario;
    const locals = await this.#locals.start();
    const first: Node = {
      state: { world, timeIndex: -1, locals, dead: 0, crashes, failures, late: [] },
      depth: 0,
    };
    this.#visited.add(fingerprintOfState(first.state));
    let frontier = [first];
    let nextLevel: Node[] = [];
    for (;;) {
      const node = frontier.pop();
      if (node === undefined) {
        if (nextLevel.length === 0) return this.#report(true);
        frontier = nextLevel.reverse();
        nextLevel = [];
        continue;
      }
      const what = await this.#check(node.state);
      if (what !== undefined) return this.#report(false, { what, trace: this.#traceOf(node) });
      if (this.#visited.size > stateLimit) return this.#report(false);
      const into = order === 'depth' ? frontier : nextLevel;
      const found = await this.#expand(node, into);
      if (found !== undefined) return this.#report(false, found);
      if (onProgress !== undefined && this.#transitions >= this.#nextReport) {
        this.#nextReport += progressEvery;
        onProgress(this.#report(false));
      }
    }
  }

  #report(complete: boolean, fault?: Exploration['fault']): Exploration {
    return {
      states: this.#visited.size,
      transitions: this.#transitions,
      depth: this.#depth,
      localStates: this.#locals.size,
      complete,
      seconds: (performance.now() - this.#startedMs) / 1000,
      ...(fault && { fault }),
    };
  }

  async #check({ world, locals, failures, timeIndex, dead, late }: State): Promise<string | undefined> {
    if (!world.checked) {
      const what = await this.#scenario.check(world);
      if (what !== undefined) return what;
      world.checked = true;
    }
    const active = locals.some(
      ({ outcome, actor }) =>
        outcome === undefined && (dead & (1 << actor)) === 0 && this.#mayStart(actor, dead) === 'yes',
    );
    if (failures === this.#scenario.failures && this.#scenario.mayFail !== true) {
      for (const { outcome, actor } of locals) {
        if (outcome?.state !== 'failed') continue;
        const { name, message } = outcome.error;
        // A jump of the clock is a fault of its own to a run that is under way: it stalled for days.
        if (timeIndex === -1) return `${this.#nameOf(actor)} met no fault and failed: ${name}: ${message}`;
      }
    }
    if (active || late.length > 0 || !this.#rested.add(world.vaultFingerprint)) return undefined;
    return this.#scenario.checkRest(world);
  }

  /** A repetition may start once the actor that it repeats is dead; it need not. */
  #mayStart(actor: number, dead: number): 'yes' | 'may' | 'no' {
    const { after } = this.#scenario.actors[actor] as ActorSpec;
    if (after === undefined) return 'yes';
    const repeated = this.#scenario.actors.findIndex(({ name }) => name === after);
    return (dead & (1 << repeated)) === 0 ? 'no' : 'may';
  }

  /** Puts all new successors of a state on a list. */
  async #expand(node: Node, into: Node[]): Promise<Exploration['fault']> {
    const { state } = node;
    const { actors, times, isPrivate } = this.#scenario;
    const clockStands = state.timeIndex + 1 >= times.length;
    const able: number[] = [];
    for (let actor = 0; actor < actors.length; actor += 1) {
      const local = state.locals[actor] as LocalState;
      if (local.outcome !== undefined || (state.dead & (1 << actor)) !== 0) continue;
      if (this.#mayStart(actor, state.dead) === 'no') continue;
      able.push(actor);
    }
    for (const actor of able) {
      const { pending } = state.locals[actor] as LocalState;
      const alone = pending.find(({ call }) => isPrivate(call, clockStands));
      if (alone !== undefined) return this.#moveActor(node, actor, [alone], into);
    }
    for (const actor of able) {
      const { pending } = state.locals[actor] as LocalState;
      const fault = await this.#moveActor(node, actor, pending, into);
      if (fault !== undefined) return fault;
    }
    for (const [at, callId] of state.late.entries()) {
      const call = this.#scenario.book.call(callId);
      const step = state.world.known(call) ?? (await state.world.step(call));
      this.#reach(
        node,
        into,
        { kind: 'late', call },
        { ...state, world: step.next, late: state.late.toSpliced(at, 1) },
      );
    }
    if (!clockStands) {
      const to = times[state.timeIndex + 1] as Date;
      const world = state.world.at(to);
      this.#reach(
        node,
        into,
        { kind: 'time', to },
        { ...state, world, timeIndex: state.timeIndex + 1, late: [] },
      );
    }
    return undefined;
  }

  /** Makes each of these calls of an actor, with every failure, and has the actor die before them. */
  async #moveActor(
    node: Node,
    actor: number,
    calls: LocalState['pending'],
    into: Node[],
  ): Promise<Exploration['fault']> {
    const { state } = node;
    const local = state.locals[actor] as LocalState;
    const { failureKinds = ['before', 'after', 'late', 'twice'], refusalsAreFaults } = this.#scenario;
    for (const { number, call } of calls) {
      const step = state.world.known(call) ?? (await state.world.step(call));
      if (step.refused && refusalsAreFaults) {
        const label: Label = { kind: 'call', actor, call };
        return {
          what: 'the store had to refuse the removal of a version that is locked',
          trace: this.#traceOf({ state, depth: node.depth + 1, label, before: node }),
        };
      }
      await this.#answer(
        node,
        into,
        { kind: 'call', actor, call },
        { number, world: step.next, answerId: step.answerId },
      );
      if (state.failures === 0) continue;
      const changes = step.next !== state.world;
      for (const failure of failureKinds) {
        if (failure !== 'before' && !changes) continue;
        const label: Label = { kind: 'call', actor, call, failure };
        await this.#answer(node, into, label, await this.#fail(state, number, call, step, failure));
      }
    }
    const { after, isImmortal } = this.#scenario.actors[actor] as ActorSpec;
    if (state.crashes > 0 && after === undefined && isImmortal !== true && local.from !== undefined) {
      const dead = state.dead | (1 << actor);
      this.#reach(node, into, { kind: 'crash', actor }, { ...state, dead, crashes: state.crashes - 1 });
    }
    return undefined;
  }

  async #fail(
    { world, late }: State,
    number: number,
    call: Call,
    step: Step,
    failure: FailureKind,
  ): Promise<{ number: number; world: World; answerId: number; late?: readonly number[] }> {
    const answerId = this.#unansweredId;
    if (failure === 'before') return { number, world, answerId };
    if (failure === 'after') return { number, world: step.next, answerId };
    if (failure === 'late')
      return { number, world, answerId, late: [...late, call.id].sort((a, b) => a - b) };
    const again = step.next.known(call) ?? (await step.next.step(call));
    return { number, world: again.next, answerId: again.answerId };
  }

  async #answer(
    node: Node,
    into: Node[],
    label: Label & { kind: 'call' },
    {
      number,
      world,
      answerId,
      late,
    }: { number: number; world: World; answerId: number; late?: readonly number[] },
  ): Promise<void> {
    const { state } = node;
    const before = state.locals[label.actor] as LocalState;
    const next =
      before.next.get(stepKey(number, answerId)) ?? (await this.#locals.advance(before, number, answerId));
    const locals = [...state.locals];
    locals[label.actor] = next;
    this.#reach(node, into, label, {
      ...state,
      world,
      locals,
      failures: label.failure === undefined ? state.failures : state.failures - 1,
      ...(late && { late }),
    });
  }

  #reach(before: Node, into: Node[], label: Label, state: State): void {
    this.#transitions += 1;
    if (!this.#visited.add(fingerprintOfState(state))) return;
    const depth = before.depth + 1;
    if (depth > this.#depth) this.#depth = depth;
    into.push({ state, depth, label, before });
  }

  #traceOf(node: Node): string[] {
    const lines: string[] = [];
    for (let at: Node | undefined = node; at?.label !== undefined; at = at.before)
      lines.push(describeLabel(at.label, (actor) => this.#nameOf(actor)));
    return lines.reverse();
  }

  #nameOf(actor: number): string {
    return (this.#scenario.actors[actor] as ActorSpec).name;
  }
}
