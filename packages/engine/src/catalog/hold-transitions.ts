import type { HoldId } from '../ids.ts';
import type { TransitionStep } from './transition.ts';

interface Held {
  readonly holds?: readonly HoldId[];
}

/** Takes a hold out of a row's set, and the set away with its last hold. */
export function releaseSteps<Row extends Held>(holdId: HoldId): readonly TransitionStep<Row>[] {
  return [
    { when: { holds: { kind: 'only', member: holdId } }, change: { unset: ['holds'] } },
    { when: { holds: { kind: 'among-others', member: holdId } }, change: { takeHold: holdId } },
  ] as readonly TransitionStep<Held>[] as readonly TransitionStep<Row>[];
}
