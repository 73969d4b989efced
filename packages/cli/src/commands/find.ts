import { findVersions, type Glob, parseGlob, UnknownNameError } from '@holdfast/engine';
import { findInImages } from '@holdfast/image-files';
import { Found, type FoundFile, printFound } from '../find/found-lines.ts';
import { openSearchedPoints, type SearchedPoints } from '../find/searched-points.ts';
import type { Connection } from '../deployment/connection.ts';
import { entryKindOf } from '../names/entry-kind.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { fromOption, timeRangeOf, toOption } from '../terminal/options.ts';
import { countText, pathText, shellWord, shortPointId, timeText, shortNameOf } from '../terminal/text.ts';

export const findCommand = defineCommand({
  name: 'find',
  summary:
    'Find files by name in all recovery points of a resource, also what is gone, with the newest point that has each.',
  answers: { found: Found },
  declare: (command) =>
    command
      .argument('<resource|point>')
      .argument('<glob...>')
      .option('--versions', 'every version of each file, not the newest alone')
      .addOption(fromOption)
      .addOption(toOption),
  async run(context, { versions: all = false, ...values }, name, patterns) {
    const globs = patterns.map(parseGlob);
    const range = timeRangeOf(values);
    const connection = await context.connect();
    const searched = await openSearchedPoints(name, range, connection, context);
    let [paths, last]: [number, FoundFile | undefined] = [0, undefined];
    const found = searched.isImage
      ? inImages(searched, globs, { ...context, openSnapshots: connection.openSnapshots })
      : inFiles(searched, globs, context);
    for await (const file of found) {
      [paths, last] = [paths + 1, file];
      const versions = all ? file.versions : file.versions.slice(0, 1);
      await printFound({ ...file, versions }, searched.rows, context.out);
    }
    if (last === undefined)
      throw new UnknownNameError(
        `none of ${countText(searched.rows.length, 'point')} of ${searched.resourceArn} has a file that matches ` +
          patterns.map((pattern) => JSON.stringify(pattern)).join(' or '),
      );
    if (!context.out.json) await printEnd(paths, last, searched, context);
    return searched.damaged.length > 0 ? exitCodes.damaged : exitCodes.ok;
  },
});

async function* inFiles(
  { readers }: SearchedPoints,
  globs: readonly Glob[],
  { progress, signal }: CommandContext,
): AsyncGenerator<FoundFile> {
  const options = { onProgress: progress.report, signal };
  for await (const { path, newest, versions } of findVersions(readers, globs, options))
    yield {
      path,
      newest,
      versions: versions.map(({ file: { entry }, points }) => ({
        kind: entry.kind,
        bytes: entry.size,
        modifiedAt: new Date(entry.modifiedMs),
        linkTarget: entry.attributes['link-target'],
        points,
      })),
    };
}

async function* inImages(
  { readers }: SearchedPoints,
  globs: readonly Glob[],
  { progress, warn: onNotice, openSnapshots, signal }: CommandContext & Pick<Connection, 'openSnapshots'>,
): AsyncGenerator<FoundFile> {
  const onPoint = (points: number, blocks: number): void =>
    progress.note(
      `find: ${points} of ${countText(readers.length, 'point')}, ${countText(blocks, 'block')} read`,
    );
  const options = { onNotice, onPoint, openSnapshots, signal };
  for (const { path, newest, versions } of await findInImages(readers, globs, options))
    yield {
      path,
      newest,
      versions: versions.map(({ facts: { kind, bytes, modifiedAt }, points }) => ({
        kind: entryKindOf(kind),
        bytes,
        modifiedAt: new Date(Number(modifiedAt / 1_000_000n)),
        points,
      })),
    };
}

/** The points that were searched, and the next step. */
async function printEnd(
  paths: number,
  { path, versions }: FoundFile,
  { rows, resourceArn, isImage }: SearchedPoints,
  { out }: CommandContext,
): Promise<void> {
  const times = [rows.at(-1), rows[0]].map((row) => timeText(row?.sourceTime ?? new Date(NaN)).slice(0, 10));
  await out.line(
    `${countText(paths, 'path')} in ${countText(rows.length, 'point')} of ${shortNameOf(resourceArn)}, ${[...new Set(times)].join(' to ')}`,
  );
  const [point, file] =
    paths === 1
      ? [shortPointId(rows[versions[0]?.points[0] ?? 0]?.pointId ?? ''), shellWord(pathText(path))]
      : ['<point>', '<path>'];
  await out.line(
    isImage
      ? `read one: holdfast cat ${point} ${file}`
      : `bring one back: holdfast restore ${point} --path ${file} --to-directory <directory>`,
  );
}
