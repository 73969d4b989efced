import { Ec2Error } from '../ec2-error.ts';
import { listFiltered } from '../filters.ts';
import { listTexts } from '../parameters.ts';
import type { QueryStructure, XmlStructure } from '../query-protocol.ts';
import type { Ec2Context, Ec2Region } from '../region.ts';

/** The zones of a region: those in which it has subnets. */
export function zonesOf({ subnets }: Ec2Region): ReadonlySet<string> {
  return new Set([...subnets.values()].map(({ availabilityZone }) => availabilityZone));
}

/** @throws {@link Ec2Error} `InvalidZone.NotFound` */
export function assertZone(region: Ec2Region, zone: string): void {
  if (!zonesOf(region).has(zone))
    throw new Ec2Error('InvalidZone.NotFound', `The zone '${zone}' does not exist.`);
}

export function describeAvailabilityZones({ region }: Ec2Context, input: QueryStructure): XmlStructure {
  const names = listTexts(input, 'ZoneName');
  for (const name of names)
    if (!zonesOf(region).has(name))
      throw new Ec2Error('InvalidParameterValue', `Invalid availability zone: [${name}]`);
  const named = [...zonesOf(region)].filter((zone) => names.length === 0 || names.includes(zone));
  const found = listFiltered(named, input, (zone) => ({
    tags: {},
    attributes: { 'zone-name': [zone], 'region-name': [region.name], state: ['available'] },
  }));
  return {
    availabilityZoneInfo: found.map((zoneName) => ({
      zoneName,
      zoneState: 'available',
      regionName: region.name,
      zoneType: 'availability-zone',
      groupName: region.name,
      optInStatus: 'opt-in-not-required',
    })),
  };
}
