import { findFlag, findInteger, findStructure, findText } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';

/** Elements of an instance's description that a launch decides and nothing here acts on. */
export function launchOptions(input: QueryStructure, availabilityZone: string): XmlStructure {
  const part = (name: string): QueryStructure => findStructure(input, name) ?? {};
  const [placement, metadata, cpu] = [part('Placement'), part('MetadataOptions'), part('CpuOptions')];
  const capacity = part('CapacityReservationSpecification');
  const dnsName = part('PrivateDnsNameOptions');
  return {
    placement: {
      availabilityZone,
      affinity: findText(placement, 'Affinity'),
      groupName: findText(placement, 'GroupName') ?? '',
      partitionNumber: findInteger(placement, 'PartitionNumber'),
      hostId: findText(placement, 'HostId'),
      tenancy: findText(placement, 'Tenancy') ?? 'default',
    },
    monitoring: { state: findFlag(part('Monitoring'), 'Enabled') === true ? 'enabled' : 'disabled' },
    metadataOptions: {
      state: 'applied',
      httpTokens: findText(metadata, 'HttpTokens') ?? 'required',
      httpPutResponseHopLimit: findInteger(metadata, 'HttpPutResponseHopLimit') ?? 2,
      httpEndpoint: findText(metadata, 'HttpEndpoint') ?? 'enabled',
      httpProtocolIpv6: findText(metadata, 'HttpProtocolIpv6') ?? 'disabled',
      instanceMetadataTags: findText(metadata, 'InstanceMetadataTags') ?? 'disabled',
    },
    cpuOptions: {
      coreCount: findInteger(cpu, 'CoreCount') ?? 1,
      threadsPerCore: findInteger(cpu, 'ThreadsPerCore') ?? 2,
    },
    hibernationOptions: { configured: findFlag(part('HibernationOptions'), 'Configured') ?? false },
    enclaveOptions: { enabled: findFlag(part('EnclaveOptions'), 'Enabled') ?? false },
    maintenanceOptions: { autoRecovery: findText(part('MaintenanceOptions'), 'AutoRecovery') ?? 'default' },
    privateDnsNameOptions: {
      hostnameType: findText(dnsName, 'HostnameType') ?? 'ip-name',
      enableResourceNameDnsARecord: findFlag(dnsName, 'EnableResourceNameDnsARecord') ?? false,
      enableResourceNameDnsAAAARecord: findFlag(dnsName, 'EnableResourceNameDnsAAAARecord') ?? false,
    },
    capacityReservationSpecification: {
      capacityReservationPreference: findText(capacity, 'CapacityReservationPreference') ?? 'open',
    },
  };
}
