import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { containerName, pageName } from '../packs/object-names.ts';
import { PackReader } from '../packs/pack-reader.ts';
import { PagePackReader, type PagePackReaderPolicy } from '../packs/page-pack-reader.ts';
import type { StoredPack } from '../packs/store-pack.ts';
import type { FindObject } from '../packs/stored-object.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { findPageRef } from './page-ref-text.ts';
import type { PagePackRecord, Root } from './root.ts';

/** Finds page packs by the records of roots and results. A pack without a record is looked for under `pages/`. */
function findPagePacks(records: Iterable<PagePackRecord>): FindObject {
  const known = new Map<PackId, PagePackRecord>();
  for (const record of records) known.set(record.pack, record);
  return (packId) => {
    const record = known.get(packId);
    const name = record?.kind === 'container' ? containerName(packId) : pageName(packId);
    return { packId, name, versionId: record?.version === '' ? undefined : record?.version };
  };
}

export function createPageReader(
  store: ObjectStore,
  keys: VaultKeys,
  records: Iterable<PagePackRecord>,
  packs: PackReader = new PackReader(store, keys),
  policy?: PagePackReaderPolicy,
): PagePackReader {
  return new PagePackReader(store, keys, packs, findPagePacks(records), policy);
}

export function readPackMap(
  keys: VaultKeys,
  pages: PageSource,
  { point, packMap }: Pick<Root, 'point' | 'packMap'>,
): TreeReader {
  const name = `the pack map of point ${point}`;
  return new TreeReader(createPackMapKind(keys), pages, findPageRef(packMap, name), name);
}

export function pagePackRecordOf({ packId, kind, versionId, lockedUntil }: StoredPack): PagePackRecord {
  return {
    pack: packId,
    kind: kind === 'container' ? 'container' : 'pages',
    version: versionId,
    lockedUntil: lockedUntil.toISOString(),
  };
}
