import { CreateVolumeCommand, type EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';

type Tags = Readonly<Record<string, string>>;

/** Starts an instance with a root volume and one data volume of 1 GiB; returns its id. */
export async function startMachine(ec2: EC2Client, tags: Tags = {}, volumeTags: Tags = {}): Promise<string> {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 't4g.small',
      MinCount: 1,
      MaxCount: 1,
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1, VolumeType: 'gp3', DeleteOnTermination: true } },
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 2, VolumeType: 'gp3', DeleteOnTermination: false } },
      ],
      TagSpecifications: [
        { ResourceType: 'instance', Tags: tagList({ Name: 'test', ...tags }) },
        { ResourceType: 'volume', Tags: tagList({ Name: 'test', ...volumeTags }) },
      ],
    }),
  );
  return Instances?.[0]?.InstanceId ?? '';
}

/** Makes a volume of 1 GiB that is attached to nothing; returns its id. */
export async function makeVolume(ec2: EC2Client, tags: Tags = {}): Promise<string> {
  const { VolumeId } = await ec2.send(
    new CreateVolumeCommand({
      AvailabilityZone: 'us-east-1a',
      Size: 1,
      VolumeType: 'gp3',
      TagSpecifications: [{ ResourceType: 'volume', Tags: tagList({ Name: 'test', ...tags }) }],
    }),
  );
  return VolumeId ?? '';
}

function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
