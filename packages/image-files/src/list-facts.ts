import { DiskError, type FileNode, type FileSystem, type NodeKind } from '@holdfast/disk';
import { isOfKind, utf8 } from '@holdfast/engine';
import { joinBytes } from './join-bytes.ts';
import { latinOf } from './latin-text.ts';
import { joinReliances, type ReadRecorder, type Reliance } from './reliance.ts';
import type { StateComparison } from './state-comparison.ts';

/** Facts of a file, directory or link by which its versions are told apart. */
export interface NodeFacts {
  readonly kind: NodeKind;
  readonly bytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly modifiedAt: bigint;
  readonly changedAt: bigint;
}

/** A directory that is to be listed. The same object, in the list of another state, for the same one. */
export interface ListedDirectory {
  /** Within the file system, with a slash at its end; empty for the root. */
  readonly path: Uint8Array;
  readonly id: number;
}

/** A node that is wanted. The same object, in the list of another state, if it has not changed. */
export interface WantedNode {
  readonly path: Uint8Array;
  readonly facts: NodeFacts;
}

/** Entries of a directory, as far as they are wanted. */
export interface DirectoryListing {
  readonly directories: readonly ListedDirectory[];
  readonly wanted: readonly WantedNode[];
  /** Reasons why some of it is not known. */
  readonly problems: readonly string[];
  /** By their names. */
  readonly entries: ReadonlyMap<string, KnownEntry>;
  /** The names, numbers and kinds of entries were read from this. */
  readonly names: Reliance;
  /** All facts, too, were read from this. */
  readonly all: Reliance;
}

/** An entry that is wanted, or of which the node was read. */
interface KnownEntry {
  readonly name: Uint8Array;
  readonly id: number;
  /** As the directory says. */
  readonly kind: NodeKind | undefined;
  readonly directory: ListedDirectory | undefined;
  readonly wanted: WantedNode | undefined;
  /** The node was read from this; absent where it was not read. */
  readonly node: Reliance | undefined;
}

export interface ListerOptions {
  /** @param path - within the file system, of a directory with a slash at its end. */
  readonly isWanted: (path: Uint8Array) => boolean;
  /** Directories that are left out. @default none */
  readonly mayHold?: (path: Uint8Array) => boolean;
  /** Told of what is read. */
  readonly recorder: ReadRecorder;
  /** The state that listings are given of, and this one. @default nothing is known of an earlier one */
  readonly comparison?: StateComparison | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists directories of a file system: the directories in them, and facts of what is wanted. Of what is not wanted no more
 * is read than its name. Takes from the listing of an earlier state what has not changed.
 */
export class DirectoryLister {
  readonly #fileSystem: FileSystem;
  readonly #options: ListerOptions;

  constructor(fileSystem: FileSystem, options: ListerOptions) {
    this.#fileSystem = fileSystem;
    this.#options = options;
  }

  /**
   * Damage is a problem of the listing.
   * @param before - of the directory in the earlier state; that state itself where nothing has changed.
   */
  async list(directory: ListedDirectory, before?: DirectoryListing): Promise<DirectoryListing> {
    const { comparison } = this.#options;
    // Where something could not be read, not all is known that it relies on.
    if (comparison === undefined || before === undefined || before.problems.length > 0)
      return this.#listAnew(directory);
    if (!(await comparison.differs(before.all))) return before;
    return (await comparison.differs(before.names))
      ? this.#listAnew(directory, before)
      : this.#refresh(directory, before);
  }

  async #listAnew(directory: ListedDirectory, before?: DirectoryListing): Promise<DirectoryListing> {
    const { recorder, signal } = this.#options;
    const draft = new Draft(directory.path);
    const { reliance } = await recorder.record(async () =>
      draft.noting(directory.path, async () => {
        const node = await this.#fileSystem.node(directory.id, signal);
        for await (const entry of node.list(signal))
          if (draft.isNew(entry.name))
            await this.#add(draft, entry, before?.entries.get(latinOf(entry.name)));
      }),
    );
    return draft.take(reliance);
  }

  /** The names are as they were. */
  async #refresh(directory: ListedDirectory, before: DirectoryListing): Promise<DirectoryListing> {
    const draft = new Draft(directory.path);
    for (const entry of before.entries.values()) await this.#add(draft, entry, entry);
    return draft.take(before.names);
  }

  async #add(
    draft: Draft,
    { name, id, kind }: Pick<KnownEntry, 'name' | 'id' | 'kind'>,
    before: KnownEntry | undefined,
  ): Promise<void> {
    const { comparison, recorder } = this.#options;
    const same = before?.id === id && before.kind === kind ? before : undefined;
    if (same !== undefined && (same.node === undefined || (await comparison?.differs(same.node)) === false)) {
      draft.add(same);
      return;
    }
    const path = joinBytes(draft.path, name);
    await draft.noting(path, async () => {
      const { result, reliance } = await recorder.record(async () =>
        this.#look(path, { id, kind }, same?.directory),
      );
      const { directory, wanted, hasRead } = result;
      if (directory !== undefined || wanted !== undefined || hasRead)
        draft.add({ name, id, kind, directory, wanted, node: hasRead ? reliance : undefined });
    });
  }

  async #look(
    path: Uint8Array,
    { id, kind }: Pick<KnownEntry, 'id' | 'kind'>,
    known: ListedDirectory | undefined,
  ) {
    const { isWanted, mayHold = () => true, signal } = this.#options;
    let node: FileNode | undefined;
    if (kind === undefined) node = await this.#fileSystem.node(id, signal);
    const isDirectory = (node?.kind ?? kind) === 'directory';
    const whole = isDirectory ? joinBytes(path, utf8('/')) : path;
    const directory = isDirectory && mayHold(whole) ? (known ?? { path: whole, id }) : undefined;
    if (!isWanted(whole)) return { directory, wanted: undefined, hasRead: node !== undefined };
    node ??= await this.#fileSystem.node(id, signal);
    return { directory, wanted: { path: whole, facts: factsOf(node) }, hasRead: true };
  }
}

/** A listing that is being made. */
class Draft {
  readonly path: Uint8Array;
  readonly #entries = new Map<string, KnownEntry>();
  readonly #names = new Set<string>();
  readonly #problems: string[] = [];
  #hasTwice = false;

  constructor(path: Uint8Array) {
    this.path = path;
  }

  /** False for a name that was there before, which is told of. */
  isNew(name: Uint8Array): boolean {
    const key = latinOf(name);
    if (!this.#names.has(key)) {
      this.#names.add(key);
      return true;
    }
    // Told of once, and listed once: a directory that has one block many times would be endless.
    if (!this.#hasTwice)
      this.#problems.push(`${textOf(joinBytes(this.path, name))}: its directory has the name twice`);
    this.#hasTwice = true;
    return false;
  }

  add(entry: KnownEntry): void {
    this.#entries.set(latinOf(entry.name), entry);
  }

  /** Damage in work is a problem of what it is about. */
  async noting(what: Uint8Array, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DiskError) && !isOfKind(error, 'damage')) throw error;
      this.#problems.push(`${textOf(what)}: ${error.message}`);
    }
  }

  take(names: Reliance): DirectoryListing {
    const entries = [...this.#entries.values()];
    const nodes = entries.flatMap(({ node }) => node ?? []);
    return {
      directories: entries.flatMap(({ directory }) => directory ?? []),
      wanted: entries.flatMap(({ wanted }) => wanted ?? []),
      problems: this.#problems,
      entries: this.#entries,
      names,
      all: joinReliances([names, ...nodes]),
    };
  }
}

function factsOf({ kind, bytes, mode, owner, modifiedAt, changedAt }: FileNode): NodeFacts {
  return { kind, bytes, mode, ...owner, modifiedAt, changedAt };
}

/** Equal for facts that are. */
export function factsText({ kind, bytes, mode, uid, gid, modifiedAt, changedAt }: NodeFacts): string {
  return [kind, bytes, mode, uid, gid, modifiedAt, changedAt].join(' ');
}

function textOf(path: Uint8Array): string {
  return new TextDecoder().decode(path);
}
