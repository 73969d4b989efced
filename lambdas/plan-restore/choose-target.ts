import { bucketOfArn } from '@holdfast/aws';
import { InvalidInputError, NotSupportedError, type Root } from '@holdfast/engine';
import { checkVolumeWishes } from '../restore-volumes/volume-shape.ts';
import type { RestoreInput } from './restore-input.ts';
import type { RestoreTarget } from './restore-job.ts';

/** What a deployment allows. */
export interface TargetRules {
  /** Buckets that restores may write to. */
  readonly buckets: readonly string[];
  /** Buckets of the deployment itself, which nothing is ever restored into. */
  readonly ownBuckets: readonly string[];
  /** The region of this deployment, where volumes are made. @default not checked */
  readonly region?: string | undefined;
  /** Where the configuration of a machine was put down, for a person who launches it anew. */
  readonly machineFile: string;
}

/** Where a restore goes: what workers here write, or a directory that the caller's own process writes. */
export type ChosenTarget = RestoreTarget | { readonly kind: 'directory'; readonly directory: string };

/**
 * Decides where a restore writes, by what the point consists of and what the configuration allows.
 * @throws {@link InvalidInputError} the target does not fit the point, or is not allowed.
 * @throws {@link NotSupportedError} an image cannot be restored that way.
 */
export function chooseTarget(
  root: Root,
  { target, paths }: Pick<RestoreInput, 'target' | 'paths'>,
  rules: TargetRules,
): ChosenTarget {
  if (root.image !== undefined) return volumesOf(root, root.image, { target, paths }, rules);
  if (target.volumes !== undefined) {
    throw new InvalidInputError(
      `point ${root.point} holds files of a ${root.resourceKind}, so no volumes can be made of it; name a bucket as target`,
    );
  }
  if (target.directory !== undefined) return { kind: 'directory', directory: target.directory };
  if (target.bucket !== undefined) {
    checkAllowed(target.bucket, rules, 'or name an allowed bucket');
    return { kind: 'bucket', bucket: target.bucket, prefix: target.prefix ?? '' };
  }
  if (root.resourceKind !== 's3-bucket') {
    throw new NotSupportedError(
      `${root.resource} is a ${root.resourceKind}, which cannot be written from here; restore it on its machine with ` +
        `"holdfast restore ${root.point} --to-directory <directory>", or name a bucket as target`,
    );
  }
  const bucket = bucketOfArn(root.resource);
  checkAllowed(bucket, rules, 'or restore into another bucket');
  return { kind: 'bucket', bucket, prefix: '' };
}

function volumesOf(
  root: Root,
  image: NonNullable<Root['image']>,
  { target, paths }: Pick<RestoreInput, 'target' | 'paths'>,
  { region, machineFile }: TargetRules,
): RestoreTarget {
  const { volumes } = target;
  if (volumes === undefined) {
    const launch =
      image.machine === undefined
        ? 'attach them to an instance'
        : `launch an instance with them: the recorded configuration of the machine is in ${machineFile}`;
    throw new NotSupportedError(
      `point ${root.point} is an image of ${root.resource}, of which volumes are made and nothing else; ` +
        `use the target {"volumes": {"availabilityZone": "${image.snapshots[0]?.availabilityZone ?? 'us-east-1a'}"}}, then ${launch}`,
    );
  }
  if (paths !== undefined) {
    throw new NotSupportedError(
      `point ${root.point} is an image, out of which single files ("paths") cannot be taken; restore its volumes`,
    );
  }
  if (region !== undefined && !volumes.availabilityZone.startsWith(region)) {
    throw new InvalidInputError(
      `zone ${volumes.availabilityZone} is not in ${region}, where the snapshots are; name a zone of ${region}`,
    );
  }
  checkVolumeWishes(image.snapshots, volumes);
  return { kind: 'volumes', ...volumes, snapshots: image.snapshots, keys: {} };
}

function checkAllowed(bucket: string, { buckets, ownBuckets }: TargetRules, otherwise: string): void {
  if (ownBuckets.includes(bucket)) {
    throw new InvalidInputError(`bucket ${bucket} belongs to Holdfast itself; restore into another`);
  }
  if (buckets.includes(bucket)) return;
  throw new InvalidInputError(
    `bucket ${bucket} is not allowed as a restore target; add it to restoreTargets.buckets in lib/plans.ts and deploy, ` +
      `${otherwise}; allowed are: ${buckets.join(', ') || 'none'}`,
  );
}
