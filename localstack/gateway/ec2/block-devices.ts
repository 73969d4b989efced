import { invalidParameter } from './ec2-error.ts';
import { findFlag, findInteger, findStructure, findText, getText, listStructures } from './parameters.ts';
import type { QueryStructure } from './query-protocol.ts';
import type { ImageDevice } from './region.ts';
import type { VolumeRequest } from './volumes.ts';

export interface DeviceRequest extends Omit<VolumeRequest, 'availabilityZone'> {
  readonly deviceName: string;
  readonly deleteOnTermination?: boolean;
}

/** The default devices, replaced and completed by those that the call asks for, by device name. */
export function requestedDevices(input: QueryStructure, defaults: readonly DeviceRequest[]): DeviceRequest[] {
  const devices = new Map(defaults.map((device) => [device.deviceName, device]));
  for (const mapping of listStructures(input, 'BlockDeviceMapping')) {
    const deviceName = getText(mapping, 'DeviceName');
    if ('NoDevice' in mapping) {
      devices.delete(deviceName);
      continue;
    }
    if ('VirtualName' in mapping) continue;
    const ebs = findStructure(mapping, 'Ebs') ?? {};
    const inherited = devices.get(deviceName);
    const device: DeviceRequest = {
      deviceName,
      sizeGiB: findInteger(ebs, 'VolumeSize') ?? ('SnapshotId' in ebs ? undefined : inherited?.sizeGiB),
      snapshotId: findText(ebs, 'SnapshotId') ?? inherited?.snapshotId,
      volumeType: findText(ebs, 'VolumeType') ?? inherited?.volumeType,
      encrypted: findFlag(ebs, 'Encrypted'),
      kmsKeyId: findText(ebs, 'KmsKeyId'),
      iops: findInteger(ebs, 'Iops') ?? inherited?.iops,
      throughputMiB: findInteger(ebs, 'Throughput') ?? inherited?.throughputMiB,
      deleteOnTermination: findFlag(ebs, 'DeleteOnTermination') ?? inherited?.deleteOnTermination,
    };
    if (device.sizeGiB === undefined && device.snapshotId === undefined) {
      throw invalidParameter('BlockDeviceMapping', deviceName, 'Give it a VolumeSize or a SnapshotId.');
    }
    devices.set(deviceName, device);
  }
  return [...devices.values()];
}

export function devicesOfImage(devices: readonly ImageDevice[]): DeviceRequest[] {
  return devices.map((device) => ({ ...device }));
}
