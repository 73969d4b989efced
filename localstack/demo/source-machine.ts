import { CreateTagsCommand, RunInstancesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import type { VolumeBytes } from '../volume-bytes.ts';

const volumeBytes = 2 ** 30;

export interface SourceMachine {
  readonly instanceId: string;
  readonly volumeIds: readonly string[];
}

/** Starts an instance with a root and a data volume of 1 GiB each, and writes into both as its guest would. */
export async function makeMachine(ec2: EC2Client, bytes: VolumeBytes): Promise<SourceMachine> {
  const Ebs = { VolumeSize: volumeBytes / 2 ** 30, VolumeType: 'gp3' as const };
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web: = rm -rf / @ 日本' }] },
      ],
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs },
        { DeviceName: '/dev/sdf', Ebs },
      ],
    }),
  );
  const instance = Instances?.[0];
  const volumeIds = (instance?.BlockDeviceMappings ?? []).flatMap(
    ({ Ebs: volume }) => volume?.VolumeId ?? [],
  );
  if (instance?.InstanceId === undefined || volumeIds.length !== 2)
    throw new Error('the instance has not got its two volumes');
  for (const [index, volumeId] of volumeIds.entries())
    await writeVolume(bytes, volumeId, `volume ${index}, before the first backup`);
  return { instanceId: instance.InstanceId, volumeIds };
}

/** Opts in the instance and also its data volume: both together are to be backed up once. */
export async function tagMachine(
  ec2: EC2Client,
  machine: SourceMachine,
  key: string,
  value: string,
): Promise<void> {
  const Resources = [machine.instanceId, machine.volumeIds[1] as string];
  await ec2.send(new CreateTagsCommand({ Resources, Tags: [{ Key: key, Value: value }] }));
}

/** Writes a text at intervals into a volume, whose file stays sparse. */
export async function writeVolume(bytes: VolumeBytes, volumeId: string, text: string): Promise<void> {
  for (let offset = 0; offset < volumeBytes; offset += volumeBytes / 16)
    await bytes.write(volumeId, offset, `${text} at ${offset}\n`);
}

/** A volume with other bytes, or of another length, has another: a digest leaves out the zeros at the end. */
export async function hashVolume(bytes: VolumeBytes, volumeId: string): Promise<string> {
  const { sha256, length } = await bytes.digest(volumeId, 0, volumeBytes);
  return `${sha256} of ${length} bytes`;
}
