import { createHash } from 'node:crypto';

export interface Subnet {
  readonly sequence: number;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  /** First three bytes of its addresses; the default subnets are /20, of which only these are given out. */
  readonly prefix: string;
  readonly cidrBlock: string;
}

/** A region's default VPC has a default subnet in each zone, and always the same ids. */
export function defaultSubnets(accountId: string, region: string): Map<string, Subnet> {
  const vpcId = idOf('vpc', accountId, region);
  const subnets = ['a', 'b', 'c'].map((letter, index): Subnet => ({
    sequence: index + 1,
    subnetId: idOf('subnet', accountId, region, letter),
    vpcId,
    availabilityZone: `${region}${letter}`,
    prefix: `172.31.${index * 16}`,
    cidrBlock: `172.31.${index * 16}.0/20`,
  }));
  return new Map(subnets.map((subnet) => [subnet.subnetId, subnet]));
}

export function idOf(prefix: string, ...parts: readonly string[]): string {
  const digest = createHash('sha256').update([prefix, ...parts].join('/'));
  return `${prefix}-0${digest.digest('hex').slice(0, 16)}`;
}

/** Rules are kept as calls give them: nothing here looks at traffic. */
export interface Rule {
  readonly protocol: string;
  readonly fromPort?: string;
  readonly toPort?: string;
  readonly cidrs: readonly string[];
}

export interface SecurityGroup {
  readonly sequence: number;
  readonly groupId: string;
  readonly groupName: string;
  readonly description: string;
  readonly vpcId: string;
  ingress: Rule[];
  egress: Rule[];
}

/** Every new group lets everything out. */
export const everything: Rule = { protocol: '-1', cidrs: ['0.0.0.0/0'] };

export function defaultGroup(accountId: string, region: string): Map<string, SecurityGroup> {
  const group: SecurityGroup = {
    sequence: 1,
    groupId: idOf('sg', accountId, region),
    groupName: 'default',
    description: 'default VPC security group',
    vpcId: idOf('vpc', accountId, region),
    ingress: [],
    egress: [everything],
  };
  return new Map([[group.groupId, group]]);
}

export interface KeyPair {
  readonly keyPairId: string;
  readonly keyName: string;
  readonly fingerprint: string;
  readonly createdAt: Date;
}

export interface NetworkInterface {
  readonly sequence: number;
  readonly interfaceId: string;
  readonly instanceId: string;
  readonly deviceIndex: number;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly description: string;
  readonly securityGroupIds: readonly string[];
  /** The primary one first. */
  readonly addresses: readonly string[];
  readonly ipv6Addresses: readonly string[];
  /** Lent for the instance's life. */
  readonly publicIp?: string;
  readonly deleteOnTermination: boolean;
  readonly attachedAt: Date;
}
