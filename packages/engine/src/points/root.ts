import * as z from 'zod';
import type { PackId, PointId, ResourceArn, RunId, VaultId } from '../ids.ts';
import { BackupType } from '../model/backup-type.ts';
import { ResourceKind } from '../model/resource-kind.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { unreadOf } from './unread.ts';
import { PointWarning, UnreadCounts } from './unread-facts.ts';
import { PageRefText } from './page-ref-text.ts';

const hex32 = z.string().regex(/^[0-9a-f]{32}$/);
const pointId = z.string().regex(/^\d{8}T\d{6}Z-[0-9a-f]{16}$/);
const count = z.int().nonnegative();
const time = z.iso.datetime();

/** Most warnings that a root spells out; the rest is counted. */
export const warningsInRoot = 1_000;

/** A pack of manifest pages (or a container that holds them) that a point needs. */
export const PagePackRecord = z.object({
  pack: hex32.transform((text) => text as PackId),
  kind: z.enum(['pages', 'container']),
  version: z.string(),
  /** The store's lock date when it was last confirmed. */
  lockedUntil: time,
});
export type PagePackRecord = z.infer<typeof PagePackRecord>;

export const VolumeSnapshot = z.object({
  volume: z.string(),
  snapshot: z.string(),
  device: z.string().optional(),
  sizeGiB: count,
  volumeType: z.string(),
  iops: count.optional(),
  throughput: count.optional(),
  encrypted: z.boolean(),
  availabilityZone: z.string(),
  tags: z.record(z.string(), z.string()),
});
export type VolumeSnapshot = z.infer<typeof VolumeSnapshot>;

/** Content of an image point: snapshots of one moment, and the machine that they were taken of. */
export const ImageRecord = z.object({
  snapshots: z.array(VolumeSnapshot),
  /** The instance's configuration as EC2 describes it; absent for a single volume. */
  machine: z.record(z.string(), z.unknown()).optional(),
});
export type ImageRecord = z.infer<typeof ImageRecord>;

/** The commit record of a recovery point (docs/format.md, section 9). Times are ISO 8601, UTC. */
export const Root = z.strictObject({
  formatVersion: z.literal(1),
  tool: z.string(),
  vault: hex32.transform((text) => text as VaultId),
  point: pointId.transform((text) => text as PointId),
  resource: z.string().transform((text) => text as ResourceArn),
  resourceKind: ResourceKind,
  plan: z.string(),
  type: BackupType,
  base: pointId.transform((text) => text as PointId).optional(),
  chain: pointId.transform((text) => text as PointId),
  run: hex32.transform((text) => text as RunId),
  sourceTime: time,
  committedAt: time,
  expiresAt: time,
  retentionClass: z.string(),
  counts: z.object({
    files: count,
    filesChanged: count,
    filesRemoved: count,
    logicalBytes: count,
    readBytes: count,
    newBytes: count,
    storedBytes: count,
  }),
  warnings: count,
  warningList: z.array(PointWarning).max(warningsInRoot),
  /** Absent in older roots; see {@link unreadOf}. */
  unread: UnreadCounts.optional(),
  seconds: z.number().nonnegative(),
  /** Absent for a source without entries, and for an image of snapshots alone. */
  manifest: PageRefText.optional(),
  /** Absent where no pack of chunks is needed. */
  packMap: PageRefText.optional(),
  /** Every pack that holds a page of either map. */
  pagePacks: z.array(PagePackRecord),
  /** Number of page packs when they were last counted exactly; see `choosePagePacks`. */
  pagePacksCounted: count,
  /** The container that holds everything, for a single-file point. */
  container: z
    .object({
      pack: hex32.transform((text) => text as PackId),
      bytes: count,
      /** The store's name of the class that it was written into. Absent for the standard class. */
      storageClass: z.string().optional(),
    })
    .optional(),
  image: ImageRecord.optional(),
  /** The resource's previous root: a chain that shows a removed or replaced point. */
  previous: z
    .object({
      point: pointId,
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Before this time expiry cannot have removed the previous root. */
      expiresAt: time.optional(),
    })
    .optional(),
  /** Options of the run that left something out, so that a reader knows. */
  options: z.object({ readTags: z.boolean() }),
});
export type Root = z.infer<typeof Root>;

export function pointRowOf(
  root: Root,
  stored: { readonly name: string; readonly versionId: string },
): PointRow {
  return {
    pointId: root.point,
    resourceArn: root.resource,
    resourceKind: root.resourceKind,
    plan: root.plan,
    type: root.type,
    basePointId: root.base,
    chainPointId: root.chain,
    runId: root.run,
    sourceTime: new Date(root.sourceTime),
    committedAt: new Date(root.committedAt),
    expiresAt: new Date(root.expiresAt),
    retentionClass: root.retentionClass,
    archiveClass: root.container?.storageClass,
    hasBlocks: root.image === undefined || root.manifest === undefined ? undefined : true,
    counts: root.counts,
    warnings: root.warnings,
    unread: unreadOf(root),
    seconds: root.seconds,
    rootName: stored.name,
    rootVersionId: stored.versionId,
  };
}
