import * as z from 'zod';

/**
 * Delays and faults of the EC2 model; all off unless a test or the demo asks.
 * Change them on a running gateway with `PUT /_gateway/ec2/settings`.
 */
export const Ec2Settings = z.strictObject({
  /**
   * Milliseconds for which a snapshot is `pending`, its progress rising. A smaller value completes pending ones sooner.
   */
  snapshotMs: z.number().min(0).default(0),
  /** Milliseconds for which a volume is `creating`. */
  volumeMs: z.number().min(0).default(0),
  /** Milliseconds for which an instance is `pending` or `stopping`, and an image `pending`. */
  instanceMs: z.number().min(0).default(0),
  /** Milliseconds until Describe calls see a new resource, as EC2 is eventually consistent. */
  readLagMs: z.number().min(0).default(0),
  /** Milliseconds until GetResources sees a change of tags. */
  tagIndexLagMs: z.number().min(0).default(0),
  /** Least milliseconds between two snapshots of one volume; 0 turns the check off, AWS has 15,000. */
  snapshotIntervalMs: z.number().min(0).default(0),
  /** Snapshots of these volumes end in `error`; `*` and `?` match. One of them in a CreateSnapshots fails all of it. */
  failSnapshotsOf: z.array(z.string()).default([]),
  /** Snapshots that may be pending at once; 0 turns the check off, AWS has 100. */
  pendingSnapshots: z.int().min(0).default(0),
  /** Volumes made of these snapshots end in `error`; `*` and `?` match. */
  failVolumesOf: z.array(z.string()).default([]),
  /**
   * Volumes made of these snapshots, or encrypted with these keys, are gone once they are no longer `creating`: EC2
   * checks the key only after it has answered, and silently removes a volume that it may not encrypt. `*` and `?`
   * match.
   */
  loseVolumesOf: z.array(z.string()).default([]),
  /** RunInstances has no capacity for these types; `*` and `?` match, here and below. DryRun does not say so. */
  noCapacityFor: z.array(z.string()).default([]),
  /** Types that no zone offers. */
  typesNotOffered: z.array(z.string()).default([]),
  /** Images of others that do not exist any more. */
  missingImages: z.array(z.string()).default([]),
  /** Names of instance profiles that do not exist. */
  missingProfiles: z.array(z.string()).default([]),
  /** Names of instance profiles whose role the caller may not pass. */
  unpassableProfiles: z.array(z.string()).default([]),
});
export type Ec2Settings = z.infer<typeof Ec2Settings>;
