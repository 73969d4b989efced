import { LaunchCheck, type RestoreDestination } from '@holdfast/engine/model';
import * as z from 'zod';
import type { Connection } from '../deployment/connection.ts';
import { parseOutput } from '../deployment/executions.ts';
import { documentAnswer } from '../terminal/answer.ts';
import type { CommandContext } from '../terminal/command.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import type { Output } from '../terminal/output.ts';
import type { LocalRequest } from './restore-here.ts';
import { startRestore, waitForRestore } from './restore-machine.ts';
import { restoreInput } from './restore-request.ts';

export const CheckedLaunch = documentAnswer(
  'with --dry-run, of an instance or an AMI',
  z.strictObject({ pointId: z.string(), execution: z.string(), check: LaunchCheck.strict() }),
);

const KnownCheck = z.object({ launch: z.object({ check: LaunchCheck }) });

/** True of a destination of which EC2 knows whether it can be. */
export function asksEc2({ instance, ami }: RestoreDestination): boolean {
  return instance !== undefined || ami !== undefined;
}

/** Has the deployment's restore machine ask EC2 about a launch. */
export async function askLaunch(
  { point, overwrite, thaw }: LocalRequest,
  destination: RestoreDestination,
  connection: Connection,
  context: CommandContext,
): Promise<ExitCode> {
  const { out } = context;
  const input = restoreInput(point, destination, { paths: undefined, overwrite, thaw, dryRun: true });
  const execution = await startRestore(connection, input);
  const state = await waitForRestore(execution, { point, doing: 'asking EC2' }, connection, context);
  const check = parseOutput(state.output, KnownCheck)?.launch.check;
  if (check === undefined)
    throw new ExecutionFailedError(
      `execution ${execution} has ended without a check that this program can read; look at its output`,
    );
  if (out.json) await out.answer(CheckedLaunch, { pointId: point.pointId, execution, check });
  else await printCheck(check, out);
  return check.problems.length === 0 ? exitCodes.ok : exitCodes.failed;
}

/** Prints what EC2 said of a launch, without which it would be tried in vain. */
async function printCheck({ problems, differences, unknown }: LaunchCheck, out: Output): Promise<void> {
  for (const problem of problems) await out.line(`in the way   ${problem}`);
  for (const difference of differences) await out.line(`not as was   ${difference}`);
  for (const fact of unknown) await out.line(`not known    ${fact}`);
  await out.line(
    problems.length === 0
      ? 'nothing that is known stands in the way; nothing was launched'
      : 'nothing was launched',
  );
}
