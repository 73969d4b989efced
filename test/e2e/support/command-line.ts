import { type CommandResult, runHoldfast } from '../../../localstack/run-holdfast.ts';
import { checkAnswer } from '@holdfast/cli/testing';
import { patienceMs } from '../../support/patience.ts';

/** Runs `holdfast` with these arguments in this process, against the deployment that the environment names. */
export async function holdfast(...argv: readonly string[]): Promise<CommandResult> {
  const result = await runHoldfast(argv, AbortSignal.timeout(patienceMs));
  checkAnswer(argv, result);
  return result;
}
