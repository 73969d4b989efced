import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import type { PointId, ResourceKey } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { objectPrefixes, parseObjectName, rootName } from '../packs/object-names.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { resourceKeyOf } from './point-id.ts';
import { decodeRoot, getRootObject } from './root-store.ts';
import type { Root } from './root.ts';

export interface ListedRoot {
  readonly resourceKey: ResourceKey;
  readonly pointId: PointId;
  /** From the oldest to the youngest; more than one only if somebody bypassed the product. */
  readonly versionIds: readonly string[];
}

/**
 * Lists the points of a vault by the names of their roots, without reading one: resource by resource, the oldest first.
 * @param resourceKey - only those of one resource.
 */
export async function* listRootNames(
  store: ObjectStore,
  resourceKey?: ResourceKey,
  signal?: AbortSignal,
): AsyncGenerator<ListedRoot> {
  const prefix =
    resourceKey === undefined ? objectPrefixes.points : `${objectPrefixes.points}${resourceKey}/`;
  let current: { resourceKey: ResourceKey; pointId: PointId; versionIds: string[] } | undefined;
  for await (const { name, versionId } of store.listVersions(prefix, { signal })) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'root') continue;
    if (current?.pointId !== parsed.pointId || current.resourceKey !== parsed.resourceKey) {
      if (current !== undefined) yield current;
      current = { resourceKey: parsed.resourceKey, pointId: parsed.pointId, versionIds: [] };
    }
    current.versionIds.unshift(versionId);
  }
  if (current !== undefined) yield current;
}

/**
 * Reads the oldest version of a listed root that authenticates.
 * @throws {@link StoredBytesDamagedError} none does.
 */
export async function readListedRoot(
  store: ObjectStore,
  keys: VaultKeys,
  { resourceKey, pointId, versionIds }: ListedRoot,
): Promise<Root> {
  const name = rootName(resourceKey, pointId);
  let failure: BackupError | undefined;
  for (const versionId of versionIds) {
    try {
      const root = await decodeRoot(await getRootObject(store, name, versionId), pointId, keys, name);
      if (resourceKeyOf(root.resource) === resourceKey) return root;
      failure ??= new StoredBytesDamagedError(name, `it is the root of another resource`);
    } catch (error) {
      if (!(error instanceof BackupError) || error.retry !== 'never') throw error;
      failure ??= error;
    }
  }
  throw failure ?? new StoredBytesDamagedError(name, 'it has no version');
}
