import type { RunRow } from '@holdfast/engine';
import { defineCommand } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { resolveResourceArn } from '../names/resolve-resource.ts';
import { durationText, timeText } from '../terminal/text.ts';
import { timeRangeLines, timeRangeOption, timeRangeOptions } from '../terminal/time-option.ts';
import { limitOption } from '../terminal/whole-number-option.ts';

const standardLimit = 50;

export const runsCommand = defineCommand({
  name: 'runs',
  summary: 'List runs, the newest first: what they did, how long they took, why they failed.',
  usage: ['[--resource <resource>] [--plan <name>] [--from <time>] [--to <time>] [--limit <n>]'],
  options: {
    resource: { type: 'string' },
    plan: { type: 'string' },
    limit: { type: 'string' },
    ...timeRangeOptions,
  },
  optionLines: [
    ['--resource <resource>', 'of this resource only'],
    ['--plan <name>', 'of this plan only'],
    ...timeRangeLines,
    ['--limit <n>', `at most so many; else ${standardLimit}`],
  ],
  words: { least: 0, most: 0 },
  async run({ connect, out, clock }, values) {
    const range = timeRangeOption(values);
    const limit = limitOption(values.limit, standardLimit);
    const { catalog } = (await connect()).services;
    const { resource, plan } = values;
    const filter = {
      ...(resource !== undefined && { resourceArn: await resolveResourceArn(catalog, resource) }),
      ...(plan !== undefined && { plan }),
    };
    const rows: RunRow[] = [];
    for await (const run of catalog.listRuns(filter, range)) {
      rows.push(run);
      if (rows.length === limit) break;
    }
    if (out.json) {
      await out.document(rows);
      return exitCodes.ok;
    }
    await out.table(
      [
        { title: 'RUN' },
        { title: 'RESOURCE' },
        { title: 'PLAN' },
        { title: 'TYPE' },
        { title: 'STATE' },
        { title: 'STARTED' },
        { title: 'TOOK', align: 'right' },
        { title: 'POINT OR ERROR' },
      ],
      rows.map((run) => [
        run.runId,
        run.resourceArn,
        run.plan,
        run.type === run.requestedType ? run.type : `${run.type} (${run.requestedType} asked)`,
        run.state,
        timeText(run.startedAt),
        durationText(((run.endedAt ?? clock.now()).getTime() - run.startedAt.getTime()) / 1000),
        run.pointId ?? run.error?.message ?? '-',
      ]),
    );
    return exitCodes.ok;
  },
});
