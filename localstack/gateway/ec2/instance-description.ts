import { describeInterface, interfacesOf } from './network/network-interfaces.ts';
import type { XmlStructure } from './query-protocol.ts';
import type { Ec2Context, Instance } from './region.ts';
import { tagSet } from './tags.ts';

const stateCodes = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;
type StateName = keyof typeof stateCodes;

export function instanceState({ now }: Ec2Context, instance: Instance): StateName {
  const { runsAt, failure, stopsAt, terminatesAt } = instance;
  if (terminatesAt !== undefined) return terminatesAt > now ? 'shutting-down' : 'terminated';
  if (runsAt > now) return 'pending';
  if (failure !== undefined) return 'terminated';
  if (stopsAt !== undefined) return stopsAt > now ? 'stopping' : 'stopped';
  return 'running';
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

/** The reason for the last change of state that nobody could expect. */
function stateReason(name: StateName, { failure }: Instance): XmlStructure {
  if (name === 'terminated' && failure !== undefined)
    return { stateReason: { ...failure }, reason: failure.code };
  if (name === 'stopped' || name === 'stopping') {
    const code = 'Client.UserInitiatedShutdown';
    return { stateReason: { code, message: `${code}: User initiated shutdown` }, reason: 'User initiated' };
  }
  return { reason: '' };
}

export function describeInstance(context: Ec2Context, instance: Instance): XmlStructure {
  const name = instanceState(context, instance);
  const interfaces = interfacesOf(context, instance.instanceId);
  const [primary] = interfaces;
  const privateIp = primary?.addresses[0];
  return {
    instanceId: instance.instanceId,
    imageId: instance.imageId,
    instanceState: stateOf(name),
    ...stateReason(name, instance),
    privateDnsName: privateIp === undefined ? '' : `ip-${privateIp.replaceAll('.', '-')}.ec2.internal`,
    dnsName: '',
    keyName: instance.keyName,
    amiLaunchIndex: 0,
    instanceType: instance.instanceType,
    launchTime: instance.createdAt,
    monitoring: { state: 'disabled' },
    subnetId: primary?.subnetId,
    vpcId: primary?.vpcId,
    privateIpAddress: privateIp,
    ipAddress: primary?.publicIp,
    sourceDestCheck: true,
    groupSet: (primary?.securityGroupIds ?? []).map((groupId) => ({ groupId, groupName: groupId })),
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDeviceName,
    blockDeviceMapping: blockDeviceMapping(context, instance),
    virtualizationType: 'hvm',
    tagSet: tagSet(context.region.tags.get(instance.instanceId)),
    hypervisor: 'xen',
    networkInterfaceSet: interfaces.map((one) => describeInterface(context, one)),
    iamInstanceProfile: profileOf(context, instance.instanceProfile),
    ebsOptimized: instance.ebsOptimized,
    enaSupport: true,
    platformDetails: 'Linux/UNIX',
    ...instance.options,
  };
}
