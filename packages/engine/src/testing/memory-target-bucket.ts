import { createHash } from 'node:crypto';
import { compareBytes, toHex, utf8 } from '../bytes.ts';
import { TargetEntryError, TargetUnavailableError } from '../errors.ts';
import type { PlacedObject, TargetBucket } from '../ports/target-bucket.ts';

interface Version {
  readonly path: Uint8Array;
  /** Absent in a delete marker. */
  readonly content?: string;
}

/** A bucket in memory that behaves like one with versions, and like one without where a test says so. */
export class MemoryTargetBucket implements TargetBucket {
  readonly #versions = new Map<string, readonly Version[]>();
  readonly #refused = new Set<string>();
  keepsVersions = true;
  /** Calls of {@link hide}. */
  asked = 0;
  /** Called before a listing and before each call of {@link hide}: what others do meanwhile. */
  onCall: (call: 'list' | 'hide') => void = () => {};

  put(name: string | Uint8Array, content = ''): void {
    this.#add({ path: bytesOf(name), content });
  }

  /** From now on an object may not be hidden. */
  refuse(name: string): void {
    this.#refused.add(toHex(utf8(name)));
  }

  /** Names of current objects, with their content, in order. */
  get current(): ReadonlyMap<string, string> {
    return new Map(
      this.#list().map(({ path, content = '' }) => [Buffer.from(path).toString('utf8'), content]),
    );
  }

  /** Contents of a name that are still there, the newest first. */
  versionsOf(name: string): readonly string[] {
    const versions = this.#versions.get(toHex(utf8(name))) ?? [];
    return versions.flatMap(({ content }) => (content === undefined ? [] : [content])).toReversed();
  }

  async *list(prefixes: readonly string[], signal?: AbortSignal): AsyncIterable<PlacedObject> {
    await Promise.resolve();
    this.onCall('list');
    for (const prefix of prefixes)
      for (const { path, content = '' } of this.#list()) {
        signal?.throwIfAborted();
        if (compareBytes(path.subarray(0, utf8(prefix).length), utf8(prefix)) === 0)
          yield { path, size: Buffer.byteLength(content), changeToken: tokenOf(content) };
      }
  }

  async checkKeepsVersions(): Promise<void> {
    await Promise.resolve();
    if (!this.keepsVersions)
      throw new TargetUnavailableError('the bucket keeps no versions; switch them on first');
  }

  async hide({ path, changeToken }: PlacedObject): Promise<'hidden' | 'changed'> {
    await Promise.resolve();
    this.asked += 1;
    this.onCall('hide');
    const name = Buffer.from(path).toString('utf8');
    if (this.#refused.has(toHex(path))) throw new TargetEntryError('denied', name, 'may not be deleted');
    const current = this.#versions.get(toHex(path))?.at(-1)?.content;
    if (current === undefined || tokenOf(current) !== changeToken) return 'changed';
    if (!this.keepsVersions) {
      this.#versions.delete(toHex(path));
      throw new TargetUnavailableError(`${name} was deleted, and no version of it is kept`);
    }
    this.#add({ path });
    return 'hidden';
  }

  #add(version: Version): void {
    const key = toHex(version.path);
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
  }

  #list(): readonly Version[] {
    return [...this.#versions.values()]
      .flatMap((versions) => versions.at(-1) ?? [])
      .filter(({ content }) => content !== undefined)
      .toSorted((a, b) => compareBytes(a.path, b.path));
  }
}

function bytesOf(name: string | Uint8Array): Uint8Array {
  return typeof name === 'string' ? utf8(name) : name;
}

function tokenOf(content: string): string {
  return `"${createHash('md5').update(content).digest('hex')}"`;
}
