import { newId, utf8 } from '../../src/bytes.ts';
import { ObjectNotFoundError } from '../../src/errors.ts';
import type { PackId, PointId, ResourceArn, RunId } from '../../src/ids.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { ensureVaultLocks } from '../../src/keys/vault-locks.ts';
import { createPackMapKind } from '../../src/manifest/pack-map.ts';
import { applyUsage, mergeUsage, PackUsage } from '../../src/manifest/pack-usage.ts';
import type { PageRef } from '../../src/manifest/page-store.ts';
import { mergeTree } from '../../src/manifest/tree-merge.ts';
import { TreeReader } from '../../src/manifest/tree-reader.ts';
import { PackBuilder } from '../../src/packs/pack-builder.ts';
import { PagePackWriter } from '../../src/packs/page-pack-writer.ts';
import { storePack } from '../../src/packs/store-pack.ts';
import { findPageRef, pageRefToText } from '../../src/points/page-ref-text.ts';
import { createPageReader, pagePackRecordOf } from '../../src/points/point-pages.ts';
import { readRoot } from '../../src/points/root-store.ts';
import type { Root } from '../../src/points/root.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { RunRow } from '../../src/ports/catalog/runs.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import { keysUntil, leaseUntilFor, type LeasePolicy } from '../../src/runs/generation.ts';
import { leaseBase, type LeasedBase } from '../../src/runs/lease-base.ts';
import { LeaseKeeper, type LeasedPack } from '../../src/runs/lease-keeper.ts';
import { packLeaseOf } from '../../src/runs/pack-writing.ts';
import type { PointContent } from '../../src/runs/point-content.ts';
import type { RunPlan } from '../../src/runs/run-plan.ts';
import { readUsage } from '../../src/runs/usage-runs.ts';
import type { AllServices } from '../../src/services.ts';
import { replaced, replacedCatalog } from './replaced.ts';

/**
 * Fixed, so that the scenarios' times fit. Nothing is copied instead of leased: packs of one chunk are mostly directory,
 * and copying is tried with whole runs.
 */
export const modelPolicy: LeasePolicy = { generationDays: 7, slackHours: 24, copyBelow: 0 };

/** What a thin writer backs up. */
export interface ThinRun {
  readonly runId: RunId;
  readonly resourceArn: ResourceArn;
  /** Fixed in advance, so that a repetition commits the same point. */
  readonly pointId: PointId;
  readonly keepDays: number;
  /** What a full reads: the content of its chunks. */
  readonly contents: readonly string[];
  /** What of it has been added since the base; the rest is taken over from the base, if that can be leased. */
  readonly base?: { readonly point: PointRow; readonly added: readonly string[] };
}

/** Steps of a thin writer that a planted fault replaces. */
export interface ThinSteps {
  readonly ensureVaultLocks: typeof ensureVaultLocks;
  readonly leaseBase: typeof leaseBase;
  readonly commitPoint: typeof commitPoint;
}

/** The product's. */
export const productSteps: ThinSteps = { ensureVaultLocks, leaseBase, commitPoint };

type Base = Extract<LeasedBase, { state: 'leased' }> & { readonly root: Root };

/**
 * A run with as few calls as a run can have: it leases its base, finds or stores its chunks, writes a pack map and
 * commits a root, each with the product's own functions and in the product's order. All that it leaves out is the
 * manifest, and so the reading of a source.
 */
export async function runThinly(
  services: AllServices,
  keys: VaultKeys,
  run: ThinRun,
  steps: ThinSteps = productSteps,
): Promise<Root> {
  const { store, catalog, lockMode } = services;
  const now = await store.now();
  const row = await catalog.runs.open({
    runId: run.runId,
    resourceArn: run.resourceArn,
    plan: 'model',
    requestedType: 'full',
    type: 'full',
    leaseUntil: leaseUntilFor(now, run.keepDays, modelPolicy),
    startedAt: now,
    aliveUntil: new Date(now.getTime() + 365 * 86_400_000),
    state: 'open',
  });
  await steps.ensureVaultLocks(store, {
    mode: lockMode,
    until: keysUntil(row.leaseUntil, modelPolicy).until,
  });
  const plan = planOf(run, row);
  const base = run.base && (await findBase(services, keys, run.base.point, row, steps));
  const contents = base === undefined ? run.contents : (run.base?.added ?? []);
  const usage = await storeContents(services, keys, plan, contents);
  const { root } = await steps.commitPoint(quietAfterCommit(services, now), keys, plan, async () =>
    writePackMap(services, keys, plan, base, usage),
  );
  return root;
}

/** What a commit does once its point has a row concerns no lease: it need not ask for the time. */
function quietAfterCommit(services: AllServices, startedAt: Date): AllServices {
  let committed = false;
  return {
    ...services,
    store: replaced(services.store, { now: async () => (committed ? startedAt : services.store.now()) }),
    catalog: replacedCatalog(services.catalog, {
      points: {
        put: async (row) => {
          await services.catalog.points.put(row);
          committed = true;
        },
      },
    }),
  };
}

async function findBase(
  services: AllServices,
  keys: VaultKeys,
  point: PointRow,
  row: RunRow,
  steps: ThinSteps,
): Promise<Base | undefined> {
  try {
    const { resourceArn, pointId, rootVersionId } = point;
    const { root } = await readRoot(services.store, keys, resourceArn, pointId, rootVersionId);
    const leased = await steps.leaseBase(services, keys, root, row, modelPolicy);
    return leased.state === 'leased' && leased.unleasedPacks.length === 0 ? { ...leased, root } : undefined;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

/** Finds or stores each chunk in a pack of its own, as a chunk store does. */
async function storeContents(
  services: AllServices,
  keys: VaultKeys,
  plan: RunPlan,
  contents: readonly string[],
): Promise<PackUsage> {
  const { index, random } = services;
  const keeper = new LeaseKeeper({ ...services, ...packLeaseOf(plan) });
  const usage = new PackUsage();
  for (const content of contents) {
    const plain = utf8(content);
    const id = keys.chunkId(plain);
    const known = (await index.find([id])).get(id);
    let leased: LeasedPack | undefined = known && (await keeper.lease([known.packId])).get(known.packId);
    let length = known?.length ?? 0;
    if (leased === undefined) {
      const builder = new PackBuilder({
        kind: 'chunks',
        vault: keys,
        dataKey: await keys.currentDataKey(),
        packId: newId<PackId>(random),
        slab: Buffer.alloc(1_024),
      });
      ({ length } = builder.append('chunk', [{ id, plainBytes: plain.length }], plain));
      builder.seal();
      leased = await storePack(builder, { ...services, chunkIndex: index, lease: packLeaseOf(plan) });
      keeper.adopt(leased);
    }
    const { packId, retentionClass, versionId, lockedUntil } = leased;
    const location = { packId, frame: 0, offset: 40, length, contentBytes: plain.length, start: 0 };
    usage.addReference({ plainBytes: plain.length, location });
    usage.setFacts(packId, { kind: 'chunks', retentionClass, versionId, lockedUntil });
  }
  return usage;
}

/** The pack map as the committer derives it, without a manifest beside it. */
async function writePackMap(
  services: AllServices,
  keys: VaultKeys,
  plan: RunPlan,
  base: Base | undefined,
  usage: PackUsage,
): Promise<PointContent> {
  const writer = await PagePackWriter.open({ ...services, vault: keys, lease: packLeaseOf(plan) });
  const source = createPageReader(services.store, keys, base?.pagePacks ?? []);
  const kind = createPackMapKind(keys);
  const before = findPageRef(base?.root.packMap, base?.root.point);
  const deltas = [
    usage.deltas(),
    ...(base?.leases ?? []).map((part) => readUsage(services.work, plan.runId, part)),
  ];
  const changes = applyUsage(new TreeReader(kind, source, before), mergeUsage(deltas));
  const packMap = (await mergeTree(kind, { source, sink: writer }, before, changes)) as PageRef;
  const pagePacks = [...(base?.pagePacks ?? []), ...(await writer.finish()).map(pagePackRecordOf)];
  const locks = pagePacks.map(({ lockedUntil }) => Date.parse(lockedUntil));
  return {
    counts: noCounts,
    warnings: [],
    unread: { carried: 0, missing: 0 },
    packMap: pageRefToText(packMap),
    pagePacks,
    pagePacksCounted: 0,
    lockedUntil: new Date(Math.min(packMap.summary * 1_000, ...locks)),
  };
}

const noCounts = {
  files: 0,
  filesChanged: 0,
  filesRemoved: 0,
  logicalBytes: 0,
  readBytes: 0,
  newBytes: 0,
  storedBytes: 0,
} as const;

function planOf(run: ThinRun, { leaseUntil, startedAt }: RunRow): RunPlan {
  return {
    runId: run.runId,
    pointId: run.pointId,
    resourceArn: run.resourceArn,
    resourceKind: 's3-bucket',
    plan: 'model',
    type: 'full',
    keepDays: run.keepDays,
    retentionClass: 'short',
    lockMode: 'governance',
    generationDays: modelPolicy.generationDays,
    readTags: false,
    compression: 'default',
    isolated: false,
    startedAt,
    leaseUntil,
    sourceTime: startedAt,
    settledBeforeMs: 0,
    unleasedPacks: [],
    copiedPacks: [],
    rewrittenPagePacks: [],
    leases: [],
  };
}
