import { Ec2Error, invalidParameter } from '../ec2-error.ts';
import { listFiltered } from '../filters.ts';
import { page } from '../paging.ts';
import { findText, getText, listStructures, listTexts } from '../parameters.ts';
import type { QueryStructure, XmlStructure } from '../query-protocol.ts';
import { newResourceId, type Ec2Context, type Ec2Region } from '../region.ts';
import { putTags, requestedTags, tagSet } from '../tags.ts';
import { everything, idOf, type Rule, type SecurityGroup } from './network.ts';

/** @throws {@link Ec2Error} `InvalidGroup.NotFound` */
export function getGroup({ securityGroups }: Ec2Region, groupId: string): SecurityGroup {
  const group = securityGroups.get(groupId);
  if (group) return group;
  throw new Ec2Error('InvalidGroup.NotFound', `The security group '${groupId}' does not exist`);
}

export function createSecurityGroup(context: Ec2Context, input: QueryStructure): XmlStructure {
  const { region } = context;
  const vpcId = findText(input, 'VpcId') ?? idOf('vpc', region.accountId, region.name);
  const groupName = getText(input, 'GroupName');
  if (![...region.subnets.values()].some((subnet) => subnet.vpcId === vpcId))
    throw new Ec2Error('InvalidVpcID.NotFound', `The vpc ID '${vpcId}' does not exist`);
  for (const other of region.securityGroups.values())
    if (other.vpcId === vpcId && other.groupName === groupName)
      throw new Ec2Error(
        'InvalidGroup.Duplicate',
        `The security group '${groupName}' already exists for VPC '${vpcId}'`,
      );
  const group: SecurityGroup = {
    sequence: region.nextSequence(),
    groupId: newResourceId('sg'),
    groupName,
    description: getText(input, 'GroupDescription'),
    vpcId,
    ingress: [],
    egress: [everything],
  };
  putTags(context, group.groupId, requestedTags(input, 'security-group'));
  region.securityGroups.set(group.groupId, group);
  return { return: true, groupId: group.groupId };
}

/** Refuses a group that an interface has, as EC2 does. */
export function deleteSecurityGroup({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const { groupId } = getGroup(region, getText(input, 'GroupId'));
  for (const one of region.networkInterfaces.values())
    if (one.securityGroupIds.includes(groupId))
      throw new Ec2Error('DependencyViolation', `resource ${groupId} has a dependent object`);
  region.securityGroups.delete(groupId);
  return { return: true };
}

export function authorizeIngress({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  getGroup(region, getText(input, 'GroupId')).ingress.push(...rulesIn(input));
  return { return: true };
}

export function revokeEgress({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const group = getGroup(region, getText(input, 'GroupId'));
  const revoked = rulesIn(input).map((rule) => JSON.stringify(rule));
  const left = group.egress.filter((rule) => !revoked.includes(JSON.stringify(rule)));
  if (left.length === group.egress.length)
    throw new Ec2Error(
      'InvalidPermission.NotFound',
      'The specified rule does not exist in this security group.',
    );
  group.egress = left;
  return { return: true };
}

function rulesIn(input: QueryStructure): Rule[] {
  const rules = listStructures(input, 'IpPermissions').map((rule) => ({
    protocol: getText(rule, 'IpProtocol'),
    fromPort: findText(rule, 'FromPort'),
    toPort: findText(rule, 'ToPort'),
    cidrs: listStructures(rule, 'IpRanges').map((range) => getText(range, 'CidrIp')),
  }));
  if (rules.length === 0) throw invalidParameter('IpPermissions', '', 'Give at least one rule.');
  return rules;
}

export function describeSecurityGroups({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'GroupId');
  for (const id of ids) getGroup(region, id);
  const named = [...region.securityGroups.values()].filter(
    ({ groupId }) => ids.length === 0 || ids.includes(groupId),
  );
  const found = listFiltered(named, input, (group) => ({
    tags: region.tags.get(group.groupId),
    attributes: {
      'group-id': [group.groupId],
      'group-name': [group.groupName],
      'vpc-id': [group.vpcId],
      description: [group.description],
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  const securityGroupInfo = items.map((group) => ({
    ownerId: region.accountId,
    groupId: group.groupId,
    groupName: group.groupName,
    groupDescription: group.description,
    vpcId: group.vpcId,
    ipPermissions: group.ingress.map(describeRule),
    ipPermissionsEgress: group.egress.map(describeRule),
    tagSet: tagSet(region.tags.get(group.groupId)),
  }));
  return { securityGroupInfo, nextToken };
}

function describeRule({ protocol, fromPort, toPort, cidrs }: Rule): XmlStructure {
  return {
    ipProtocol: protocol,
    fromPort,
    toPort,
    groups: [],
    ipRanges: cidrs.map((cidrIp) => ({ cidrIp })),
    prefixListIds: [],
  };
}
