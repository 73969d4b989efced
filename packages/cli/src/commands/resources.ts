import { prose, resources, right, states, times, wideOnly } from '../terminal/table.ts';
import * as z from 'zod';
import { documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { judgeAll, StandingFields, standingFields } from '../names/resource-standing.ts';
import { durationText, shortNameOf } from '../terminal/text.ts';

const Listed = documentAnswer('always', z.array(StandingFields));

export const resourcesCommand = defineCommand({
  name: 'resources',
  summary:
    'List tagged resources: whether each is protected, its plan, its last points and the age of the last clean one against the RPO.',
  answers: { listed: Listed },
  declare: (command) => command,
  async run({ connect, out, clock, keepNames }) {
    const { services, deployment } = await connect();
    const judged = await judgeAll(services.catalog, await deployment.findPlans(), clock.now());
    await keepNames({ resources: judged.map(({ resource }) => shortNameOf(resource.arn)) });
    if (out.json) return out.answer(Listed, judged.map(standingFields));
    await out.table(
      [
        resources('RESOURCE'),
        'PLAN',
        states('STANDING'),
        wideOnly(times('LAST POINT')),
        wideOnly(times('LAST CLEAN')),
        right('AGE'),
        right('RPO'),
        prose('PROBLEM'),
      ],
      judged.map(({ resource, standing, newest, clean, ageHours, rpoHours, problem }) => [
        resource.arn,
        resource.partOf === undefined
          ? resource.plan
          : `${resource.plan}, with ${shortNameOf(resource.partOf)}`,
        standing,
        newest?.sourceTime,
        clean?.sourceTime,
        ageHours === undefined ? undefined : durationText(ageHours * 3600),
        rpoHours === undefined ? 'unknown' : durationText(rpoHours * 3600),
        problem,
      ]),
    );
  },
});
