import {
  checkHasBlocks,
  diffPoints,
  diffVolumes,
  type PointDifference,
  type PointReader,
  type VolumeDifference,
  VolumeSnapshot,
} from '@holdfast/engine';
import { type ChangedVolume, diffImages, type ImageDifference, type NodeFacts } from '@holdfast/image-files';
import * as z from 'zod';
import type { Connection } from '../deployment/connection.ts';
import { WholeNumber, lineAnswer, pathShape, Time } from '../terminal/answer.ts';
import { type CommandContext, defineCommand } from '../terminal/command.ts';
import { EntryKind, entryKindOf } from '../names/entry-kind.ts';
import { checkHasFiles, isImage, openPoints } from '../names/open-point.ts';
import type { Output } from '../terminal/output.ts';
import { resolvePoint } from '../names/resolve-point.ts';
import { bytesText, countText, numberText, pathFields, pathText, safeText } from '../terminal/text.ts';

const EntryFacts = z.strictObject({
  kind: EntryKind,
  bytes: WholeNumber,
  modifiedAt: Time,
  changeToken: z.string(),
  carriedFrom: z.string().optional(),
});
const DifferentEntry = lineAnswer(
  'of points of files: one for each that differs',
  z.strictObject({
    ...pathShape,
    change: z.enum(['added', 'removed', 'changed', 'unread', 'unclear']),
    unreadIn: z.enum(['before', 'after']).optional(),
    before: EntryFacts.optional(),
    after: EntryFacts.optional(),
  }),
);
const VolumeFacts = z.strictObject({
  volume: z.string(),
  bytes: WholeNumber,
  blockBytes: WholeNumber,
  snapshot: z.string(),
  fullReason: z.string().optional(),
});
const volumeShape = {
  volume: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  bytes: WholeNumber,
};
const DifferentVolume = lineAnswer(
  'of images in the vault: one for each volume that differs, before the files',
  z.strictObject({
    ...volumeShape,
    blocks: WholeNumber,
    before: VolumeFacts.optional(),
    after: VolumeFacts.optional(),
  }),
);
const DifferentSnapshot = lineAnswer(
  'of images in EBS: one for each volume that was written, before the files',
  z.strictObject({
    ...volumeShape,
    /** Absent where EBS does not say. */
    blocks: WholeNumber.optional(),
    before: VolumeSnapshot.strict().optional(),
    after: VolumeSnapshot.strict().optional(),
  }),
);
const ImageFileFacts = z.strictObject({
  kind: EntryKind,
  bytes: WholeNumber,
  mode: WholeNumber,
  uid: WholeNumber,
  gid: WholeNumber,
  modifiedAt: Time,
  changedAt: Time,
});
const DifferentImageFile = lineAnswer(
  'of images: one for each file that differs',
  z.strictObject({
    ...pathShape,
    change: z.enum(['added', 'removed', 'changed', 'metadata']),
    before: ImageFileFacts.optional(),
    after: ImageFileFacts.optional(),
  }),
);

const signs = { added: '+', removed: '-', changed: '~', metadata: '~', unread: '?', unclear: '?' } as const;

export const diffCommand = defineCommand({
  name: 'diff',
  summary:
    'Show what was added (+), removed (-) and changed (~) from one recovery point to another, and what could not be read (?).',
  answers: {
    entry: DifferentEntry,
    volume: DifferentVolume,
    snapshot: DifferentSnapshot,
    file: DifferentImageFile,
  },
  declare: (command) => command.argument('<point before>').argument('<point after>'),
  async run(context, _options, beforeName, afterName) {
    const { connect, out, clock, signal } = context;
    const connection = await connect();
    const { catalog } = connection.services;
    const now = clock.now();
    const points = [
      await resolvePoint(catalog, beforeName, now),
      await resolvePoint(catalog, afterName, now),
    ] as const;
    const areImages = points.every(isImage);
    if (!areImages) for (const point of points) checkHasFiles(point, 'it cannot be compared file by file');
    const [before, after] = await openPoints(connection, ...points);
    if (areImages) {
      const areInVault = [before, after].every(({ root }) => root.manifest !== undefined);
      const openSnapshots = areInVault ? undefined : connection.openSnapshots;
      if (openSnapshots === undefined) await printVolumes(before, after, out, signal);
      await printImageFiles(before, after, { ...context, openSnapshots });
      return;
    }
    const counts = { added: 0, removed: 0, changed: 0, unread: 0, unclear: 0 };
    for await (const difference of diffPoints(before, after, signal)) {
      counts[difference.change] += 1;
      if (out.json) await out.answer(DifferentEntry, recordOf(difference));
      else await out.line(lineOf(difference));
    }
    if (!out.json) await out.line(totalsOf(counts));
  },
});

async function printVolumes(
  before: PointReader,
  after: PointReader,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  for (const reader of [before, after]) checkHasBlocks(reader);
  const counts = { added: 0, removed: 0, changed: 0, unread: 0, unclear: 0 };
  for await (const difference of diffVolumes(before, after, signal)) {
    counts[difference.change] += 1;
    if (out.json) await out.answer(DifferentVolume, difference);
    else await out.line(volumeLineOf(difference));
  }
  if (!out.json) await out.line(totalsOf(counts));
}

/** EBS's answer about the volumes: of blocks that were written again it does not know whether they are others. */
async function printSnapshots(
  volumes: readonly ChangedVolume[],
  [before, after]: readonly [PointReader, PointReader],
  out: Output,
): Promise<void> {
  const counts = { added: 0, removed: 0, changed: 0, unread: 0, unclear: 0 };
  for (const { volume, blocks, bytes } of volumes) {
    const [had, has] = [recordIn(before, volume), recordIn(after, volume)];
    const change = had === undefined ? 'added' : has === undefined ? 'removed' : 'changed';
    counts[change] += 1;
    if (out.json) {
      await out.answer(DifferentSnapshot, { volume, change, blocks, bytes, before: had, after: has });
      continue;
    }
    const sizes = [had, has].flatMap((record) => (record ? [`${record.sizeGiB} GiB`] : []));
    const differing =
      blocks === undefined
        ? 'EBS does not say which blocks differ'
        : `${bytesText(bytes)} in ${countText(blocks, 'block')} that were written`;
    await out.line(
      `${signs[change]} ${safeText(volume)}  (${[...new Set(sizes)].join(' -> ')}; ${differing})`,
    );
  }
  if (!out.json) await out.line(totalsOf(counts));
}

function recordIn({ root }: PointReader, volume: string) {
  return root.image?.snapshots.find((one) => one.volume === volume);
}

/** Files on the volumes, by file systems. */
async function printImageFiles(
  before: PointReader,
  after: PointReader,
  {
    out,
    progress,
    warn: onNotice,
    openSnapshots,
    signal,
  }: CommandContext & Pick<Connection, 'openSnapshots'>,
): Promise<void> {
  const counts = { added: 0, removed: 0, changed: 0, metadata: 0 };
  const onDirectory = (files: number): void =>
    progress.report({ step: 'compare', files, bytes: 0, unit: 'path' });
  const onVolumes = async (volumes: readonly ChangedVolume[]): Promise<void> =>
    openSnapshots && printSnapshots(volumes, [before, after], out);
  const options = { onNotice, onDirectory, onVolumes, openSnapshots, signal };
  for await (const difference of diffImages(before, after, options)) {
    counts[difference.change] += 1;
    if (out.json) await out.answer(DifferentImageFile, imageRecordOf(difference));
    else await out.line(imageLineOf(difference));
  }
  const { added, removed, changed, metadata } = counts;
  if (!out.json && added + removed + changed + metadata > 0)
    await out.line(`files: ${added} added, ${removed} removed, ${changed + metadata} changed`);
}

function imageLineOf({ path, change, before, after }: ImageDifference): string {
  const sizes = [before, after].flatMap((facts) => (facts?.kind === 'file' ? [bytesText(facts.bytes)] : []));
  const kinds = [...new Set([before, after].flatMap((facts) => (facts === undefined ? [] : [facts.kind])))];
  const detail = change === 'metadata' ? change : [...new Set(sizes)].join(' -> ') || kinds.join(' -> ');
  return `${signs[change]} ${pathText(path)}  (${detail})`;
}

function imageRecordOf({ path, change, before, after }: ImageDifference) {
  return {
    ...pathFields(path),
    change,
    before: before && imageFactsOf(before),
    after: after && imageFactsOf(after),
  };
}

function imageFactsOf({ kind, modifiedAt, changedAt, ...facts }: NodeFacts) {
  return { ...facts, kind: entryKindOf(kind), modifiedAt: timeOf(modifiedAt), changedAt: timeOf(changedAt) };
}

function timeOf(nanoseconds: bigint): Date {
  return new Date(Number(nanoseconds / 1_000_000n));
}

function volumeLineOf({ volume, change, blocks, bytes, before, after }: VolumeDifference): string {
  const sizes = [before, after].flatMap((entry) => (entry === undefined ? [] : [bytesText(entry.bytes)]));
  const size = [...new Set(sizes)].join(' -> ');
  const count = `${numberText(blocks)} ${blocks === 1 ? 'block' : 'blocks'}`;
  return `${signs[change]} ${safeText(volume)}  (${size}; ${bytesText(bytes)} in ${count})`;
}

function totalsOf({
  added,
  removed,
  changed,
  unread,
  unclear,
}: Record<PointDifference['change'], number>): string {
  const more = [
    ...(unread > 0 ? [`${unread} could not be read`] : []),
    ...(unclear > 0 ? [`${unclear} unclear`] : []),
  ];
  return [`${added} added, ${removed} removed, ${changed} changed`, ...more].join(', ');
}

function recordOf({ path, change, unreadIn, before, after }: PointDifference) {
  return {
    ...pathFields(path),
    change,
    unreadIn,
    before: before && factsOf(before),
    after: after && factsOf(after),
  };
}

function factsOf({ entry, carriedFrom }: NonNullable<PointDifference['before']>) {
  const { kind, size, modifiedMs, changeToken } = entry;
  return { kind, bytes: size, modifiedAt: new Date(modifiedMs), changeToken, carriedFrom };
}

function lineOf(difference: PointDifference): string {
  const { path, change, before, after } = difference;
  const sizes = [before, after].flatMap((file) => (file === undefined ? [] : [bytesText(file.entry.size)]));
  // Equal content with other metadata or tags is a change too.
  const isSameContent = before !== undefined && before.entry.changeToken === after?.entry.changeToken;
  const detail = isSameContent ? 'metadata' : [...new Set(sizes)].join(' -> ');
  return `${signs[change]} ${pathText(path)}  (${unreadDetail(difference) ?? detail})`;
}

/** Reason why a comparison cannot tell about an entry. */
function unreadDetail({ change, unreadIn, after }: PointDifference): string | undefined {
  const where = `the point ${unreadIn}`;
  if (change === 'unclear') return `not in ${where}, which names only some of what it could not read`;
  if (change !== 'unread') return after?.carriedFrom === undefined ? undefined : `as in ${after.carriedFrom}`;
  return after?.carriedFrom === undefined || unreadIn === 'before'
    ? `${where} could not read it`
    : `${where} could not read it, and has it as in ${after.carriedFrom}`;
}
