import type { PageSource } from '../manifest/page-store.ts';
import { diffTrees, type Difference } from '../manifest/tree-diff.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { PointReader } from './point-reader.ts';

/** Differences between the manifests of two points of a vault, in the order of keys. */
export function diffManifests(
  before: PointReader,
  after: PointReader,
  signal?: AbortSignal,
): AsyncGenerator<Difference> {
  const own = new Set(before.root.pagePacks.map(({ pack }) => pack));
  const source: PageSource = {
    read: async (ref, readSignal) =>
      (own.has(ref.location.pack.packId) ? before : after).pages.read(ref, readSignal),
  };
  const [old, current] = [before, after].map(({ root }) => findPageRef(root.manifest, root.point));
  return diffTrees(source, old, current, { signal });
}
