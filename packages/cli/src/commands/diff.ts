import { diffPoints, type PointDifference } from '@holdfast/engine';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { checkHasFiles, openPoints } from '../open-point.ts';
import { resolvePoint } from '../resolve-point.ts';
import { bytesText, pathFields, pathText } from '../text.ts';

const signs = { added: '+', removed: '-', changed: '~' } as const;

export const diffCommand = defineCommand({
  name: 'diff',
  summary: 'Show what was added (+), removed (-) and changed (~) from one recovery point to another.',
  usage: ['<point before> <point after>'],
  options: {},
  optionLines: [],
  words: { least: 2, most: 2 },
  async run({ connect, out, signal }, _values, [beforeName = '', afterName = '']) {
    const connection = await connect();
    const { catalog } = connection.services;
    const points = [await resolvePoint(catalog, beforeName), await resolvePoint(catalog, afterName)] as const;
    for (const point of points) checkHasFiles(point, 'it cannot be compared file by file');
    const [before, after] = await openPoints(connection, ...points);
    const counts = { added: 0, removed: 0, changed: 0 };
    for await (const difference of diffPoints(before, after, signal)) {
      counts[difference.change] += 1;
      if (out.json) await out.record(recordOf(difference));
      else await out.line(lineOf(difference));
    }
    if (!out.json)
      await out.line(`${counts.added} added, ${counts.removed} removed, ${counts.changed} changed`);
    return exitCodes.ok;
  },
});

function recordOf({ path, change, before, after }: PointDifference): Record<string, unknown> {
  return {
    ...pathFields(path),
    change,
    ...(before && { before: factsOf(before) }),
    ...(after && { after: factsOf(after) }),
  };
}

function factsOf({ entry }: NonNullable<PointDifference['before']>): Record<string, unknown> {
  const { kind, size, modifiedMs, changeToken } = entry;
  return { kind, size, modified: new Date(modifiedMs), changeToken };
}

function lineOf({ path, change, before, after }: PointDifference): string {
  const sizes = [before, after].flatMap((file) => (file === undefined ? [] : [bytesText(file.entry.size)]));
  // Equal content with other metadata or tags is a change too.
  const isSameContent = before !== undefined && before.entry.changeToken === after?.entry.changeToken;
  const detail = isSameContent ? 'metadata' : [...new Set(sizes)].join(' -> ');
  return `${signs[change]} ${pathText(path)}  (${detail})`;
}
