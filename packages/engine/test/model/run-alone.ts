import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import { CallBook, type Call } from './calls.ts';
import { LiveActor, type ActorSpec } from './live-actor.ts';
import type { World } from './world.ts';

/**
 * Runs one actor from start to end while nobody else does anything and nothing fails.
 * @returns the world after it. @throws what the actor throws.
 */
export async function runAlone(
  world: World,
  spec: ActorSpec,
  surroundings: { readonly keys: VaultKeys; readonly keyring: Keyring },
): Promise<World> {
  const book = new CallBook();
  const actor = await LiveActor.start(spec, { book, ...surroundings });
  let at = world.forked(book);
  while (actor.outcome === undefined) {
    const [number, call] = [...actor.pending][0] as [number, Call];
    const { next, answerId } = await at.step(call);
    at = next;
    await actor.deliver(number, book.answer(answerId));
  }
  if (actor.outcome.state === 'failed') throw actor.outcome.error;
  return at;
}
