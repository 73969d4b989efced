import { failRun, type RunRow, runStates } from '@holdfast/engine';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { resolveRun } from '../names/resolve.ts';

const Cancelled = documentAnswer(
  'always',
  z.strictObject({
    runId: z.string(),
    resourceArn: z.string(),
    state: z.enum(runStates),
    cancelled: z.boolean(),
  }),
);

export const cancelCommand = defineCommand({
  name: 'cancel',
  summary: 'Stop a run. Nothing of it becomes a point; a run that is over is left as it is.',
  answers: { cancelled: Cancelled },
  declare: (command) => command.argument('<run>'),
  async run(context, _options, text) {
    const { services, executions } = await context.connect();
    const { catalog, store } = services;
    const { runId } = await resolveRun(catalog, text, context.clock.now());
    // First the catalog: a worker that is not stopped in time finds out there, and commits nothing.
    const run = await catalog.runs.cancel(runId);
    if (run.state !== 'cancelling') return report(run, false, context);
    if (run.execution === undefined) return report(run, true, context);
    await executions.stop(run.execution, `run ${runId} was cancelled`);
    // A stopped execution cannot close its run itself.
    const closed = await failRun({ catalog, store }, runId, {
      name: 'RunClosedError',
      message: `run ${runId} was cancelled`,
    });
    return report(closed, closed.state === 'cancelled', context);
  },
});

async function report(run: RunRow, hasCancelled: boolean, { out }: CommandContext): Promise<void> {
  const { runId, resourceArn, state } = run;
  if (out.json) {
    await out.answer(Cancelled, { runId, resourceArn, state, cancelled: hasCancelled });
  } else if (state === 'cancelling') {
    await out.line(
      `run ${runId} of ${resourceArn} has been asked to stop; whoever drives it will see it at its next step`,
    );
  } else if (hasCancelled) {
    await out.line(`run ${runId} of ${resourceArn} is cancelled`);
  } else {
    await out.line(`run ${runId} of ${resourceArn} is over already: ${state}`);
  }
}
