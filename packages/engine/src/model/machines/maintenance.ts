import * as z from 'zod';

const count = z.int().nonnegative();

/** The output of the maintenance state machine, which takes nothing. */
export const MaintenanceReport = z.object({
  roots: count,
  pointsRecovered: count,
  pointsMissing: count,
  pointsRenewed: count,
  packsRenewed: count,
  /** Legal holds in force. */
  holds: count,
  containersStarted: count,
  /** Points that have to become containers on another day. */
  pointsToConsolidate: count,
  /** Points that should become containers, and are too large for one: they stay as they are, and are prolonged. */
  pointsTooLarge: count,
  pointsWithoutPlan: count,
  pointsTooLate: count,
  packsLost: count,
  pointsExpired: count,
  /** Points that are due and stay for now: somebody has made an AMI of their snapshots. */
  pointsInUse: count,
  snapshotsRemoved: count,
  /** Snapshots of failed runs that stay for the same reason. */
  snapshotsInUse: count,
  /** Points of images that have lost snapshots. */
  pointsWithoutSnapshots: count,
  packsSwept: count,
  bytesSwept: count,
  packsVerified: count,
  bytesVerified: count,
  /** Containers too large for the daily sample, or frozen. */
  packsPassedOver: count,
  packsDamaged: count,
  /** Points that should be kept for longer and cannot be, because their pages are damaged. */
  pointsUnreadable: count,
  failures: count,
});
export type MaintenanceReport = Readonly<z.infer<typeof MaintenanceReport>>;
