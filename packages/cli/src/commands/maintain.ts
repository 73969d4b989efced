import { newId } from '@holdfast/engine';
import { type LocalVaultOptions, maintainLocalVault } from '@holdfast/node';
import { MaintenanceReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { FailureFields } from '../names/row-fields.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import type { Connection } from '../deployment/connection.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { parseOutput, failureText, noteProgress, waitForExecution } from '../deployment/executions.ts';
import { type ExitCode, exitCodes } from '../terminal/exit-codes.ts';
import { bytesText, countText } from '../terminal/text.ts';

/** Part of the machine's report that is shown. */
const Maintained = z.object({
  report: MaintenanceReport.pick({
    pointsRenewed: true,
    pointsExpired: true,
    pointsToConsolidate: true,
    packsSwept: true,
    bytesSwept: true,
    packsVerified: true,
    bytesVerified: true,
  }),
});

const Started = documentAnswer('without --wait', z.strictObject({ execution: z.string() }));
const Ended = documentAnswer(
  'with --wait',
  z.strictObject({ execution: z.string(), report: Maintained.shape.report.optional() }),
);
const EndedHere = documentAnswer(
  'of a vault in a directory',
  z.strictObject({
    report: z.strictObject({
      pointsExpired: WholeNumber,
      pointsRenewed: WholeNumber,
      packsSwept: WholeNumber,
      bytesSwept: WholeNumber,
      failures: FailureFields,
    }),
  }),
);

export const maintainCommand = defineCommand({
  name: 'maintain',
  summary: 'Start maintenance now: expire points, renew leases, sweep packs, verify a sample.',
  answers: { started: Started, ended: Ended, directory: EndedHere },
  declare: (command) => command.option('--wait', 'wait for the end and show what was done'),
  async run(context, { wait }) {
    const connection = await context.connect();
    if (connection.localVault !== undefined) return maintainHere(connection.localVault, context);
    const name = `maintain-${newId(connection.services.random)}`;
    const execution = await connection.executions.start('maintenance', name, {});
    if (wait === true) await follow(execution, connection, context);
    else if (context.out.json) await context.out.answer(Started, { execution });
    else await context.out.line(`maintenance has started, execution ${execution}`);
  },
});

async function maintainHere(vault: LocalVaultOptions, { out, signal }: CommandContext): Promise<ExitCode> {
  const report = await maintainLocalVault(vault, signal);
  if (out.json) await out.answer(EndedHere, { report });
  else {
    await out.line(`expired   ${countText(report.pointsExpired, 'point')}`);
    await out.line(`renewed   ${countText(report.pointsRenewed, 'point')}`);
    await out.line(`swept     ${countText(report.packsSwept, 'pack')}, ${bytesText(report.bytesSwept)}`);
    for (const message of report.failures.messages) await out.line(`failed: ${message}`);
  }
  return report.failures.count > 0 ? exitCodes.failed : exitCodes.ok;
}

async function follow(
  execution: string,
  { executions }: Connection,
  { out, progress, clock, signal }: CommandContext,
): Promise<void> {
  progress.note(`maintenance has started, execution ${execution}`);
  const onLook = noteProgress(progress, 'maintenance: running', execution, executions);
  const state = await waitForExecution(execution, { executions, clock, signal, onLook });
  if (state.status !== 'succeeded')
    throw new ExecutionFailedError(`maintenance did not succeed: ${failureText(state)}`);
  const report = parseOutput(state.output, Maintained)?.report;
  if (out.json) return out.answer(Ended, { execution, report });
  if (report === undefined) return out.line(`maintenance has ended, execution ${execution}`);
  const { pointsExpired, pointsRenewed, packsSwept, bytesSwept, packsVerified, bytesVerified } = report;
  await out.line(`expired   ${countText(pointsExpired, 'point')}`);
  await out.line(`renewed   ${countText(pointsRenewed, 'point')}`);
  await out.line(`swept     ${countText(packsSwept, 'pack')}, ${bytesText(bytesSwept)}`);
  await out.line(`verified  ${countText(packsVerified, 'pack')}, ${bytesText(bytesVerified)}`);
  if (report.pointsToConsolidate > 0)
    await out.line(
      `to do     ${countText(report.pointsToConsolidate, 'point')} to consolidate into containers`,
    );
}
