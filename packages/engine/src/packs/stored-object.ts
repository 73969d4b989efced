import type { PackId } from '../ids.ts';
import type { ByteRange, ObjectStore } from '../ports/object-store.ts';

/** An object of frames, and the version of it that a reference names. */
export interface StoredObject {
  readonly packId: PackId;
  readonly name: string;
  /** A hint: a copied vault has other version ids. */
  readonly versionId?: string;
}

export type FindObject = (packId: PackId) => StoredObject;

/** Reads a stretch of a version, by default of the oldest. May be shorter than asked for at the object's end. */
export async function fetchRange(
  store: ObjectStore,
  name: string,
  versionId: string | undefined,
  range: ByteRange,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return store.get(name, {
    range,
    versionId,
    signal,
  });
}

/**
 * Versions of an object in the order in which a reader tries them: the one that the reference names, then the oldest,
 * then, if somebody bypassed the product, the others from old to young. It lists versions only if it has to.
 */
export async function* candidateVersions(
  store: ObjectStore,
  { name, versionId }: Pick<StoredObject, 'name' | 'versionId'>,
  signal?: AbortSignal,
): AsyncGenerator<string | undefined, void, undefined> {
  yield versionId;
  const others: string[] = [];
  for await (const version of store.listVersions(name, signal === undefined ? {} : { signal })) {
    if (version.name === name && version.versionId !== versionId) others.push(version.versionId);
  }
  others.reverse();
  // Without a hint the oldest has been tried already.
  yield* versionId === undefined ? others.slice(1) : others;
}
