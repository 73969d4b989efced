import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { listFiltered } from './filters.ts';
import { listTexts } from './parameters.ts';
import type { Ec2Context } from './region.ts';

const regions = ['us-east-1', 'us-east-2', 'us-west-2', 'eu-central-1', 'eu-west-1', 'ap-southeast-2'];

/** Every region has three zones, named as AWS names them. */
export function describeAvailabilityZones(context: Ec2Context, input: QueryStructure): XmlStructure {
  const { name } = context.region;
  const asked = listTexts(input, 'ZoneName');
  const zones = ['a', 'b', 'c'].map((letter, index) => ({
    zoneName: `${name}${letter}`,
    zoneState: 'available',
    regionName: name,
    zoneId: `${name.replaceAll(/([a-z])[a-z]*/g, '$1').replaceAll('-', '')}-az${index + 1}`,
    zoneType: 'availability-zone',
    optInStatus: 'opt-in-not-required',
  }));
  const found = listFiltered(zones, input, (zone) => ({
    tags: {},
    attributes: {
      'zone-name': [zone.zoneName],
      state: [zone.zoneState],
      'region-name': [name],
      'zone-id': [zone.zoneId],
    },
  }));
  return {
    availabilityZoneInfo: found.filter((zone) => asked.length === 0 || asked.includes(zone.zoneName)),
  };
}

/** The regions that a fresh account sees; shortened. */
export function describeRegions(context: Ec2Context, input: QueryStructure): XmlStructure {
  const asked = listTexts(input, 'RegionName');
  const names = [...new Set([context.region.name, ...regions])];
  return {
    regionInfo: names
      .filter((name) => asked.length === 0 || asked.includes(name))
      .map((name) => ({
        regionName: name,
        regionEndpoint: `ec2.${name}.amazonaws.com`,
        optInStatus: 'opt-in-not-required',
      })),
  };
}
