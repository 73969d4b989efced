import { type PointReader, toHex } from '@holdfast/engine';
import type { ChangedVolume } from './changed-places.ts';
import { type NamedPart, openSharedImage, type SharedImage } from './image-parts.ts';
import {
  DirectoryLister,
  type DirectoryListing,
  factsText,
  type ListedDirectory,
  type NodeFacts,
} from './list-facts.ts';
import { ReadRecorder } from './reliance.ts';
import { StateComparison } from './state-comparison.ts';
import { SharedVolumes, type SharedVolumesOptions } from './shared-volumes.ts';
import { tellingOnce } from './telling-once.ts';

/** A file in which two images differ. `metadata`: its content has the same size and time. */
export interface ImageDifference {
  readonly path: Uint8Array;
  readonly change: 'added' | 'removed' | 'changed' | 'metadata';
  readonly before?: NodeFacts;
  readonly after?: NodeFacts;
}

export interface DiffImagesOptions extends SharedVolumesOptions {
  readonly onNotice?: (text: string) => void;
  /** Told of every directory, with those so far and the blocks that were read. */
  readonly onDirectory?: (directories: number, blocks: number) => void;
  /** Told, before the files, of the volumes that differ. */
  readonly onVolumes?: ((volumes: readonly ChangedVolume[]) => Promise<void>) | undefined;
}

/**
 * Lists the files in which two points of one machine or volume differ, directory by directory. File systems without a
 * block that differs are passed over. Of the others those of the first point are walked, and of the second is read only
 * what lies in blocks that differ. Files are compared by their facts. Memory: the directories on the way.
 */
export async function* diffImages(
  before: PointReader,
  after: PointReader,
  { onNotice: tell, onDirectory, onVolumes, openSnapshots, signal }: DiffImagesOptions = {},
): AsyncGenerator<ImageDifference> {
  const onNotice = tellingOnce(tell);
  const volumes = new SharedVolumes({ openSnapshots, signal });
  const recorder = new ReadRecorder();
  const one = await volumes.next(before);
  const { changed, findVolume } = await volumes.next(after);
  await onVolumes?.(changed?.list() ?? []);
  if (changed === undefined || changed.areNone) return;
  const old = await openSharedImage(before, one.findVolume, { recorder, onNotice, signal });
  const current = await openSharedImage(after, findVolume, { recorder, onNotice, signal });
  let directories = 0;
  for (const [was, is] of pairsOf(old, current, onNotice)) {
    if (was.part.place === is.part.place && !changed.isIn(was.part)) continue;
    for await (const differences of compareParts(was, is, { recorder, onNotice, signal })) {
      onDirectory?.(++directories, volumes.reads);
      yield* differences;
    }
  }
}

function pairsOf(
  old: SharedImage,
  current: SharedImage,
  onNotice: DiffImagesOptions['onNotice'],
): (readonly [NamedPart, NamedPart])[] {
  const pairs = old.parts.flatMap((one) => {
    const other = current.parts.find(({ part }) => part.path === one.part.path);
    if (other === undefined) onNotice?.(`${one.part.path} is in the point before alone`);
    return other === undefined ? [] : [[one, other] as const];
  });
  for (const { part } of current.parts)
    if (!old.parts.some((one) => one.part.path === part.path))
      onNotice?.(`${part.path} is in the point after alone`);
  return pairs;
}

/** Differences of one directory after another. */
async function* compareParts(
  one: NamedPart,
  other: NamedPart,
  {
    recorder,
    onNotice,
    signal,
  }: Pick<DiffImagesOptions, 'onNotice' | 'signal'> & { readonly recorder: ReadRecorder },
): AsyncGenerator<readonly ImageDifference[]> {
  const isComparable = one.identity !== undefined && one.identity === other.identity;
  const [was, is] = [one.fileSystem.basis, other.fileSystem.basis];
  const comparison = isComparable && was && is ? new StateComparison(was, is, signal) : undefined;
  const options = { isWanted: () => true, recorder, signal };
  const list = {
    before: new DirectoryLister(one.fileSystem, options),
    after: new DirectoryLister(other.fileSystem, { ...options, comparison }),
  };
  const told = ({ path }: NamedPart['part'], listing: DirectoryListing): DirectoryListing => {
    for (const problem of listing.problems) onNotice?.(`${path}/${problem}`);
    return listing;
  };
  const entered = { before: new Set<number>(), after: new Set<number>() };
  const top = new Uint8Array();
  const waiting: { readonly before?: ListedDirectory; readonly after?: ListedDirectory }[] = [
    { before: { path: top, id: one.rootId }, after: { path: top, id: other.rootId } },
  ];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal?.throwIfAborted();
    // A directory that is met again would have the walk go round.
    const before = enter(entered.before, next.before);
    const after = enter(entered.after, next.after);
    const old = before && told(one.part, await list.before.list(before));
    const known = before?.id === after?.id ? old : undefined;
    const current = after && (await list.after.list(after, known));
    if (current !== undefined && current !== old) told(other.part, current);
    waiting.push(...directoriesOf(old, current));
    yield old === current ? [] : differencesOf(old, current, other.nameOf);
  }
}

function enter(entered: Set<number>, directory: ListedDirectory | undefined): ListedDirectory | undefined {
  if (directory === undefined || entered.has(directory.id)) return undefined;
  entered.add(directory.id);
  return directory;
}

function directoriesOf(old: DirectoryListing | undefined, current: DirectoryListing | undefined) {
  const after = new Map((current?.directories ?? []).map((one) => [nameKey(one.path), one]));
  const pairs: { readonly before?: ListedDirectory; readonly after?: ListedDirectory }[] = [];
  for (const before of old?.directories ?? []) {
    pairs.push({ before, after: after.get(nameKey(before.path)) });
    after.delete(nameKey(before.path));
  }
  for (const added of after.values()) pairs.push({ after: added });
  return pairs;
}

function differencesOf(
  old: DirectoryListing | undefined,
  current: DirectoryListing | undefined,
  nameOf: NamedPart['nameOf'],
): ImageDifference[] {
  const now = new Map((current?.wanted ?? []).map((one) => [nameKey(one.path), one]));
  const differences: ImageDifference[] = [];
  for (const { path, facts: before } of old?.wanted ?? []) {
    const after = now.get(nameKey(path))?.facts;
    now.delete(nameKey(path));
    const change = after === undefined ? 'removed' : changeOf(before, after);
    if (change !== undefined) differences.push({ path: nameOf(path), change, before, after });
  }
  for (const { path, facts: after } of now.values())
    differences.push({ path: nameOf(path), change: 'added', after });
  return differences;
}

/** The times of a directory tell of what is in it, which is compared itself. */
function changeOf(before: NodeFacts, after: NodeFacts): 'changed' | 'metadata' | undefined {
  const isDirectory = before.kind === 'directory' && after.kind === 'directory';
  const [one, other] = isDirectory ? [timeless(before), timeless(after)] : [before, after];
  if (factsText(one) === factsText(other)) return undefined;
  const hasSameContent =
    one.kind === other.kind && one.bytes === other.bytes && one.modifiedAt === other.modifiedAt;
  return hasSameContent ? 'metadata' : 'changed';
}

function timeless(facts: NodeFacts): NodeFacts {
  return { ...facts, bytes: 0, modifiedAt: 0n, changedAt: 0n };
}

function nameKey(path: Uint8Array): string {
  return toHex(path);
}
