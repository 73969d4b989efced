import { Ec2Error, invalidParameter } from './ec2-error.ts';

interface VolumeTypeRules {
  readonly leastGiB: number;
  readonly mostGiB: number;
  /** Absent for types without provisioned IOPS. */
  readonly iops?: { readonly least: number; readonly most: number; readonly perGiB: number };
  /** MiB a second; for gp3 alone. */
  readonly throughput?: { readonly least: number; readonly most: number; readonly perIops: number };
  readonly isMultiAttach?: true;
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html and the guide's ebs-volume-types */
const rulesByType: Readonly<Record<string, VolumeTypeRules>> = {
  gp2: { leastGiB: 1, mostGiB: 16_384 },
  gp3: {
    leastGiB: 1,
    mostGiB: 65_536,
    iops: { least: 3_000, most: 80_000, perGiB: 500 },
    throughput: { least: 125, most: 2_000, perIops: 0.25 },
  },
  io1: {
    leastGiB: 4,
    mostGiB: 16_384,
    iops: { least: 100, most: 64_000, perGiB: 50 },
    isMultiAttach: true,
  },
  io2: {
    leastGiB: 4,
    mostGiB: 65_536,
    iops: { least: 100, most: 256_000, perGiB: 1_000 },
    isMultiAttach: true,
  },
  st1: { leastGiB: 125, mostGiB: 16_384 },
  sc1: { leastGiB: 125, mostGiB: 16_384 },
  standard: { leastGiB: 1, mostGiB: 1_024 },
};

export interface VolumeShape {
  readonly type: string;
  readonly sizeGiB: number;
  readonly iops?: number;
  readonly throughputMiB?: number;
  readonly isMultiAttach?: boolean;
}

/** Performance that was asked for, or that the type gives by itself. */
export interface VolumePerformance {
  readonly iops?: number;
  readonly throughputMiB?: number;
}

/**
 * Checks a volume against the rules of its type, as EC2 does.
 * @throws {@link Ec2Error} with EC2's own code.
 */
export function checkedPerformance(shape: VolumeShape): VolumePerformance {
  const { type, sizeGiB, iops, throughputMiB, isMultiAttach } = shape;
  const rules = rulesByType[type];
  if (rules === undefined) throw invalidParameter('volumeType', type, 'Unknown volume type.');
  if (sizeGiB < rules.leastGiB || sizeGiB > rules.mostGiB) {
    const [how, limit] =
      sizeGiB < rules.leastGiB
        ? ['small', `minimum is ${rules.leastGiB}`]
        : ['large', `maximum is ${rules.mostGiB}`];
    throw new Ec2Error(
      'InvalidParameterValue',
      `Volume of ${sizeGiB}GiB is too ${how} for volume type ${type}; ${limit}GiB.`,
    );
  }
  if (isMultiAttach === true && rules.isMultiAttach === undefined)
    throw combination(`The parameter multiAttachEnabled is not supported for ${type} volumes.`);
  if (throughputMiB !== undefined && rules.throughput === undefined)
    throw combination(`The parameter throughput is not supported for ${type} volumes.`);
  if (rules.iops === undefined) {
    if (iops !== undefined) throw combination(`The parameter iops is not supported for ${type} volumes.`);
    // EC2 shows the baseline of gp2, which nobody may ask for.
    return type === 'gp2' ? { iops: Math.min(16_000, Math.max(100, 3 * sizeGiB)) } : {};
  }
  if (iops === undefined && type !== 'gp3')
    throw combination(`The parameter iops must be specified for ${type} volumes.`);
  const provisioned = iops ?? rules.iops.least;
  if (provisioned < rules.iops.least || provisioned > rules.iops.most) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Volume iops of ${provisioned} is too ${provisioned < rules.iops.least ? 'low' : 'high'}; ` +
        (provisioned < rules.iops.least
          ? `minimum is ${rules.iops.least}.`
          : `maximum is ${rules.iops.most}.`),
    );
  }
  // The baseline that every gp3 volume has is no ratio that somebody asked for.
  if (
    iops !== undefined &&
    (type !== 'gp3' || iops > rules.iops.least) &&
    iops / sizeGiB > rules.iops.perGiB
  ) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Iops to volume size ratio of ${(iops / sizeGiB).toFixed(6)} is too high; maximum is ${rules.iops.perGiB}`,
    );
  }
  if (rules.throughput === undefined) return { iops: provisioned };
  const { least, most, perIops } = rules.throughput;
  const throughput = throughputMiB ?? least;
  if (throughput < least || throughput > most) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Throughput of ${throughput} MiB/s is out of range; it must be from ${least} to ${most}.`,
    );
  }
  if (throughput / provisioned > perIops) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Throughput (MiBps) to iops ratio of ${(throughput / provisioned).toFixed(6)} is too high; maximum is ${perIops.toFixed(6)}`,
    );
  }
  return { iops: provisioned, throughputMiB: throughput };
}

function combination(message: string): Ec2Error {
  return new Ec2Error('InvalidParameterCombination', message);
}
