import {
  aliveUntil,
  type Clock,
  endTurn,
  type RandomBytes,
  type RunId,
  type SharedRecords,
  takeTurn,
} from '@holdfast/engine';

interface Services {
  readonly shared: SharedRecords;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Takes a turn at copying blocks, or holds on to it. Snapshots of a hundred images may be in the making at once; if all
 * of them were copied at once, too, they would take all of the account's functions.
 */
export async function takeCopyTurn(
  services: Services,
  runId: RunId,
  most: number,
): Promise<'taken' | 'wait'> {
  const until = aliveUntil(services.clock.now());
  return takeTurn(services, { name: 'copy-images', holder: runId, most, until });
}

/** Lets the next image be copied. Where nobody says so, the turn, or the wait for one, ends by itself. */
export async function endCopyTurn(services: Services, runId: RunId): Promise<void> {
  await endTurn(services, { name: 'copy-images', holder: runId });
}
