import { environmentFor, startEmulator, type EmulatorOptions } from '../../localstack/composition.ts';

const defaultRegion = 'us-east-1';
/** The variable by which test files learn what their run's setup did. */
const noGaps = 'HOLDFAST_TEST_EMULATOR_HAS_NO_GAPS';

/**
 * Gives a test run an AWS to talk to, by setting the SDK's variables: the one that AWS_ENDPOINT_URL names, or an
 * emulator started for this run. A real account takes part only with HOLDFAST_ALLOW_REAL_AWS=1.
 * @param options - of an emulator that is started here.
 * @returns what to call when the run is over.
 */
export async function ensureTestEndpoint(options: EmulatorOptions = {}): Promise<() => Promise<void>> {
  const allowed = process.env['HOLDFAST_ALLOW_REAL_AWS'] === '1';
  const endpointUrl = process.env['AWS_ENDPOINT_URL'];
  if (endpointUrl) {
    if (isAws(endpointUrl)) assertAllowed(allowed, endpointUrl);
    else setMissing(environmentFor(endpointUrl, process.env['AWS_REGION'] ?? defaultRegion));
    return async () => undefined;
  }
  if (allowed) return async () => undefined;
  // Credentials and endpoints of a real account in the environment must not mix with the emulator's.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  const emulator = await startEmulator({ log: (line) => console.log(`emulator: ${line}`), ...options });
  Object.assign(process.env, emulator.environment, { [noGaps]: '1' });
  return () => emulator.stop();
}

/** True of a run that started its emulator itself, in which everything is there that tests need. */
export function hasNoGaps(): boolean {
  return process.env[noGaps] === '1';
}

function isAws(endpointUrl: string): boolean {
  return /\.(amazonaws\.com(\.cn)?|api\.aws)$/.test(new URL(endpointUrl).hostname);
}

function assertAllowed(allowed: boolean, endpointUrl: string): void {
  if (allowed) return;
  throw new Error(
    `AWS_ENDPOINT_URL=${endpointUrl} is a real account: set HOLDFAST_ALLOW_REAL_AWS=1 to run tests there, which makes ` +
      'and deletes resources and costs money, or unset AWS_ENDPOINT_URL to run them on an emulator',
  );
}

function setMissing(environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment)) process.env[name] ??= value;
}
