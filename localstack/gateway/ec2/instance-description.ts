import type { XmlStructure } from './query-protocol.ts';
import type { Ec2Context, Instance } from './region.ts';
import { tagSet } from './tags.ts';

const stateCodes = { pending: 0, running: 16 } as const;
type StateName = keyof typeof stateCodes;

export function instanceState(context: Ec2Context, instance: Instance): StateName {
  return instance.runsAt > context.now ? 'pending' : 'running';
}

export function stateOf(name: StateName): XmlStructure {
  return { code: stateCodes[name], name };
}

function blockDeviceMapping(context: Ec2Context, instance: Instance): XmlStructure[] {
  return [...context.region.volumes.values()].flatMap(({ volumeId, attachment }) =>
    attachment?.instanceId === instance.instanceId
      ? [
          {
            deviceName: attachment.device,
            ebs: {
              volumeId,
              status: 'attached',
              attachTime: attachment.attachedAt,
              deleteOnTermination: attachment.deleteOnTermination,
            },
          },
        ]
      : [],
  );
}

function profileOf(context: Ec2Context, profile: string | undefined): XmlStructure | undefined {
  if (profile === undefined) return undefined;
  const arn = profile.startsWith('arn:')
    ? profile
    : `arn:aws:iam::${context.region.accountId}:instance-profile/${profile}`;
  return { arn, id: 'AIPA0000000000000000' };
}

export function describeInstance(context: Ec2Context, instance: Instance): XmlStructure {
  return {
    instanceId: instance.instanceId,
    imageId: instance.imageId,
    instanceState: stateOf(instanceState(context, instance)),
    privateDnsName: `ip-${instance.privateIp.replaceAll('.', '-')}.ec2.internal`,
    dnsName: '',
    keyName: instance.keyName,
    amiLaunchIndex: 0,
    instanceType: instance.instanceType,
    launchTime: instance.createdAt,
    placement: { availabilityZone: instance.availabilityZone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    subnetId: instance.subnetId,
    privateIpAddress: instance.privateIp,
    sourceDestCheck: true,
    groupSet: instance.securityGroupIds.map((groupId) => ({ groupId, groupName: groupId })),
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDeviceName,
    blockDeviceMapping: blockDeviceMapping(context, instance),
    virtualizationType: 'hvm',
    tagSet: tagSet(context.region.tags.get(instance.instanceId)),
    hypervisor: 'xen',
    networkInterfaceSet: [],
    iamInstanceProfile: profileOf(context, instance.instanceProfile),
    ebsOptimized: instance.ebsOptimized,
    enaSupport: true,
    metadataOptions: {
      state: 'applied',
      httpTokens: 'required',
      httpPutResponseHopLimit: 2,
      httpEndpoint: 'enabled',
    },
  };
}
