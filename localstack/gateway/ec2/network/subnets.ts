import { Ec2Error } from '../ec2-error.ts';
import { listFiltered } from '../filters.ts';
import { page } from '../paging.ts';
import { listTexts } from '../parameters.ts';
import type { QueryStructure, XmlStructure } from '../query-protocol.ts';
import type { Ec2Context, Ec2Region } from '../region.ts';
import { tagSet } from '../tags.ts';
import type { Subnet } from './network.ts';

/** @throws {@link Ec2Error} `InvalidSubnetID.NotFound` */
export function getSubnet({ subnets }: Ec2Region, subnetId: string): Subnet {
  const subnet = subnets.get(subnetId);
  if (subnet) return subnet;
  throw new Ec2Error('InvalidSubnetID.NotFound', `The subnet ID '${subnetId}' does not exist`);
}

export function describeSubnets({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'SubnetId');
  for (const id of ids) getSubnet(region, id);
  const named = [...region.subnets.values()].filter(
    ({ subnetId }) => ids.length === 0 || ids.includes(subnetId),
  );
  const found = listFiltered(named, input, (subnet) => ({
    tags: region.tags.get(subnet.subnetId),
    attributes: {
      'subnet-id': [subnet.subnetId],
      'vpc-id': [subnet.vpcId],
      'availability-zone': [subnet.availabilityZone],
      'default-for-az': [true],
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  const subnetSet = items.map((subnet) => ({
    subnetId: subnet.subnetId,
    state: 'available',
    vpcId: subnet.vpcId,
    cidrBlock: subnet.cidrBlock,
    availabilityZone: subnet.availabilityZone,
    defaultForAz: true,
    mapPublicIpOnLaunch: true,
    tagSet: tagSet(region.tags.get(subnet.subnetId)),
  }));
  return { subnetSet, nextToken };
}
