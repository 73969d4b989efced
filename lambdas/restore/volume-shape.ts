import { InvalidInputError, type VolumeSnapshot } from '@holdfast/engine';
import { provisionedBy, type VolumeWishes } from '@holdfast/engine/model';

/** Types that have IOPS of their own; io1 and io2 cannot be made without. */
const withIops: ReadonlySet<string> = new Set(provisionedBy.iops);
const needIops: ReadonlySet<string> = new Set(['io1', 'io2']);
const withThroughput: ReadonlySet<string> = new Set(provisionedBy.throughput);

export interface VolumeShape {
  readonly type: string;
  readonly iops?: number;
  readonly throughput?: number;
}

/**
 * Type and performance of a new volume: what is wished, or else what the original had where the new type takes it. Their
 * ranges are left to EC2, which widens them from time to time and says what is wrong.
 * @throws {@link InvalidInputError} the type needs IOPS, and neither the request nor the original has any.
 */
export function volumeShape(
  original: VolumeSnapshot,
  wishes: Omit<VolumeWishes, 'availabilityZone'>,
): VolumeShape {
  const type = wishes.type ?? original.volumeType;
  // EC2 tells IOPS of a gp2 volume as well, which nobody may ask for: a number that was set has to come from a type that takes it.
  const iops = wishes.iops ?? (withIops.has(original.volumeType) ? original.iops : undefined);
  const throughput =
    wishes.throughput ?? (withThroughput.has(original.volumeType) ? original.throughput : undefined);
  if (needIops.has(type) && iops === undefined) {
    throw new InvalidInputError(
      `a volume of type ${type} needs its IOPS, and volume ${original.volume}, of type ${original.volumeType}, has none ` +
        'of its own; add "iops" to target.volumes (--iops on the command line), or name another type',
    );
  }
  return {
    type,
    iops: withIops.has(type) ? iops : undefined,
    throughput: withThroughput.has(type) ? throughput : undefined,
  };
}

/**
 * Checks that volumes can be made as somebody wishes, before the first is ordered.
 * @throws {@link InvalidInputError} a type needs IOPS; or no volume takes what was wished for.
 */
export function checkVolumeWishes(
  originals: readonly VolumeSnapshot[],
  wishes: Omit<VolumeWishes, 'availabilityZone'>,
): void {
  const shapes = originals.map((original) => volumeShape(original, wishes));
  const types = [...new Set(shapes.map(({ type }) => type))].join(', ');
  for (const [name, takers] of [
    ['iops', withIops],
    ['throughput', withThroughput],
  ] as const) {
    if (wishes[name] === undefined || shapes.some(({ type }) => takers.has(type))) continue;
    throw new InvalidInputError(
      `"${name}" ${wishes[name]} means nothing for volumes of type ${types}; leave it out, or name a type that has it: ` +
        [...takers].join(', '),
    );
  }
}
