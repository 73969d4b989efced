import { matchesPattern } from '../wildcard.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { describeInstance, instanceState, stateOf } from './instance-description.ts';
import { assertVisible, getInstance, visible } from './lookup.ts';
import { interfacesOf } from './network/network-interfaces.ts';
import { zonesOf } from './network/zones.ts';
import { page } from './paging.ts';
import { findText, getText, listStructures, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, type Ec2Context, type Instance } from './region.ts';
import { removeVolume } from './volumes.ts';

export function describeReservation(context: Ec2Context, instances: readonly Instance[]): XmlStructure {
  return {
    reservationId: instances[0]?.reservationId,
    ownerId: context.region.accountId,
    groupSet: [],
    instancesSet: instances.map((instance) => describeInstance(context, instance)),
  };
}

export async function describeInstances(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  await removeOfTerminated(context);
  const ids = listTexts(input, 'InstanceId');
  for (const id of ids) {
    const message = `The instance ID '${id}' does not exist`;
    assertVisible(context, getInstance(context, id), 'InvalidInstanceID.NotFound', message);
  }
  const instances = visible(context, context.region.instances).filter(
    (one) => ids.length === 0 || ids.includes(one.instanceId),
  );
  const found = listFiltered(instances, input, (instance) => {
    const attached = [...context.region.volumes.values()].filter(
      (one) => one.attachment?.instanceId === instance.instanceId,
    );
    const [primary] = interfacesOf(context, instance.instanceId);
    return {
      tags: context.region.tags.get(instance.instanceId),
      attributes: {
        'instance-id': [instance.instanceId],
        'reservation-id': [instance.reservationId],
        'client-token': [instance.clientToken],
        'image-id': [instance.imageId],
        'instance-type': [instance.instanceType],
        'instance-state-name': [instanceState(context, instance)],
        'instance-state-code': [stateOf(instanceState(context, instance))['code'] as number],
        'availability-zone': [instance.availabilityZone],
        'root-device-name': [instance.rootDeviceName],
        'root-device-type': ['ebs'],
        architecture: [instance.architecture],
        'subnet-id': [primary?.subnetId],
        'key-name': [instance.keyName],
        'owner-id': [context.region.accountId],
        'private-ip-address': [primary?.addresses[0]],
        'block-device-mapping.volume-id': attached.map((one) => one.volumeId),
        'block-device-mapping.device-name': attached.map((one) => one.attachment?.device),
      },
    };
  });
  const { items, nextToken } = page(found, input, ids);
  const reservations = Map.groupBy(items, (instance) => instance.reservationId);
  return {
    reservationSet: [...reservations.values()].map((one) => describeReservation(context, one)),
    nextToken,
  };
}

/** Removes the interfaces of instances that have ended, and the volumes that were to end with them. */
async function removeOfTerminated(context: Ec2Context): Promise<void> {
  const { region } = context;
  for (const instance of region.instances.values()) {
    if (instanceState(context, instance) !== 'terminated') continue;
    for (const { interfaceId } of interfacesOf(context, instance.instanceId))
      region.networkInterfaces.delete(interfaceId);
    for (const volume of region.volumes.values()) {
      if (volume.attachment?.instanceId !== instance.instanceId) continue;
      if (volume.attachment.deleteOnTermination) await removeVolume(context, volume);
      else delete volume.attachment;
    }
  }
}

const attributes: Readonly<Record<string, (instance: Instance) => XmlStructure>> = {
  userData: ({ userData }) => ({ userData: userData === undefined ? {} : { value: userData } }),
  disableApiTermination: ({ disableApiTermination: value }) => ({ disableApiTermination: { value } }),
  disableApiStop: ({ disableApiStop: value }) => ({ disableApiStop: { value } }),
  instanceInitiatedShutdownBehavior: ({ shutdownBehavior: value }) => ({
    instanceInitiatedShutdownBehavior: { value },
  }),
};

export function describeInstanceAttribute(context: Ec2Context, input: QueryStructure): XmlStructure {
  const instance = getLivingInstance(context, getText(input, 'InstanceId'));
  const name = getText(input, 'Attribute');
  const describe = attributes[name];
  if (!describe) throw invalidParameter('attribute', name, 'It is not modelled here.');
  return { instanceId: instance.instanceId, ...describe(instance) };
}

export function describeCredits(context: Ec2Context, input: QueryStructure): XmlStructure {
  const instances = listTexts(input, 'InstanceId').map((id) => getLivingInstance(context, id));
  for (const { instanceId, cpuCredits } of instances)
    if (cpuCredits === undefined)
      throw new Ec2Error(
        'InvalidParameterValue',
        `Instance ${instanceId} is not a burstable performance instance.`,
      );
  return {
    instanceCreditSpecificationSet: instances.map(({ instanceId, cpuCredits }) => ({
      instanceId,
      cpuCredits,
    })),
  };
}

function getLivingInstance(context: Ec2Context, instanceId: string): Instance {
  const instance = getInstance(context, instanceId);
  if (instanceState(context, instance) !== 'terminated') return instance;
  throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
}

export function stopInstances(context: Ec2Context, input: QueryStructure): XmlStructure {
  return change(context, input, (instance, state) => {
    if (instance.disableApiStop) throw protectedBy(instance, 'disableApiStop');
    if (state === 'stopping' || state === 'stopped') return;
    if (state !== 'running') throw wrongState(instance, 'stopped', state);
    instance.stopsAt = later(context.now, context.settings.instanceMs);
  });
}

export async function terminateInstances(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  const changed = change(context, input, (instance) => {
    if (instance.disableApiTermination) throw protectedBy(instance, 'disableApiTermination');
    instance.terminatesAt ??= later(context.now, context.settings.instanceMs);
  });
  await removeOfTerminated(context);
  return changed;
}

function change(
  context: Ec2Context,
  input: QueryStructure,
  apply: (instance: Instance, state: string) => void,
): XmlStructure {
  const instances = listTexts(input, 'InstanceId').map((id) => getInstance(context, id));
  const instancesSet = instances.map((instance) => {
    const before = instanceState(context, instance);
    apply(instance, before);
    return {
      instanceId: instance.instanceId,
      previousState: stateOf(before),
      currentState: stateOf(instanceState(context, instance)),
    };
  });
  return { instancesSet };
}

function protectedBy({ instanceId }: Instance, attribute: string): Ec2Error {
  return new Ec2Error(
    'OperationNotPermitted',
    `The instance '${instanceId}' may not be changed so. Modify its '${attribute}' instance attribute and try again.`,
  );
}

function wrongState({ instanceId }: Instance, wanted: string, state: string): Ec2Error {
  return new Ec2Error(
    'IncorrectInstanceState',
    `This instance '${instanceId}' is not in a state from which it can be ${wanted}: ${state}.`,
  );
}

/** Every type is offered in every zone but those that a setting takes out. Answers only what is asked for by name. */
export function describeTypeOfferings(context: Ec2Context, input: QueryStructure): XmlStructure {
  const filters = listStructures(input, 'Filter');
  const valuesOf = (name: string): string[] =>
    filters.filter((one) => findText(one, 'Name') === name).flatMap((one) => listTexts(one, 'Value'));
  const zones = zonesOf(context.region);
  const locationType = findText(input, 'LocationType') ?? 'region';
  const instanceTypeOfferingSet = valuesOf('instance-type')
    .filter((type) => !context.settings.typesNotOffered.some((pattern) => matchesPattern(pattern, type)))
    .flatMap((instanceType) =>
      valuesOf('location')
        .filter((location) => zones.has(location))
        .map((location) => ({ instanceType, locationType, location })),
    );
  return { instanceTypeOfferingSet };
}
