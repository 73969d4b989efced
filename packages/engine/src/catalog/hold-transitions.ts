import type { HoldId } from '../ids.ts';
import type { TransitionStep } from './transition.ts';

interface Held {
  readonly holds?: readonly HoldId[];
}

/** A hold goes out of a row's set, and the set with the last one. */
export function releaseSteps<Row extends Held>(holdId: HoldId): readonly TransitionStep<Row>[] {
  return [
    { when: { holds: { kind: 'only', member: holdId } }, change: { unset: ['holds'] } },
    { when: { holds: { kind: 'among-others', member: holdId } }, change: { takeHold: holdId } },
  ] as readonly TransitionStep<Held>[] as readonly TransitionStep<Row>[];
}
