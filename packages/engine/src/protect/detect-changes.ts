import { compareBytes } from '../bytes.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { isEntryOf, type FileEntry } from '../manifest/file-entry.ts';
import type { SourceEntry } from '../ports/file-source.ts';

/** What the base has of one path, within a shard's keys. */
export interface BaseFile {
  readonly path: Uint8Array;
  /** Absent in a shard of a stretch, whose keys begin behind the path's own entry. Decoded when it is asked for. */
  readonly file?: FileEntry | undefined;
  /** All entries of the path in the range, its own and its content's, by key. */
  readonly entries: readonly Entry[];
}

/** What a run has to do about one path. */
export type Decision =
  | { readonly action: 'keep'; readonly listed: SourceEntry; readonly base: BaseFile }
  | { readonly action: 'read'; readonly listed: SourceEntry; readonly base?: BaseFile }
  | { readonly action: 'remove'; readonly base: BaseFile };

/**
 * Compares a listing with the base, path by path; both come in the order of their paths' bytes.
 * Memory: one path of each side.
 * @param mustRead - says of a path that looks unchanged that it has to be read all the same.
 */
export async function* detectChanges(
  listing: AsyncIterable<SourceEntry>,
  base: AsyncIterable<BaseFile>,
  mustRead: (file: BaseFile) => boolean,
): AsyncGenerator<Decision, void, undefined> {
  const left = base[Symbol.asyncIterator]();
  try {
    let before = await left.next();
    for await (const listed of listing) {
      while (before.done !== true && compareBytes(before.value.path, listed.path) < 0) {
        yield { action: 'remove', base: before.value };
        before = await left.next();
      }
      if (before.done === true || compareBytes(before.value.path, listed.path) > 0) {
        yield { action: 'read', listed };
        continue;
      }
      const file = before.value;
      const unchanged = isAsListed(file, listed) && !mustRead(file);
      yield { action: unchanged ? 'keep' : 'read', listed, base: file };
      before = await left.next();
    }
    for (; before.done !== true; before = await left.next()) yield { action: 'remove', base: before.value };
  } finally {
    await left.return?.();
  }
}

/** Most files of most runs are as they were to the last attribute: comparing bytes saves decoding them. */
function isAsListed(base: BaseFile, listed: SourceEntry): boolean {
  const [own] = base.entries;
  if (own !== undefined && isEntryOf(own, listed)) return true;
  return base.file !== undefined && looksUnchanged(base.file, listed);
}

/** Whether a listing shows an entry as the base has it. */
export function looksUnchanged(file: FileEntry, listed: SourceEntry): boolean {
  return (
    !file.mustRead &&
    file.carriedFrom === undefined &&
    file.entry.kind === listed.kind &&
    file.entry.size === listed.size &&
    file.entry.modifiedMs === listed.modifiedMs &&
    file.entry.changeToken === listed.changeToken
  );
}
