import { defineCommand } from '../terminal/command.ts';
import { shortNameOf } from '../names/resolve.ts';
import { judgeAll, standingFields } from '../names/resource-standing.ts';
import { durationText, timeText } from '../terminal/text.ts';
import { right } from '../terminal/output.ts';

export const resourcesCommand = defineCommand({
  name: 'resources',
  summary:
    'List tagged resources: whether each is protected, its plan, its last points and the age of the last clean one against the RPO.',
  declare: (command) => command,
  async run({ connect, out, clock }) {
    const { services, deployment } = await connect();
    const judged = await judgeAll(services.catalog, await deployment.findPlans(), clock.now());
    if (out.json) return out.document(judged.map(standingFields));
    await out.table(
      ['RESOURCE', 'PLAN', 'STANDING', 'LAST POINT', 'LAST CLEAN', right('AGE'), right('RPO'), 'PROBLEM'],
      judged.map(({ resource, standing, newest, clean, ageHours, rpoHours, problem }) => [
        resource.arn,
        resource.partOf === undefined
          ? resource.plan
          : `${resource.plan}, with ${shortNameOf(resource.partOf)}`,
        standing,
        newest === undefined ? '-' : timeText(newest.sourceTime),
        clean === undefined ? '-' : timeText(clean.sourceTime),
        ageHours === undefined ? '-' : durationText(ageHours * 3600),
        rpoHours === undefined ? 'unknown' : durationText(rpoHours * 3600),
        problem ?? '-',
      ]),
    );
  },
});
