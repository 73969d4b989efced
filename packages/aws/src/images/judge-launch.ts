import type { InstanceWishes, LaunchCheck } from '@holdfast/engine/model';
import type { MachineConfiguration } from './ec2-machine.ts';
import { interfacesToMake, profileNameOf, recordedInterfaces } from './launch-requests.ts';

/** EC2's answers about all that a launch names. A name that is absent from its map does not exist. */
export interface LaunchFacts {
  readonly subnets: ReadonlyMap<string, { readonly vpcId: string; readonly availabilityZone: string }>;
  /** `rules`: of both directions together. */
  readonly groups: ReadonlyMap<string, { readonly vpcId: string; readonly rules: number }>;
  /** Groups of the subnet's VPC without any rule. */
  readonly groupsWithoutRules: readonly string[];
  readonly keyExists: boolean;
  /** Address → the interface or instance that has it. */
  readonly takenAddresses: ReadonlyMap<string, string>;
  readonly isTypeOffered: boolean;
}

/**
 * Says before anything is made what stands in the way of a launch, and what of the machine will not be as it was.
 * @param roles - that may be passed to instances.
 */
export function judgeLaunch(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
  facts: LaunchFacts,
  roles: readonly string[],
): Pick<LaunchCheck, 'problems' | 'differences'> {
  return {
    problems: [
      ...subnetProblems(machine, wishes, facts),
      ...groupProblems(machine, wishes, facts),
      ...addressProblems(facts),
      ...typeProblems(machine, wishes, facts),
      ...accessProblems(machine, wishes, facts, roles),
    ],
    differences: [...networkDifferences(machine, wishes), ...otherDifferences(machine, wishes)],
  };
}

function* subnetProblems(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
  { subnets }: LaunchFacts,
): Iterable<string> {
  const interfaces = interfacesToMake(machine, wishes);
  if (interfaces.length === 0) yield 'the record of the machine names no subnet; name one: subnet (--subnet)';
  for (const id of new Set(interfaces.map(({ subnetId }) => subnetId)))
    if (!subnets.has(id)) yield `subnet ${id} does not exist any more; name another: subnet (--subnet)`;
  if (wishes.subnet !== undefined && wishes.privateAddress === 'keep')
    yield 'private addresses can be kept in the machine’s own subnet only; leave out either the subnet or privateAddress (--keep-address)';
}

function* groupProblems(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
  { subnets, groups, groupsWithoutRules }: LaunchFacts,
): Iterable<string> {
  const remedy = 'name others: securityGroups (--security-group)';
  for (const { subnetId, securityGroupIds } of interfacesToMake(machine, wishes)) {
    const vpcId = subnets.get(subnetId)?.vpcId;
    for (const id of securityGroupIds) {
      const group = groups.get(id);
      if (group === undefined) yield `security group ${id} does not exist any more; ${remedy}`;
      else if (vpcId !== undefined && group.vpcId !== vpcId)
        yield `security group ${id} is of ${group.vpcId}, and subnet ${subnetId} of ${vpcId}; ${remedy}`;
    }
  }
  if (wishes.network !== false) return;
  const named = (wishes.securityGroups ?? []).filter((id) => groups.has(id));
  for (const id of named) {
    const { rules = 0 } = groups.get(id) ?? {};
    if (rules > 0)
      yield `security group ${id} has ${rules} rules, and no network is a group without any; take out its rules, the one for everything outgoing too, or name another`;
  }
  if (wishes.securityGroups === undefined)
    yield groupsWithoutRules.length > 0
      ? `no network is a security group without any rule, which has to be named: ${groupsWithoutRules.join(' or ')} has none (--security-group)`
      : 'no network is a security group without any rule, and the VPC has none: make one, take out its rule for everything outgoing, and name it (--security-group)';
}

function* addressProblems({ takenAddresses }: LaunchFacts): Iterable<string> {
  for (const [address, owner] of takenAddresses)
    yield `private address ${address} is in use by ${owner}; free it, or let the machine have a new one: privateAddress "new"`;
}

function* typeProblems(
  { instanceType, availabilityZone }: MachineConfiguration,
  { type = instanceType, subnet }: InstanceWishes,
  { isTypeOffered, subnets }: LaunchFacts,
): Iterable<string> {
  if (isTypeOffered) return;
  const zone = subnets.get(subnet ?? '')?.availabilityZone ?? availabilityZone;
  yield `type ${type} is not offered in ${zone}; name another type (--type), or a subnet in another zone (--subnet)`;
}

function* accessProblems(
  machine: MachineConfiguration,
  wishes: InstanceWishes,
  { keyExists }: LaunchFacts,
  roles: readonly string[],
): Iterable<string> {
  const key = (wishes.keyName ?? machine.keyName) || undefined;
  if (key !== undefined && !keyExists)
    yield `key pair ${key} does not exist any more; import it again, name another: keyName (--key), or none: keyName false (--no-key). What the disk has of keys already stays there`;
  const profile = profileNameOf(machine, wishes);
  if (profile !== undefined && roles.length === 0)
    yield `instance profile ${profile} cannot be given to it, as restores may pass no role: name the profile's role in restoreTargets.roles and deploy, or launch without: iamInstanceProfile false (--no-profile)`;
}

function* networkDifferences(machine: MachineConfiguration, wishes: InstanceWishes): Iterable<string> {
  const own = recordedInterfaces(machine);
  const made = interfacesToMake(machine, wishes);
  const indexes = new Set(made.map(({ deviceIndex }) => deviceIndex));
  for (const one of own) {
    const name = `interface ${one.deviceIndex} (${one.interfaceId || 'the first'})`;
    if (!indexes.has(one.deviceIndex)) {
      yield `${name} of subnet ${one.subnetId} is left out`;
      continue;
    }
    if (one.privateIpAddress !== undefined && wishes.privateAddress !== 'keep')
      yield `${name} gets another private address than ${one.privateIpAddress}`;
    if (one.publicIp?.isElastic === true)
      yield `${name} has no Elastic IP address: ${one.publicIp.address} stays where it is; associate it yourself`;
    else if (one.publicIp !== undefined)
      yield made.length === 1 && wishes.network !== false
        ? `${name} gets another public address than ${one.publicIp.address}`
        : `${name} has no public address; it had ${one.publicIp.address}`;
    if (one.sourceDestCheck === false) yield `${name} checks source and destination; switch that off again`;
  }
}

function* otherDifferences(machine: MachineConfiguration, wishes: InstanceWishes): Iterable<string> {
  const { attributes, lifecycle, capacityReservation, licenseArns, placementGroup, host } = machine;
  if (attributes === undefined) yield 'user data and protection are not part of the point';
  else if (wishes.userData === false && attributes.userData !== undefined)
    yield 'it is launched without its user data';
  if (wishes.network === false && machine.iamInstanceProfileArn !== undefined && !wishes.iamInstanceProfile)
    yield 'it is launched without its instance profile, as it has no network';
  if (lifecycle !== undefined) yield `it is launched on demand; it was ${lifecycle}`;
  if (capacityReservation?.id !== undefined || capacityReservation?.groupArn !== undefined)
    yield 'it does not ask for its capacity reservation by name';
  if (licenseArns.length > 0) yield 'no license configuration is given to it';
  if (host?.resourceGroupArn !== undefined) yield 'its host resource group is not asked for';
  if (wishes.subnet !== undefined && (placementGroup !== undefined || host?.id !== undefined))
    yield 'it is not in its placement group or on its host, as it is launched in another subnet';
  if (wishes.type !== undefined && wishes.type !== machine.instanceType)
    yield `CPU options, EBS optimization, enclaves and hibernation are as type ${wishes.type} has them by itself`;
  if (wishes.stopped === true && attributes?.disableApiStop === true)
    yield 'it is not protected from being stopped';
  if (machine.tags['aws:autoscaling:groupName'] !== undefined)
    yield `it is not in Auto Scaling group ${machine.tags['aws:autoscaling:groupName']}`;
}
