import * as z from 'zod';

/**
 * The place of the blocks of images: `vault`, where they outlive the account's snapshots, or `none`: a point is a record
 * of snapshots, which are kept for as long as the point.
 */
export const ImageBlocks = z.enum(['vault', 'none']);

/**
 * The treatment of the snapshot that the next run could list changes against: `keep` it at its price, `re-read` all
 * blocks instead, or the `cheapest` of the two for each image.
 */
export const BaseSnapshot = z.enum(['cheapest', 'keep', 're-read']);
export type BaseSnapshot = z.infer<typeof BaseSnapshot>;

/** A plan's choices about images, as a run takes them when it is opened. */
export const ImageSettings = z.object({
  blocks: ImageBlocks,
  baseSnapshot: BaseSnapshot,
  /** Days for which snapshots are kept beside the blocks, to restore from without reading the vault. */
  keepSnapshotsDays: z.int().nonnegative(),
  /** Locks snapshots, in the mode of the vault's locks, for as long as they are to be kept. */
  lockSnapshots: z.boolean(),
});
export type ImageSettings = z.infer<typeof ImageSettings>;

/** The settings of a plan that says nothing. */
export const defaultImageSettings: ImageSettings = {
  blocks: 'vault',
  baseSnapshot: 'cheapest',
  keepSnapshotsDays: 0,
  lockSnapshots: false,
};

/** Days for which EC2 locks a snapshot at most. */
export const longestSnapshotLockDays = 36_500;
