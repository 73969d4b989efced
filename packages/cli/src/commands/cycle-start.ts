import { newId } from '@holdfast/engine';
import { BackupType, CycleReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { failureText, noteProgress, parseOutput, waitForExecution } from '../deployment/executions.ts';
import { getDeployedPlans, resolvePlan } from '../names/deployed-plans.ts';
import { ExecutionFailedError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { choiceOption } from '../terminal/options.ts';
import { bytesText, countText } from '../terminal/text.ts';

/** Part of the cycle machine's output that says what became of the resources. */
const EndedCycle = z.object({ report: CycleReport });

const startedShape = {
  cycleId: z.string(),
  execution: z.string(),
  plan: z.string(),
  type: BackupType,
};
const Started = documentAnswer('without --wait', z.strictObject(startedShape));
const Ended = documentAnswer(
  'with --wait',
  z.strictObject({ ...startedShape, report: CycleReport.optional() }),
);

export const cycleStartCommand = defineCommand({
  name: 'cycle start',
  summary: 'Back up all resources of a plan now, as its schedule does.',
  answers: { started: Started, ended: Ended },
  declare: (command) =>
    command
      .argument('<plan>')
      .addOption(
        choiceOption('--type <type>', 'what to read from the sources', {
          choices: BackupType.options,
          noun: 'a backup type',
        }).default('incremental' as const),
      )
      .option('--wait', 'wait for the end; ends with 6 where a point is degraded'),
  async run(context, { type, wait }, name) {
    const connection = await context.connect();
    const plan = resolvePlan(await getDeployedPlans(connection), name).name;
    const { services, executions } = connection;
    const { clock, signal, progress } = context;
    const cycleId = `by-hand-${newId(services.random)}`;
    const input = { plan, type, scheduledAt: clock.now().toISOString(), cycleId };
    const execution = await executions.start('cycle', cycleId, input);
    const started = { cycleId, execution, plan, type };
    if (wait !== true) {
      if (context.out.json) return context.out.answer(Started, started);
      await context.out.line(`cycle ${cycleId} of ${plan} has started (${type})`);
      return context.out.line(`execution ${execution}`);
    }
    progress.note(`cycle ${cycleId} of ${plan} has started (${type})`);
    const onLook = noteProgress(progress, `cycle ${cycleId}`, execution, executions);
    const state = await waitForExecution(execution, { executions, clock, signal, onLook });
    if (state.status !== 'succeeded')
      throw new ExecutionFailedError(`cycle ${cycleId}: ${failureText(state)}`);
    const report = parseOutput(state.output, EndedCycle)?.report;
    if (context.out.json) await context.out.answer(Ended, { ...started, report });
    else await print(report, context);
    return report !== undefined && report.degraded > 0 ? exitCodes.degraded : exitCodes.ok;
  },
});

async function print(report: CycleReport | undefined, { out }: CommandContext): Promise<void> {
  if (report === undefined) return out.line('the cycle has succeeded; what it did is in "holdfast runs"');
  const { completed, warnings, degraded, skipped, readBytes, storedBytes } = report;
  await out.line(
    `protected  ${countText(completed + warnings + degraded, 'resource')}: ${completed} completed, ${warnings} with warnings, ${degraded} degraded`,
  );
  await out.line(`skipped    ${countText(skipped, 'resource')}`);
  await out.line(`read       ${bytesText(readBytes)}, stored ${bytesText(storedBytes)}`);
}
