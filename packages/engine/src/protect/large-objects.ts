import { compareBytes, fromBase64, fromUtf8 } from '../bytes.ts';
import { encodeFileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { PackUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { PageRef, PageStore } from '../manifest/page-store.ts';
import type { TreeKind } from '../manifest/tree-kind.ts';
import { mergeTree, type Change } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { pathKeys } from '../manifest/tuple-key.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { warningOf } from '../points/unread.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { type BaseFile, BaseFiles, originOf } from './base-files.ts';
import type { LargeObject, ShardResult } from './shard-result.ts';

export interface RepairOptions {
  readonly kind: TreeKind;
  readonly pages: PageStore;
  readonly plan: RunPlan;
  readonly broken: readonly BrokenObject[];
  readonly root: PageRef | undefined;
}

export interface BrokenObject {
  readonly path: Uint8Array;
  readonly gone: boolean;
}

/** The manifest with one version of each of those objects. */
export interface Repaired {
  readonly root: PageRef | undefined;
  readonly usage: readonly PackDelta[];
  readonly warnings: ShardResult['warnings'];
  /** Correction of the entries that the shards could and could not read. */
  readonly entries: ShardResult['entries'];
  /** Gained, less lost; also the bytes. */
  readonly files: number;
  readonly logicalBytes: number;
}

/**
 * Large objects are read by several workers, each by itself. Where they did not all see the same version, the object's
 * content would be a mixture: it is replaced by what the base has, or left out, and the point says so.
 */
export async function repairLargeObjects({
  kind,
  pages,
  plan,
  broken,
  root,
}: RepairOptions): Promise<Repaired> {
  const usage = new PackUsage();
  const warnings: ShardResult['warnings'] = [];
  const origin = originOf(plan);
  const filesOf = (ref: PageRef | undefined): BaseFiles =>
    new BaseFiles(new TreeReader(kind, pages.source, ref, origin));
  const joined = filesOf(root);
  const base = filesOf(findPageRef(plan.base?.manifest, plan.base?.pointId));
  const unleased = new Set(plan.unleasedPacks);
  let files = 0;
  let logicalBytes = 0;
  const entries = { read: 0, carried: 0, missing: 0 };

  const count = (file: BaseFile | undefined, sign: 1 | -1): void => {
    for (const { chunks } of file?.extents() ?? []) {
      for (const chunk of chunks) {
        if (sign === 1) usage.addReference(chunk);
        else usage.removeReference(chunk);
      }
    }
    if (file?.file === undefined) return;
    files += sign;
    logicalBytes += sign * file.file.entry.size;
  };
  const changes: Change[] = [];
  for (const { path, gone } of broken) {
    const { from, to } = pathKeys(path);
    const mixed = await joined.findFirst(pathKeys(path));
    count(mixed, -1);
    // Its own shard did not count an entry that it carried.
    if (mixed?.file !== undefined && mixed.file.carriedFrom === undefined) entries.read -= 1;
    const before = gone ? undefined : await base.findFirst(pathKeys(path));
    const usable = before?.file !== undefined && !before.usesPacks(unleased) ? before : undefined;
    count(usable, 1);
    changes.push(...replace(from, to, usable, plan));
    const name = fromUtf8(path);
    const unread = gone ? undefined : usable === undefined ? 'missing' : 'carried';
    if (unread !== undefined) entries[unread] += 1;
    const consequence =
      usable === undefined ? 'this point does not have it' : `this point has it as it was in ${origin}`;
    const message = `${JSON.stringify(name)} was not the same for all workers that read it; ${consequence}: run again`;
    warnings.push(warningOf({ reason: gone ? 'vanished' : 'changed', message }, name, unread));
  }
  return {
    root: changes.length === 0 ? root : await mergeTree(kind, pages, root, changes),
    usage: usage.deltas(),
    warnings,
    entries,
    files,
    logicalBytes,
  };
}

/**
 * Finds objects of which the shards saw different versions, in the order of paths.
 * @param large - every shard's findings on the objects that it shares, in the order of shards.
 */
export function findBroken(large: readonly LargeObject[]): readonly BrokenObject[] {
  const byPath = Map.groupBy(large, ({ path }) => path);
  const broken: { path: Uint8Array; gone: boolean }[] = [];
  for (const [path, findings] of byPath) {
    const [first] = findings;
    const same = findings.every(
      ({ state, changeToken }) =>
        (state === 'kept' || state === 'stored') && changeToken === first?.changeToken,
    );
    if (!same) broken.push({ path: fromBase64(path), gone: first?.state === 'absent' });
  }
  return broken.sort((a, b) => compareBytes(a.path, b.path));
}

function replace(from: Uint8Array, to: Uint8Array, file: BaseFile | undefined, plan: RunPlan): Change[] {
  if (file?.file === undefined) return [{ key: from, clearTo: to }];
  const carriedFrom = file.file.carriedFrom ?? plan.base?.pointId;
  const own = encodeFileEntry({
    entry: file.file.entry,
    mustRead: true,
    carriedFrom,
  });
  return [{ ...changeOf(own), clearTo: to }, ...file.entries.slice(1).map(changeOf)];
}

function changeOf({ key, logical, location }: Entry): Change {
  return { key, value: { logical, location } };
}
