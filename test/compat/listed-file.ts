import { createHash, hash } from 'node:crypto';
import { listEntries, type PointReader, restoreRange, type SourceEntry } from '@holdfast/engine';
import { MemoryTarget } from '@holdfast/engine/testing';

type Texts = Readonly<Record<string, string>>;

/** One entry of a point as both readers of the format print it. What an entry does not have is left out. */
export interface ListedFile {
  /** Percent-encoded by byte, all but letters, digits and `_.-~/`. */
  readonly path: string;
  readonly kind: SourceEntry['kind'];
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  readonly sha256: string;
  readonly attributes?: Texts;
  readonly userMetadata?: Texts;
  readonly tags?: Texts;
  /** The point that the content is as old as. */
  readonly carriedFrom?: string;
}

/** A path of any bytes as text that tells all of them apart. */
export function quotePath(path: Uint8Array): string {
  return Buffer.from(path)
    .toString('latin1')
    .replaceAll(
      /[^\w.~/-]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

/** An entry and its content as a line of a listing. */
export function listedFileOf(entry: SourceEntry, content: Uint8Array, carriedFrom?: string): ListedFile {
  const { attributes, userMetadata, tags } = entry;
  return {
    path: quotePath(entry.path),
    kind: entry.kind,
    size: entry.size,
    modified: entry.modifiedMs,
    sha256: hash('sha256', content),
    ...(hasTexts(attributes) && { attributes }),
    ...(hasTexts(userMetadata) && { userMetadata }),
    ...(hasTexts(tags) && { tags }),
    carriedFrom,
  };
}

function hasTexts(texts: Texts): boolean {
  return Object.keys(texts).length > 0;
}

/** All entries of a point, restored into memory by this version's engine, in the order of the manifest. */
export async function listPoint(reader: PointReader): Promise<ListedFile[]> {
  const target = new MemoryTarget();
  const { failed } = await restoreRange(reader, { range: {}, target, overwrite: 'never' });
  if (failed.length > 0) throw new Error(`${failed.length} entries were not restored: ${failed[0]?.message}`);
  const listed: ListedFile[] = [];
  for await (const line of listEntries(reader, '', true)) {
    if (!('file' in line)) continue;
    const restored = target.find(line.file.entry.path);
    if (restored === undefined) throw new Error(`${quotePath(line.file.entry.path)} was not restored`);
    listed.push(listedFileOf(restored.entry, restored.content, line.file.carriedFrom));
  }
  return listed;
}

/** One digest for a listing that is too long to be kept. The order of an entry's texts does not matter. */
export function digestOf(listing: readonly ListedFile[]): string {
  const digest = createHash('sha256');
  for (const file of listing) digest.update(`${JSON.stringify(sorted(file))}\n`);
  return digest.digest('hex');
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]),
  );
}
