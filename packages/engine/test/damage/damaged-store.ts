import { ObjectNotFoundError } from '../../src/errors.ts';
import type { ObjectStore, ObjectVersion } from '../../src/ports/object-store.ts';

/** What became of some objects: other bytes under the same version, as disks and copies do it; `undefined` = gone. */
export type Damage = ReadonlyMap<string, Uint8Array | undefined>;

/** A store that has lost or confused some of its objects. The store behind it stays as it is. */
export function withDamage(store: ObjectStore, damage: Damage): ObjectStore {
  const changed = {
    async get(...[name, options = {}]: Parameters<ObjectStore['get']>): Promise<Uint8Array> {
      if (!damage.has(name)) return store.get(name, options);
      const { offset, length } = options.range ?? { offset: 0, length: Infinity };
      return bytesOf(damage, name).slice(offset, offset + length);
    },
    async head(...[name, options]: Parameters<ObjectStore['head']>) {
      if (!damage.has(name)) return store.head(name, options);
      const { length } = bytesOf(damage, name);
      // What was never there has no version of its own.
      const planted = { name, versionId: 'planted', storedAt: new Date(0) };
      return { ...planted, ...(await store.head(name).catch(() => undefined)), bytes: length };
    },
    async *listVersions(...args: Parameters<ObjectStore['listVersions']>): AsyncIterable<ObjectVersion> {
      for await (const version of store.listVersions(...args)) {
        const { name } = version;
        if (!damage.has(name)) yield version;
        else if (damage.get(name) !== undefined) yield { ...version, bytes: bytesOf(damage, name).length };
      }
    },
  };
  return new Proxy(store, {
    get(target, property) {
      if (Object.hasOwn(changed, property)) return Reflect.get(changed, property);
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function bytesOf(damage: Damage, name: string): Uint8Array {
  const bytes = damage.get(name);
  if (bytes === undefined) throw new ObjectNotFoundError(name);
  return bytes;
}
