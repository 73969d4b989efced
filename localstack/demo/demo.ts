import { startEmulator, type Emulator } from '../composition.ts';
import { checkAndAttackVault } from './attack-vault.ts';
import { backUp } from './back-up.ts';
import { Calls } from './calls.ts';
import { breakSilence, say } from './narrate.ts';
import { demoBuckets } from './plans.ts';
import { Proof } from './proof.ts';
import { restoreAll } from './restore-all.ts';
import { setTheScene } from './scene.ts';

// The main job, end to end, on one machine: see `npm run demo` in README.md. Exits with 1 if anything differs.

const keep = process.argv.includes('--keep');
const proof = new Proof();

class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** Aborted by Ctrl-C and by the first failure: what else is under way ends, and cleans up after itself. */
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => ending.abort(new InterruptedError(signal)));
const untilEnded = new Promise<never>((_, reject) => {
  ending.signal.addEventListener('abort', () => reject(ending.signal.reason as Error), { once: true });
});
const cleanUp = new AsyncDisposableStack();
let kept: Emulator | undefined;

try {
  await Promise.race([perform(), untilEnded]);
} catch (error) {
  ending.abort(error);
  if (error instanceof InterruptedError) await leaveNothing(error);
  proof.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

proof.sum();
process.exitCode = proof.isWhole ? 0 : 1;
if (keep && kept !== undefined) sayHowToLookAround(kept);
else await cleanUp.disposeAsync();

async function perform(): Promise<void> {
  const emulator = await startEmulator({
    preferredPort: 4566,
    log: (line) => say(`emulator: ${line}`),
    ec2: { snapshotMs: 3_000 },
  });
  cleanUp.defer(async () => emulator.stop());
  ending.signal.throwIfAborted();
  kept = emulator;
  // The clients that the product makes find AWS by these variables, as they would anywhere.
  Object.assign(process.env, emulator.environment);
  const calls = new Calls(emulator);
  using _ = breakSilence(async () => calls.sinceLast());
  const scene = await setTheScene(emulator, proof, ending.signal, (last) => cleanUp.defer(last));
  const states = await backUp(scene);
  await restoreAll(scene, states);
  await checkAndAttackVault(scene);
}

/** Cleans up without waiting for work under way, which fails by itself as AWS is gone. */
async function leaveNothing({ message }: InterruptedError): Promise<never> {
  await cleanUp.disposeAsync();
  console.error(`interrupted by ${message}; what the demo had made is removed`);
  process.exit(130);
}

function sayHowToLookAround(aws: Emulator): void {
  const variables = Object.entries(aws.environment)
    .map(([name, value]) => `export ${name}=${value}`)
    .join('\n  ');
  console.log(`
The emulator goes on until you press Ctrl-C. In another terminal:
  ${variables}
  npx holdfast status
  npx holdfast points
  aws s3 ls s3://${demoBuckets.restored}/        # if you have the AWS CLI
Data lies in ${aws.dataDir}, logs in ${aws.logPath}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cleanUp.disposeAsync().then(() => process.exit()));
}
