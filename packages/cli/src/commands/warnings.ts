import { PointWarning, UnreadCounts, unreadOf } from '@holdfast/engine';
import * as z from 'zod';
import { WholeNumber, documentAnswer } from '../terminal/answer.ts';
import { defineCommand } from '../terminal/command.ts';
import { unreadText } from '../names/degraded-point.ts';
import { openPoint } from '../names/open-point.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import { countText } from '../terminal/text.ts';

const Told = documentAnswer(
  'always',
  z.strictObject({
    pointId: z.string(),
    resourceArn: z.string(),
    unread: UnreadCounts.strict(),
    warnings: WholeNumber,
    /** Only the first of them. */
    warningList: z.array(PointWarning.strict()),
  }),
);

export const warningsCommand = defineCommand({
  name: 'warnings',
  summary: 'Say what a recovery point could not read, and what it has of it instead.',
  answers: { told: Told },
  declare: (command) => command.argument('<point|resource>'),
  async run({ connect, out, clock }, _options, name) {
    const connection = await connect();
    const point = await resolvePointOrResource(connection.services.catalog, name, clock.now());
    const { root } = await openPoint(connection, point);
    const { pointId, resourceArn } = point;
    const { warnings, warningList } = root;
    if (out.json)
      return out.answer(Told, { pointId, resourceArn, unread: unreadOf(root), warnings, warningList });
    for (const { message } of warningList) await out.line(message);
    if (warnings > warningList.length) await out.line(`… and ${warnings - warningList.length} more`);
    await out.line(`point ${pointId}: ${countText(warnings, 'warning')}; ${unreadText(root)}`);
  },
});
