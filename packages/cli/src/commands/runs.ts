import type { ReportedWork, RunRow } from '@holdfast/engine';
import { idDigits, ids, prose, resources, right, states, times, wideOnly } from '../terminal/table.ts';
import * as z from 'zod';
import { ReportedFields, RunFields } from '../names/row-fields.ts';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { findReported, workText } from '../deployment/work-text.ts';
import { resolveResourceArn } from '../names/resolve.ts';
import { durationText, shortPointId } from '../terminal/text.ts';
import { fromOption, limitOption, timeRangeOf, toOption } from '../terminal/options.ts';

/** Runs under way whose workers' reports are added up for a list. */
const followedMost = 20;

const Listed = documentAnswer(
  'always',
  z.array(
    z.strictObject({
      ...RunFields.shape,
      /** Only of a run under way, where a worker has reported. */
      progress: ReportedFields.optional(),
    }),
  ),
);

export const runsCommand = defineCommand({
  name: 'runs',
  summary: 'List runs, the newest first: what they did, how long they took, why they failed.',
  answers: { listed: Listed },
  declare: (command) =>
    command
      .option('--resource <resource>', 'of this resource only')
      .option('--plan <name>', 'of this plan only')
      .addOption(fromOption)
      .addOption(toOption)
      .addOption(limitOption('at most so many').default(50)),
  async run({ connect, out, clock }, { resource, plan, limit, ...values }) {
    const range = timeRangeOf(values);
    const { catalog } = (await connect()).services;
    const filter = {
      resourceArn: resource === undefined ? undefined : await resolveResourceArn(catalog, resource),
      plan,
    };
    const rows: RunRow[] = [];
    for await (const run of catalog.runs.list(filter, range)) {
      rows.push(run);
      if (rows.length === limit) break;
    }
    const works = new Map<string, ReportedWork | undefined>();
    const open = rows.filter(({ state }) => state === 'open' || state === 'cancelling');
    for (const { runId } of open.slice(0, followedMost)) works.set(runId, await findReported(catalog, runId));
    if (out.json)
      return out.answer(
        Listed,
        rows.map((run) => ({ ...run, progress: works.get(run.runId) })),
      );
    await out.table(
      [
        ids('RUN', idDigits),
        resources('RESOURCE'),
        wideOnly('PLAN'),
        wideOnly('TYPE'),
        states('STATE'),
        times('STARTED'),
        right('TOOK'),
        prose('POINT OR ERROR'),
      ],
      rows.map((run) => [
        run.runId,
        run.resourceArn,
        run.plan,
        run.type === run.requestedType ? run.type : `${run.type} (${run.requestedType} asked)`,
        run.state,
        run.startedAt,
        durationText(((run.endedAt ?? clock.now()).getTime() - run.startedAt.getTime()) / 1000),
        run.pointId === undefined
          ? (run.error?.message ?? underWayText(works.get(run.runId)))
          : { short: shortPointId(run.pointId), whole: run.pointId },
      ]),
    );
  },
});

function underWayText(work: ReportedWork | undefined): string | undefined {
  return work && workText({ work, seconds: 0 });
}
