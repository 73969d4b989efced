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
  if (sizeGiB < rules.leastGiB)
    throw value(
      `Volume of ${sizeGiB}GiB is too small for volume type ${type}; minimum is ${rules.leastGiB}GiB.`,
    );
  if (sizeGiB > rules.mostGiB)
    throw value(
      `Volume of ${sizeGiB}GiB is too large for volume type ${type}; maximum is ${rules.mostGiB}GiB.`,
    );
  if (isMultiAttach === true && rules.isMultiAttach === undefined)
    throw combination(`The parameter multiAttachEnabled is not supported for ${type} volumes.`);
  if (throughputMiB !== undefined && rules.throughput === undefined)
    throw combination(`The parameter throughput is not supported for ${type} volumes.`);
  if (rules.iops === undefined) {
    if (iops !== undefined) throw combination(`The parameter iops is not supported for ${type} volumes.`);
    // EC2 shows the baseline of gp2, which nobody may ask for.
    return type === 'gp2' ? { iops: Math.min(16_000, Math.max(100, 3 * sizeGiB)) } : {};
  }
  const provisioned = checkedIops(shape, rules.iops);
  const throughput = rules.throughput && checkedThroughput(throughputMiB, provisioned, rules.throughput);
  return { iops: provisioned, throughputMiB: throughput };
}

function checkedIops(
  { type, sizeGiB, iops }: VolumeShape,
  { least, most, perGiB }: NonNullable<VolumeTypeRules['iops']>,
): number {
  if (iops === undefined && type !== 'gp3')
    throw combination(`The parameter iops must be specified for ${type} volumes.`);
  const provisioned = iops ?? least;
  if (provisioned < least) throw value(`Volume iops of ${provisioned} is too low; minimum is ${least}.`);
  if (provisioned > most) throw value(`Volume iops of ${provisioned} is too high; maximum is ${most}.`);
  // The baseline that every gp3 volume has is no ratio that somebody asked for.
  const isAskedFor = iops !== undefined && (type !== 'gp3' || iops > least);
  const ratio = provisioned / sizeGiB;
  if (isAskedFor && ratio > perGiB)
    throw value(`Iops to volume size ratio of ${ratio.toFixed(6)} is too high; maximum is ${perGiB}`);
  return provisioned;
}

function checkedThroughput(
  throughputMiB: number | undefined,
  iops: number,
  { least, most, perIops }: NonNullable<VolumeTypeRules['throughput']>,
): number {
  const throughput = throughputMiB ?? least;
  if (throughput < least || throughput > most)
    throw value(`Throughput of ${throughput} MiB/s is out of range; it must be from ${least} to ${most}.`);
  const ratio = throughput / iops;
  if (ratio > perIops)
    throw value(
      `Throughput (MiBps) to iops ratio of ${ratio.toFixed(6)} is too high; maximum is ${perIops.toFixed(6)}`,
    );
  return throughput;
}

function value(message: string): Ec2Error {
  return new Ec2Error('InvalidParameterValue', message);
}

function combination(message: string): Ec2Error {
  return new Ec2Error('InvalidParameterCombination', message);
}
