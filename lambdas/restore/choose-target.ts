import { bucketOfArn } from '@holdfast/aws';
import {
  checkBucketAllowed,
  checkZone,
  InvalidInputError,
  NotSupportedError,
  type Root,
  type TargetRules,
} from '@holdfast/engine';
import type { RestoreRequest } from '@holdfast/engine/model';
import { machineOf } from './machine-of.ts';
import { checkVolumeWishes } from './volume-shape.ts';
import type { JobTarget } from './restore-job.ts';

export interface MachineTargetRules extends TargetRules {
  /** URL of the recorded configuration of a machine, for a person who launches it anew. */
  readonly machineFile: string;
  /** Roles that may be passed to instances. */
  readonly roles: readonly string[];
  readonly tagKey: string;
}

/** Target of a restore: one that workers here write, or a directory that the caller's own process writes. */
export type ChosenTarget = JobTarget | { readonly kind: 'directory'; readonly directory: string };

/**
 * Decides where a restore writes, by what the point consists of and what the configuration allows.
 * @throws {@link InvalidInputError} the target does not fit the point, or is not allowed.
 * @throws {@link NotSupportedError} an image cannot be restored that way.
 */
export function chooseTarget(
  root: Root,
  { target, paths }: Pick<RestoreRequest, 'target' | 'paths'>,
  rules: MachineTargetRules,
): ChosenTarget {
  if (root.image !== undefined) return targetOfImage(root, root.image, { target, paths }, rules);
  const ofImages = (['volumes', 'instance', 'ami'] as const).find((name) => target[name] !== undefined);
  if (ofImages !== undefined) {
    const what = ofImages === 'volumes' ? 'no volumes can be made of it' : 'there is no machine in it';
    throw new InvalidInputError(
      `point ${root.point} holds files of a ${root.resourceKind}, so ${what}; name a bucket as target`,
    );
  }
  if (target.directory !== undefined) return { kind: 'directory', directory: target.directory };
  if (target.bucket !== undefined) return bucketOf(target, target.bucket, rules);
  if (root.resourceKind !== 's3-bucket') {
    throw new NotSupportedError(
      `${root.resource} is a ${root.resourceKind}, which cannot be written from here; restore it on its machine with ` +
        `"holdfast restore ${root.point} --to-directory <directory>", or name a bucket as target`,
    );
  }
  const bucket = bucketOfArn(root.resource);
  checkBucketAllowed(bucket, rules, 'or restore into another bucket');
  return { kind: 'bucket', bucket, prefix: '' };
}

function targetOfImage(
  root: Root,
  image: NonNullable<Root['image']>,
  { target, paths }: Pick<RestoreRequest, 'target' | 'paths'>,
  rules: MachineTargetRules,
): ChosenTarget {
  const { volumes, instance, ami, directory, bucket } = target;
  const { region, machineFile } = rules;
  const isMade = volumes !== undefined || instance !== undefined || ami !== undefined;
  if (paths !== undefined) {
    if (isMade)
      throw new InvalidInputError(
        `point ${root.point} is an image: "paths" takes files out of it, into a bucket or a directory; leave it out for ` +
          'volumes or a machine',
      );
    if (directory !== undefined) return { kind: 'directory', directory };
    if (bucket !== undefined) return bucketOf(target, bucket, rules);
  }
  // A disk image, which the caller's own process writes.
  if (directory !== undefined && root.manifest !== undefined) return { kind: 'directory', directory };
  if (!isMade) {
    const machine =
      image.machine === undefined
        ? 'then attach them to an instance'
        : `or {"instance": {}}, which launches the machine again; its recorded configuration is in ${machineFile}`;
    throw new NotSupportedError(
      `point ${root.point} is an image of ${root.resource}, which cannot be written to a bucket as a whole: name files in it ` +
        'with "paths" and a bucket, or use the target ' +
        `{"volumes": {"availabilityZone": "${image.snapshots[0]?.availabilityZone ?? 'us-east-1a'}"}}, ${machine}`,
    );
  }
  const ofSnapshots = { snapshots: image.snapshots, keys: {}, written: [], tagKey: rules.tagKey };
  if (volumes === undefined) {
    // Before anything begins: a record that cannot be read is said at once.
    machineOf(root);
    const roles = [...rules.roles];
    return ami === undefined
      ? { kind: 'instance', wishes: instance ?? {}, roles, ...ofSnapshots }
      : { kind: 'ami', name: ami.name, roles, ...ofSnapshots };
  }
  checkZone(volumes.availabilityZone, { region });
  checkVolumeWishes(image.snapshots, volumes);
  return { kind: 'volumes', ...volumes, ...ofSnapshots };
}

function bucketOf(
  { prefix = '' }: RestoreRequest['target'],
  bucket: string,
  rules: TargetRules,
): ChosenTarget {
  checkBucketAllowed(bucket, rules, 'or name an allowed bucket');
  return { kind: 'bucket', bucket, prefix };
}
