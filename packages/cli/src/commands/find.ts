import {
  findVersions,
  type FoundPath,
  type FoundVersion,
  parseGlob,
  UnknownNameError,
} from '@holdfast/engine';
import { openSearchedPoints, type SearchedPoints } from '../find/searched-points.ts';
import { shortNameOf } from '../names/resolve.ts';
import { checkHasFiles } from '../names/open-point.ts';
import { defineCommand } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { fromOption, timeRangeOf, toOption } from '../terminal/options.ts';
import type { Output } from '../terminal/output.ts';
import {
  bytesText,
  countText,
  pathFields,
  pathText,
  shellWord,
  shortPointId,
  timeText,
} from '../terminal/text.ts';

export const findCommand = defineCommand({
  name: 'find',
  summary:
    'Find files by name in all recovery points of a resource, also what is gone, with the newest point that has each.',
  declare: (command) =>
    command
      .argument('<resource|point>')
      .argument('<glob...>')
      .option('--versions', 'every version of each file, not the newest alone')
      .addOption(fromOption)
      .addOption(toOption),
  async run(context, { versions: all = false, ...values }, name, patterns) {
    const { connect, out, progress, signal } = context;
    const globs = patterns.map(parseGlob);
    const range = timeRangeOf(values);
    const searched = await openSearchedPoints(name, range, await connect(), context);
    for (const row of searched.rows) checkHasFiles(row, 'it cannot be searched file by file');
    const options = { onProgress: progress.report, signal };
    let [paths, last]: [number, FoundPath | undefined] = [0, undefined];
    for await (const found of findVersions(searched.readers, globs, options)) {
      [paths, last] = [paths + 1, found];
      await printFound(found, all ? found.versions : found.versions.slice(0, 1), searched, out);
    }
    if (last === undefined)
      throw new UnknownNameError(
        `none of ${countText(searched.rows.length, 'point')} of ${searched.resourceArn} has a file that matches ` +
          patterns.map((pattern) => JSON.stringify(pattern)).join(' or '),
      );
    if (!out.json) await printEnd(paths, last, searched, out);
    return searched.damaged.length > 0 ? exitCodes.damaged : exitCodes.ok;
  },
});

const newestTexts = {
  there: '',
  gone: '  (not in the newest point)',
  unread: '  (the newest point could not read it)',
  unclear: '  (the newest point may not have read it)',
} as const;

async function printFound(
  { path, newest }: FoundPath,
  versions: readonly FoundVersion[],
  { rows }: SearchedPoints,
  out: Output,
): Promise<void> {
  if (!out.json) await out.line(`${pathText(path)}${newestTexts[newest]}`);
  for (const { file, points } of versions) {
    const { kind, size, modifiedMs, attributes } = file.entry;
    const ids = points.flatMap((point) => rows[point]?.pointId ?? []);
    const modified = new Date(modifiedMs);
    const linkTarget = attributes['link-target'];
    if (out.json) {
      await out.record({ ...pathFields(path), newest, kind, size, modified, linkTarget, points: ids });
      continue;
    }
    const isFile = kind === 'object' || kind === 'file';
    const where = `${ids.length === 1 ? 'in' : `in ${countText(ids.length, 'point')}, last`} ${shortPointId(ids[0] ?? '')}`;
    const link = linkTarget === undefined ? '' : `  -> ${linkTarget}`;
    await out.line(
      `${(isFile ? bytesText(size) : '-').padStart(10)}  ${timeText(modified)}  ${where}${link}`,
    );
  }
}

/** What was searched, and the next step. */
async function printEnd(
  paths: number,
  last: FoundPath,
  { rows, resourceArn }: SearchedPoints,
  out: Output,
): Promise<void> {
  const [newest, oldest] = [rows[0], rows.at(-1)];
  const times = [oldest, newest].map((row) => timeText(row?.sourceTime ?? new Date(NaN)).slice(0, 10));
  await out.line(
    `${countText(paths, 'path')} in ${countText(rows.length, 'point')} of ${shortNameOf(resourceArn)}, ${[...new Set(times)].join(' to ')}`,
  );
  const point = shortPointId(rows[last.versions[0]?.points[0] ?? 0]?.pointId ?? '');
  const path = paths === 1 ? shellWord(pathText(last.path)) : '<path>';
  const id = paths === 1 ? point : '<point>';
  await out.line(`bring one back: holdfast restore ${id} --path ${path} --to-directory <directory>`);
}
