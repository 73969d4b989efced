import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { Keyring } from '../../src/ports/keyring.ts';
import { CallBook, type Call } from './calls.ts';
import { LiveActor, type ActorSpec } from './live-actor.ts';
import { forkPorts, perform, World, type Ports } from './world.ts';

interface Surroundings {
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
}

/**
 * Runs one actor from start to end while nobody else does anything and nothing fails.
 * @returns the world after it. @throws what the actor throws.
 */
export async function runAlone(
  { ports, time }: World,
  spec: ActorSpec,
  surroundings: Surroundings,
): Promise<World> {
  const changed = forkPorts(ports, time);
  await runOn(changed, time, spec, surroundings);
  return World.begin(changed, time, new CallBook());
}

/** Like {@link runAlone}, on ports that it changes. */
export async function runOn(
  ports: Ports,
  time: Date,
  spec: ActorSpec,
  { keys, keyring }: Surroundings,
): Promise<void> {
  const actor = await LiveActor.start(spec, { book: new CallBook(), keys, keyring });
  while (actor.outcome === undefined) {
    const [number, call] = [...actor.pending][0] as [number, Call];
    await actor.deliver(number, await perform(ports, call, time));
  }
  if (actor.outcome.state === 'failed') throw actor.outcome.error;
}
