import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PageSource } from '../manifest/page-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { containerName, pageName } from './object-names.ts';
import { PackReader } from './pack-reader.ts';
import {
  defaultPagePackReaderPolicy,
  PagePackReader,
  type PagePackReaderPolicy,
} from './page-pack-reader.ts';
import type { StoredObject } from './stored-object.ts';

/** An object that holds pages, as a root lists it. */
export interface KnownPagePack {
  readonly pack: PackId;
  readonly kind: 'pages' | 'container';
  /** VersionId; a hint. */
  readonly version: string;
}

/**
 * The pages of the points that list these objects. A pack that is not listed is looked for among the packs of pages,
 * oldest version first.
 */
export function createPageSource(
  store: ObjectStore,
  vault: VaultKeys,
  pagePacks: Iterable<KnownPagePack>,
  policy: PagePackReaderPolicy = defaultPagePackReaderPolicy,
): PageSource {
  const known = new Map<PackId, StoredObject>();
  for (const { pack, kind, version } of pagePacks) {
    const name = kind === 'container' ? containerName(pack) : pageName(pack);
    known.set(pack, { packId: pack, name, versionId: version });
  }
  const find = (packId: PackId): StoredObject => known.get(packId) ?? { packId, name: pageName(packId) };
  return new PagePackReader(store, new PackReader(store, vault), find, policy);
}
