import { describeCall, type Call } from './calls.ts';
import { fingerprintOf, mix, type Fingerprint } from './fingerprint.ts';
import type { LocalState } from './local-states.ts';
import type { World } from './world.ts';

/**
 * How a call of a shared port fails, each time once:
 * - `before`: it does not happen, the caller is told that nobody answered;
 * - `after`: it happens, the caller is told the same;
 * - `late`: as `before`, but it happens later, at any time before the clock next jumps;
 * - `twice`: it happens twice in a row, the caller gets the second answer.
 */
export type FailureKind = 'before' | 'after' | 'late' | 'twice';

/** Where everything stands. */
export interface State {
  readonly world: World;
  readonly timeIndex: number;
  readonly locals: readonly LocalState[];
  /** One bit an actor. */
  readonly dead: number;
  readonly crashes: number;
  readonly failures: number;
  /** Calls that will still happen although their caller has given up. */
  readonly late: readonly number[];
}

/** What leads from one state to the next. */
export type Label =
  | { readonly kind: 'call'; readonly actor: number; readonly call: Call; readonly failure?: FailureKind }
  | { readonly kind: 'crash'; readonly actor: number }
  | { readonly kind: 'late'; readonly call: Call }
  | { readonly kind: 'time'; readonly to: Date };

/** A state that is to be looked at, and how it was reached. */
export interface Node {
  readonly state: State;
  readonly depth: number;
  readonly label?: Label;
  readonly before?: Node;
}

/** A step as a trace shows it. */
export function describeLabel(label: Label, nameOf: (actor: number) => string): string {
  if (label.kind === 'time') return `time: ${label.to.toISOString()}`;
  if (label.kind === 'crash') return `${nameOf(label.actor)} crashes`;
  if (label.kind === 'late') return `late: ${describeCall(label.call)}`;
  const failure = label.failure === undefined ? '' : ` [fails ${label.failure}]`;
  return `${nameOf(label.actor)}: ${describeCall(label.call)}${failure}`;
}

/** Two states are the same if this is. */
export function fingerprintOfState({
  world,
  timeIndex,
  locals,
  dead,
  crashes,
  failures,
  late,
}: State): Fingerprint {
  let { a, b } = world.fingerprint;
  const add = (value: number): void => {
    a = mix(a, value);
    b = mix(b, value ^ 0x5bd1e995);
  };
  for (const { id, actor, outcome } of locals) {
    // Of who is over, only whether it ended well still matters; of who is dead, nothing.
    if ((dead & (1 << actor)) !== 0) add(0x7ffffff0);
    else if (outcome !== undefined)
      add(outcome.state === 'finished' ? 0x7ffffff1 : fingerprintOf(outcome.error.name).a);
    else add(id);
  }
  add(timeIndex);
  add(dead);
  add(crashes * 16 + failures);
  for (const callId of late) add(callId);
  return { a, b };
}
