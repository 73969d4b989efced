import { Ec2Error, invalidParameter } from '../ec2-error.ts';
import { listFiltered } from '../filters.ts';
import { page } from '../paging.ts';
import { findFlag, findInteger, findText, listStructures, listTexts } from '../parameters.ts';
import type { QueryStructure, XmlStructure } from '../query-protocol.ts';
import { newResourceId, type Ec2Context, type Ec2Region } from '../region.ts';
import type { Tags } from '../tag-history.ts';
import { putTags, requestedTags, tagSet } from '../tags.ts';
import { getGroup } from './security-groups.ts';
import type { NetworkInterface, Subnet } from './network.ts';
import { getSubnet } from './subnets.ts';

/** An interface that a launch is going to make, with the addresses that it asks for. */
export interface PlannedInterface {
  readonly deviceIndex: number;
  readonly subnet: Subnet;
  readonly description: string;
  readonly securityGroupIds: readonly string[];
  readonly address?: string;
  readonly secondaryAddresses: readonly string[];
  readonly secondaryCount: number;
  readonly ipv6Addresses: readonly string[];
  readonly ipv6Count: number;
  readonly hasPublicIp: boolean;
  readonly deleteOnTermination: boolean;
}

/**
 * Reads and checks the interfaces of a launch: those that it names, or one of its subnet and groups; without a subnet,
 * the default one of its zone.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceSpecification.html
 */
export function planInterfaces(
  { region }: Ec2Context,
  input: QueryStructure,
  zone: string | undefined,
): PlannedInterface[] {
  const given = listStructures(input, 'NetworkInterface');
  if (given.length > 0) {
    for (const name of ['SubnetId', 'SecurityGroupId', 'PrivateIpAddress', 'Ipv6Address'])
      if (name in input)
        throw new Ec2Error(
          'InvalidParameterCombination',
          'Network interfaces and an instance-level network parameter may not be specified on the same request',
        );
  }
  const specifications = given.length > 0 ? given : [{ ...input, DeviceIndex: '0' }];
  const planned = specifications.map((one) => planInterface(region, one, zone, given.length > 0));
  if (planned.every(({ deviceIndex }) => deviceIndex !== 0))
    throw new Ec2Error(
      'MissingParameter',
      'The request must contain a network interface with device index 0',
    );
  if (given.length > 1 && given.some((one) => findFlag(one, 'AssociatePublicIpAddress') !== undefined))
    throw new Ec2Error(
      'InvalidParameterCombination',
      'The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.',
    );
  const zones = new Set(planned.map(({ subnet }) => subnet.availabilityZone));
  if (zones.size > 1 || (zone !== undefined && !zones.has(zone)))
    throw invalidParameter('availabilityZone', zone ?? '', 'The subnets are in another zone.');
  return planned.toSorted((a, b) => a.deviceIndex - b.deviceIndex);
}

const isPrimary = (address: QueryStructure): boolean => findFlag(address, 'Primary') === true;
const addressOf = (address: QueryStructure): string => findText(address, 'PrivateIpAddress') ?? '';

function planInterface(
  region: Ec2Region,
  one: QueryStructure,
  zone: string | undefined,
  isNamed: boolean,
): PlannedInterface {
  const subnetId = findText(one, 'SubnetId');
  const zoneName = zone ?? `${region.name}a`;
  const subnet =
    subnetId === undefined
      ? [...region.subnets.values()].find(({ availabilityZone }) => availabilityZone === zoneName)
      : getSubnet(region, subnetId);
  if (!subnet) throw invalidParameter('availabilityZone', zoneName, 'There is no such zone here.');
  const groups = listTexts(one, 'SecurityGroupId');
  for (const groupId of groups)
    if (getGroup(region, groupId).vpcId !== subnet.vpcId)
      throw new Ec2Error(
        'InvalidParameter',
        `Security group ${groupId} and subnet ${subnet.subnetId} belong to different networks.`,
      );
  const [standard] = region.securityGroups.values();
  const more = listStructures(one, 'PrivateIpAddresses');
  const address = findText(one, 'PrivateIpAddress') ?? more.filter(isPrimary).map(addressOf)[0];
  const planned: PlannedInterface = {
    deviceIndex: findInteger(one, 'DeviceIndex') ?? 0,
    subnet,
    description: (isNamed ? findText(one, 'Description') : undefined) ?? '',
    securityGroupIds: groups.length > 0 ? groups : standard ? [standard.groupId] : [],
    address,
    secondaryAddresses: more.filter((other) => !isPrimary(other)).map(addressOf),
    secondaryCount: findInteger(one, 'SecondaryPrivateIpAddressCount') ?? 0,
    ipv6Addresses: listStructures(one, 'Ipv6Addresses').map((other) => findText(other, 'Ipv6Address') ?? ''),
    ipv6Count: findInteger(one, 'Ipv6AddressCount') ?? 0,
    // A default subnet gives a public address where nobody says otherwise.
    hasPublicIp: findFlag(one, 'AssociatePublicIpAddress') ?? true,
    deleteOnTermination: findFlag(one, 'DeleteOnTermination') ?? true,
  };
  for (const wanted of [address, ...planned.secondaryAddresses, ...planned.ipv6Addresses])
    if (wanted !== undefined) assertFree(region, subnet, wanted);
  return planned;
}

/** @throws {@link Ec2Error} the address is not one of the subnet, or somebody has it. */
function assertFree(region: Ec2Region, subnet: Subnet, address: string): void {
  if (!address.includes(':') && !address.startsWith(`${subnet.prefix}.`))
    throw new Ec2Error(
      'InvalidParameterValue',
      `Address ${address} does not fall within the subnet's address range`,
    );
  if (takenAddresses(region).has(address))
    throw new Ec2Error('InvalidIPAddress.InUse', `Address ${address} is in use.`);
}

function takenAddresses(region: Ec2Region): ReadonlySet<string> {
  return new Set(
    [...region.networkInterfaces.values()].flatMap(({ addresses, ipv6Addresses }) => [
      ...addresses,
      ...ipv6Addresses,
    ]),
  );
}

export function makeInterface(
  context: Ec2Context,
  instanceId: string,
  planned: PlannedInterface,
  tags: Tags,
): NetworkInterface {
  const { region, now } = context;
  const taken = new Set([...takenAddresses(region), ...planned.secondaryAddresses]);
  const next = (): string => {
    // The first four and the last address of a subnet are reserved.
    for (let host = 4; host < 255; host += 1) {
      const address = `${planned.subnet.prefix}.${host}`;
      if (taken.has(address)) continue;
      taken.add(address);
      return address;
    }
    throw new Ec2Error('InsufficientFreeAddressesInSubnet', 'There are not enough free addresses in subnet.');
  };
  const sequence = region.nextSequence();
  const made: NetworkInterface = {
    sequence,
    interfaceId: newResourceId('eni'),
    instanceId,
    deviceIndex: planned.deviceIndex,
    subnetId: planned.subnet.subnetId,
    vpcId: planned.subnet.vpcId,
    description: planned.description,
    securityGroupIds: planned.securityGroupIds,
    addresses: [
      planned.address ?? next(),
      ...planned.secondaryAddresses,
      ...Array.from({ length: planned.secondaryCount }, next),
    ],
    ipv6Addresses: [
      ...planned.ipv6Addresses,
      ...Array.from(
        { length: planned.ipv6Count },
        (_, index) => `2600:1f00::${sequence.toString(16)}:${index}`,
      ),
    ],
    publicIp: planned.hasPublicIp ? `203.0.113.${sequence % 256}` : undefined,
    deleteOnTermination: planned.deleteOnTermination,
    attachedAt: now,
  };
  putTags(context, made.interfaceId, tags);
  region.networkInterfaces.set(made.interfaceId, made);
  return made;
}

export function interfaceTags(input: QueryStructure): Tags {
  return requestedTags(input, 'network-interface');
}

export function interfacesOf({ region }: Ec2Context, instanceId: string): NetworkInterface[] {
  return [...region.networkInterfaces.values()].filter((one) => one.instanceId === instanceId);
}

function addressItems(one: NetworkInterface): XmlStructure[] {
  return one.addresses.map((privateIpAddress, index) => ({ privateIpAddress, primary: index === 0 }));
}

/** The interface as it is described with its instance, or by itself. */
export function describeInterface(context: Ec2Context, one: NetworkInterface): XmlStructure {
  const association =
    one.publicIp === undefined ? undefined : { publicIp: one.publicIp, ipOwnerId: 'amazon' };
  return {
    networkInterfaceId: one.interfaceId,
    subnetId: one.subnetId,
    vpcId: one.vpcId,
    description: one.description,
    ownerId: context.region.accountId,
    status: 'in-use',
    privateIpAddress: one.addresses[0],
    sourceDestCheck: true,
    groupSet: one.securityGroupIds.map((groupId) => ({
      groupId,
      groupName: context.region.securityGroups.get(groupId)?.groupName ?? groupId,
    })),
    attachment: {
      deviceIndex: one.deviceIndex,
      status: 'attached',
      attachTime: one.attachedAt,
      deleteOnTermination: one.deleteOnTermination,
      networkCardIndex: 0,
    },
    association,
    privateIpAddressesSet: addressItems(one),
    ipv6AddressesSet: one.ipv6Addresses.map((ipv6Address) => ({ ipv6Address })),
    interfaceType: 'interface',
  };
}

export function describeNetworkInterfaces(context: Ec2Context, input: QueryStructure): XmlStructure {
  const { region } = context;
  const ids = listTexts(input, 'NetworkInterfaceId');
  for (const id of ids)
    if (!region.networkInterfaces.has(id))
      throw new Ec2Error(
        'InvalidNetworkInterfaceID.NotFound',
        `The networkInterface ID '${id}' does not exist`,
      );
  const named = [...region.networkInterfaces.values()].filter(
    ({ interfaceId }) => ids.length === 0 || ids.includes(interfaceId),
  );
  const found = listFiltered(named, input, (one) => ({
    tags: region.tags.get(one.interfaceId),
    attributes: {
      'network-interface-id': [one.interfaceId],
      'attachment.instance-id': [one.instanceId],
      'subnet-id': [one.subnetId],
      'vpc-id': [one.vpcId],
      'group-id': one.securityGroupIds,
      'private-ip-address': [one.addresses[0]],
      'addresses.private-ip-address': one.addresses,
      'ipv6-addresses.ipv6-address': one.ipv6Addresses,
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  const networkInterfaceSet = items.map((one) => {
    const { attachment, ...described } = describeInterface(context, one);
    return {
      ...described,
      attachment: { ...(attachment as XmlStructure), instanceId: one.instanceId },
      tagSet: tagSet(region.tags.get(one.interfaceId)),
    };
  });
  return { networkInterfaceSet, nextToken };
}
