import type { Catalog } from '../../ports/catalog/catalog.ts';
import type { PackRow } from '../../ports/catalog/packs.ts';

export interface CatalogUnderTest {
  readonly catalog: Catalog;
  /** Writes a pack's row as it is, whatever was there. */
  plantPack(row: PackRow): Promise<void>;
}

/** An empty catalog, made anew for every test. */
export type MakeCatalog = () => Promise<CatalogUnderTest>;
