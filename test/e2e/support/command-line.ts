import { type CommandResult, runHoldfast } from '../../../localstack/run-holdfast.ts';
import { patienceMs } from '../../support/patience.ts';

/** Runs `holdfast` with these arguments in this process, against the deployment that the environment names. */
export async function holdfast(...argv: readonly string[]): Promise<CommandResult> {
  return runHoldfast(argv, AbortSignal.timeout(patienceMs));
}
