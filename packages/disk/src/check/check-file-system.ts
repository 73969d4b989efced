import { mostPathBytes, pathBelow } from '../file-system/walk-tree.ts';
import { DiskBytesLostError, DiskDamagedError, DiskError, DiskUnsupportedError } from '../errors.ts';
import type { DirectoryEntry, FileNode, FileSystem } from '../file-system/file-system.ts';
import type { ByteSource } from '../source/byte-source.ts';
import { SparseBits } from './sparse-bits.ts';

/** Numbers that bound the memory of a check, each with what is not compared beyond it. */
export interface CheckLimits {
  /** Findings that are spelled out; more are counted. @default 10,000 */
  readonly findings: number;
  /** Bytes for a bit for each node: 2^31 nodes that lie together. Directories beyond are not entered. @default 256 MiB */
  readonly nodeBytes: number;
  /** Bytes for a bit for each block: 8 TiB in use, of blocks of 4 KiB. Blocks beyond may be in use twice. @default 256 MiB */
  readonly blockBytes: number;
  /** Nodes with more than one name, of which not all were met yet. Names of more are not counted. @default 4 Mi */
  readonly linked: number;
  /** Names of the directories on the way to where the check is. Others may be there twice. @default 2 Mi */
  readonly names: number;
}

const defaultLimits: CheckLimits = {
  findings: 10_000,
  nodeBytes: 2 ** 28,
  blockBytes: 2 ** 28,
  linked: 2 ** 22,
  names: 2 ** 21,
};

export type FindingKind =
  /** Its content is on bytes of the disk that are lost. */
  | 'content-lost'
  /** What leads to it, or is said of it, is on bytes that are lost. */
  | 'metadata-lost'
  /** What leads to it, or is said of it, cannot be right. */
  | 'damaged'
  /** Its directory says that it is of another kind. */
  | 'kind'
  /** It has another number of names than it says. */
  | 'names'
  /** It is a directory that has a name already. */
  | 'second-place'
  /** Blocks of it are those of something else, too. */
  | 'shared-blocks'
  /** It says that it has a name, and none leads to it. */
  | 'unattached';

export interface Finding {
  readonly kind: FindingKind;
  /** From the root, without a slash at the beginning; absent of what has none, or none that is known. */
  readonly path: Uint8Array | undefined;
  readonly message: string;
  /** The error that a reader has there, if it has one. */
  readonly error?: DiskError | undefined;
}

export interface FileSystemCheck {
  readonly directories: number;
  /** Nodes that are no directories; one with several names counts once. */
  readonly files: number;
  /** Bytes of content that is not holes. */
  readonly storedBytes: number;
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  /** Damage that copies made good. */
  readonly madeGood: readonly string[];
  /** Encrypted nodes, for example: what they hold was not looked at. */
  readonly unsupported: number;
  /** Comparisons that were left out for the sake of memory, by {@link CheckLimits}. */
  readonly uncompared: number;
}

export interface CheckOptions {
  readonly limits?: Partial<CheckLimits>;
  readonly onProgress?:
    | ((progress: { readonly directories: number; readonly files: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Walks through all of a file system, and compares what it says of itself with what is there. Content is not read: of a
 * source that knows which of its bytes are lost, those files are told of that lie on them.
 * Finds what keeps files from being read, or makes them be what they were not. It is no repair program: free space,
 * quotas, journals and times are not looked at.
 * @param source - that which the file system was opened of.
 */
export async function checkFileSystem(
  source: ByteSource,
  fileSystem: FileSystem,
  options: CheckOptions = {},
): Promise<FileSystemCheck> {
  const check = new Check(source, fileSystem, options);
  await check.run();
  return check.outcome();
}

/** A directory that is being walked through. */
interface Frame {
  readonly path: Uint8Array;
  readonly node: FileNode;
  readonly entries: AsyncIterator<DirectoryEntry>;
  directories: number;
  /** Those met so far, a character a byte. */
  readonly names: Set<string>;
}

class Check {
  readonly #source: ByteSource;
  readonly #fileSystem: FileSystem;
  readonly #limits: CheckLimits;
  readonly #options: CheckOptions;
  readonly #findings: Finding[] = [];
  #findingCount = 0;
  #directories = 0;
  #files = 0;
  #storedBytes = 0;
  #unsupported = 0;
  #uncompared = 0;
  readonly #met: SparseBits;
  readonly #blocks: SparseBits;
  /** Names of nodes that have several, as far as not all were met. */
  readonly #linked = new Map<number, { readonly path: Uint8Array; readonly names: number; met: number }>();
  readonly #way: Frame[] = [];
  /** Names of all directories on the way. */
  #namesHeld = 0;

  constructor(source: ByteSource, fileSystem: FileSystem, options: CheckOptions) {
    this.#source = source;
    this.#fileSystem = fileSystem;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#met = new SparseBits(this.#limits.nodeBytes);
    this.#blocks = new SparseBits(this.#limits.blockBytes);
  }

  async run(): Promise<void> {
    await this.#takeOwnBlocks();
    const root = await this.#attempt(new Uint8Array(0), async () => this.#fileSystem.root(this.#signal));
    if (root !== undefined) await this.#takeDirectory(new Uint8Array(0), root);
    for (let here = this.#way.at(-1); here !== undefined; here = this.#way.at(-1)) {
      const { entries, path } = here;
      const next = await this.#attempt(path, async () => entries.next());
      if (next === undefined || next.done === true) this.#leave(next !== undefined);
      else await this.#take(here, next.value);
    }
    for (const [id, { path, names, met }] of this.#linked)
      this.#find('names', path, `node ${id} has ${names} names by its count, and ${met} were found`);
    await this.#findUnattached();
  }

  outcome(): FileSystemCheck {
    return {
      directories: this.#directories,
      files: this.#files,
      storedBytes: this.#storedBytes,
      findings: this.#findings,
      findingCount: this.#findingCount,
      madeGood: this.#fileSystem.madeGood ?? [],
      unsupported: this.#unsupported,
      uncompared: this.#uncompared,
    };
  }

  get #signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** A node by one of its names. */
  async #take(here: Frame, { name, id, kind }: DirectoryEntry): Promise<void> {
    const path = pathBelow(here.path, name);
    this.#noteName(here, path, name);
    const node = await this.#attempt(path, async () => this.#fileSystem.node(id, this.#signal));
    if (node === undefined) {
      this.#met.add(id);
      if (kind === 'directory') here.directories += 1;
      return;
    }
    if (kind !== undefined && kind !== node.kind)
      this.#find('kind', path, `its directory says that it is a ${kind}, but node ${id} is a ${node.kind}`);
    if (node.kind === 'directory') {
      here.directories += 1;
      await this.#takeDirectory(path, node);
      return;
    }
    const isNew = this.#met.add(id);
    if (isNew === undefined) this.#uncompared += 1;
    this.#countName(path, node, isNew);
    if (isNew === false) return;
    this.#files += 1;
    this.#options.onProgress?.({ directories: this.#directories, files: this.#files });
    await this.#look(path, node);
  }

  async #takeDirectory(path: Uint8Array, node: FileNode): Promise<void> {
    const isNew = this.#met.add(node.id);
    if (isNew === undefined) this.#uncompared += 1;
    else if (!isNew) this.#find('second-place', path, `directory ${node.id} is in another place, too`);
    else if (path.length > mostPathBytes)
      this.#find('damaged', undefined, `a path is longer than ${mostPathBytes} bytes`);
    else {
      this.#directories += 1;
      await this.#look(path, node);
      this.#way.push({
        path,
        node,
        entries: node.list(this.#signal)[Symbol.asyncIterator](),
        directories: 0,
        names: new Set(),
      });
    }
  }

  /** @param isWhole - all of the directory was read. */
  #leave(isWhole: boolean): void {
    const frame = this.#way.pop();
    this.#namesHeld -= frame?.names.size ?? 0;
    // A count of 1 stands for more than can be counted, and for file systems that do not count so.
    if (frame === undefined || !isWhole || frame.node.names === 1) return;
    const names = 2 + frame.directories;
    if (frame.node.names === names) return;
    const { id, names: counted } = frame.node;
    this.#find(
      'names',
      frame.path,
      `directory ${id} has ${counted} names by its count, and ${names} were found`,
    );
  }

  #noteName({ names }: Frame, path: Uint8Array, name: Uint8Array): void {
    const text = String.fromCharCode(...name);
    if (names.has(text)) this.#find('damaged', path, 'its directory has the name twice');
    else if (this.#namesHeld >= this.#limits.names) this.#uncompared += 1;
    else {
      names.add(text);
      this.#namesHeld += 1;
    }
  }

  #countName(path: Uint8Array, { id, names }: FileNode, isNew: boolean | undefined): void {
    if (names === 0) {
      if (isNew !== false) this.#find('names', path, `node ${id} is deleted by its count of names`);
      return;
    }
    const known = this.#linked.get(id);
    if (known !== undefined) {
      known.met += 1;
      if (known.met === names) this.#linked.delete(id);
      return;
    }
    if (isNew === false)
      this.#find('names', path, `node ${id} has more names than the ${names} of its count`);
    else if (isNew === true && names > 1 && this.#linked.size < this.#limits.linked)
      this.#linked.set(id, { path, names, met: 1 });
    else if (names > 1) this.#uncompared += 1;
  }

  /** Reads all that a node says of itself. */
  async #look(path: Uint8Array, node: FileNode): Promise<void> {
    await this.#attempt(path, async () => node.attributes(this.#signal));
    if (node.kind === 'link') await this.#attempt(path, async () => this.#takeLink(path, node));
    if (node.kind === 'file') await this.#attempt(path, async () => this.#takeContent(path, node));
  }

  async #takeLink(path: Uint8Array, node: FileNode): Promise<void> {
    const target = await node.linkTarget(this.#signal);
    if (target.length === 0 || target.includes(0))
      this.#find('damaged', path, `link ${node.id} has a target that no system can have written`);
  }

  async #takeContent(path: Uint8Array, node: FileNode): Promise<void> {
    let lost = 0;
    let lostAt: number | undefined;
    let shared: number | undefined;
    for await (const run of node.runs({}, this.#signal)) {
      if (run.kind !== 'stored') continue;
      this.#storedBytes += run.bytes;
      const bytes = this.#source.lostBytes?.(run.at, run.bytes) ?? 0;
      if (bytes > 0) lostAt ??= run.offset;
      lost += bytes;
      shared ??= this.#takeBlocks(run.at, run.bytes);
    }
    if (lostAt !== undefined)
      this.#find(
        'content-lost',
        path,
        `${lost} of its ${node.bytes} bytes are lost, in the stretch from byte ${lostAt} on`,
      );
    if (shared !== undefined)
      this.#find('shared-blocks', path, `block ${shared} of its content is in use by something else, too`);
  }

  /**
   * Takes the blocks of a stretch, up to one that was in use before: many files that each have all of a disk would take
   * forever.
   * @returns that block.
   */
  #takeBlocks(at: number, bytes: number): number | undefined {
    const { blockBytes, sharesBlocks } = this.#fileSystem.facts;
    if (sharesBlocks) return undefined;
    const end = Math.ceil((at + bytes) / blockBytes);
    for (let block = Math.floor(at / blockBytes); block < end; block += 1) {
      const isNew = this.#blocks.add(block);
      if (isNew === undefined) this.#uncompared += 1;
      if (isNew === false) return block;
    }
    return undefined;
  }

  async #takeOwnBlocks(): Promise<void> {
    for await (const { what, at, bytes } of this.#fileSystem.listOwn?.(this.#signal) ?? []) {
      const lost = this.#source.lostBytes?.(at, bytes) ?? 0;
      if (lost > 0) this.#find('metadata-lost', undefined, `${lost} of ${bytes} bytes are lost: ${what}`);
      this.#takeBlocks(at, bytes);
    }
  }

  async #findUnattached(): Promise<void> {
    // Names that cannot be read may lead to any of them.
    if (this.#unsupported > 0) return;
    for await (const { id, error } of this.#fileSystem.listNamed?.(this.#signal) ?? []) {
      if (error !== undefined) this.#note(undefined, error);
      else if (!this.#met.has(id))
        this.#find('unattached', undefined, `node ${id} says that it has a name, and none was found`);
    }
  }

  /** @returns `undefined` if it cannot be done; the reason is noted then. */
  async #attempt<Value>(path: Uint8Array, work: () => Promise<Value>): Promise<Value | undefined> {
    this.#signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#note(path, error);
      return undefined;
    }
  }

  #note(path: Uint8Array | undefined, error: DiskError): void {
    if (error instanceof DiskUnsupportedError) this.#unsupported += 1;
    else if (error instanceof DiskBytesLostError) this.#find('metadata-lost', path, error.message, error);
    else if (error instanceof DiskDamagedError) this.#find('damaged', path, error.message, error);
    else throw error;
  }

  #find(kind: FindingKind, path: Uint8Array | undefined, message: string, error?: DiskError): void {
    this.#findingCount += 1;
    if (this.#findings.length < this.#limits.findings) this.#findings.push({ kind, path, message, error });
  }
}
