import type { MachineName } from '@holdfast/engine/model';
import type { Stack } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { isConfigured, type Needs } from '../../lambdas/runtime/needs.ts';
import type { DeploymentConfig } from '../deployment-config.ts';
import { METRICS_NAMESPACE } from '../metrics.ts';
import { allow, allowSome } from './exact-policy.ts';
import type { ConfigurationObject } from './configuration-object.ts';
import * as sources from './source-access.ts';
import * as vault from '../vault/vault-access.ts';

/** A state machine as functions know it, which are made before it. */
export interface MachineReference {
  readonly arn: string;
  /** Pattern of the ARNs of its executions. */
  readonly executions: string;
}

export interface StepWorld {
  readonly config: DeploymentConfig;
  readonly configuration: ConfigurationObject;
  readonly storage: vault.Storage;
  readonly machines: Readonly<Record<MachineName, MachineReference>>;
  readonly deadLetters: IQueue;
}

/** Rights of a step by its needs; beside them it may only write its log. */
export function stepRights(stack: Stack, needs: Needs, world: StepWorld): PolicyStatement[] {
  return [
    ...(isConfigured(needs) ? [world.configuration.reads()] : []),
    ...imageRights(stack, needs, world),
    ...(needs.blocks === undefined ? [] : sources.readsBlocks(stack, world.config, needs.blocks)),
    ...(needs.snapshots === undefined ? [] : sources.writesSnapshots(stack, world.config, needs.snapshots)),
    ...sourceRights(needs, world),
    ...vaultRights(needs, world),
    ...workingRights(needs, world),
    ...machineRights(needs, world),
  ];
}

function vaultRights({ vault: needs }: Needs, { storage }: StepWorld): PolicyStatement[] {
  if (needs === undefined) return [];
  const { read, write, createKeys, renew, hold, seeHolds, sweep, thaw, audit } = needs;
  return [
    ...(read === 'opened' ? vault.readsVault(storage) : []),
    ...(read === 'sealed' ? vault.readsSealed(storage) : []),
    ...(read === 'names' ? [vault.listsVault(storage)] : []),
    ...(write === undefined ? [] : vault.writesVault(storage, write)),
    ...(createKeys === true ? vault.createsVaultKeys(storage) : []),
    ...(renew === true ? [vault.extendsLocks(storage)] : []),
    ...(hold === true ? [vault.holdsPoints(storage)] : []),
    ...(seeHolds === undefined ? [] : [vault.seesHolds(storage, seeHolds)]),
    ...(sweep === undefined ? [] : vault.removesVersions(storage, sweep)),
    ...(thaw === true ? [vault.thawsContainers(storage)] : []),
    ...(audit === true ? [vault.writesAuditLog(storage)] : []),
  ];
}

function sourceRights(needs: Needs, { config }: StepWorld): PolicyStatement[] {
  return [
    ...(needs.sources === 'find' ? sources.discoversSources() : []),
    ...(needs.sources === 'list' || needs.sources === 'read' ? sources.listsBuckets(config) : []),
    ...(needs.sources === 'read' ? sources.readsBuckets(config) : []),
    ...(needs.targets === 'look' ? sources.listsTargets(config) : []),
    ...(needs.targets === 'write' ? sources.writesTargets(config) : []),
    ...(needs.targets === 'end-uploads' ? sources.endsUploads(config) : []),
  ];
}

function imageRights(stack: Stack, { images }: Needs, { config }: StepWorld): PolicyStatement[] {
  switch (images) {
    case undefined:
      return [];
    case 'see':
      return [sources.describes('Snapshots')];
    case 'plan':
      return [sources.describes('Snapshots', 'AvailabilityZones')];
    case 'take':
      return [
        sources.describes('Instances', 'Volumes', 'Snapshots'),
        ...sources.takesSnapshots(stack, config),
      ];
    case 'seal':
      return [sources.describes('Snapshots'), ...sources.readsAttributes(stack, config)];
    case 'release':
      return [
        sources.describes('Snapshots'),
        sources.removesSnapshots(stack),
        ...sources.locksSnapshots(stack, config),
      ];
    case 'remove':
      return [sources.describes('Snapshots'), sources.removesSnapshots(stack)];
    case 'launch':
      return sources.launchesMachines(stack, config);
    case 'restore':
      return [sources.describes('Volumes'), ...sources.createsVolumes(stack, config)];
    case 'clear':
      return [
        sources.describes('Snapshots', 'Volumes', 'Images', 'Instances'),
        sources.clearsSnapshots(stack),
        sources.deregistersImages(stack),
      ];
  }
}

function workingRights(
  { work, catalog, index, metrics, shared, progress }: Needs,
  { storage }: StepWorld,
): PolicyStatement[] {
  return [
    ...(work === undefined
      ? []
      : 'use' in work
        ? vault.usesWork(storage, [work.use].flat())
        : vault.readsWork(storage, [work.read])),
    ...(catalog === 'use' ? vault.usesCatalog(storage) : []),
    ...(catalog === 'read' ? vault.readsCatalog(storage) : []),
    ...(shared === true && catalog !== 'use' ? [vault.sharesRecords(storage)] : []),
    ...(progress === true && catalog !== 'use' ? [vault.reportsProgress(storage)] : []),
    ...(index === 'use' ? vault.usesChunkIndex(storage) : []),
    ...(index === 'forget' ? [vault.forgetsChunks(storage)] : []),
    ...(metrics === true ? vault.putsMetrics(METRICS_NAMESPACE) : []),
  ];
}

function machineRights({ machines = {}, deadLetters }: Needs, world: StepWorld): PolicyStatement[] {
  const named = (wanted: string): MachineReference[] =>
    (Object.keys(machines) as MachineName[])
      .filter((name) => machines[name] === wanted)
      .map((name) => world.machines[name]);
  const arnsOf = (wanted: string): string[] => named(wanted).map(({ arn }) => arn);
  return [
    ...allowSome('StartExecutions', ['states:StartExecution'], arnsOf('start')),
    ...allowSome(
      'RecallExecutions',
      ['states:ListExecutions', 'states:DescribeStateMachine'],
      arnsOf('recall'),
    ),
    ...allowSome('ListExecutions', ['states:ListExecutions'], arnsOf('follow')),
    ...allowSome(
      'LookAtExecutions',
      ['states:DescribeExecution'],
      named('follow').map(({ executions }) => executions),
      vault.accountOfArn,
    ),
    ...(deadLetters === undefined
      ? []
      : [allow('CountMessages', ['sqs:GetQueueAttributes'], [world.deadLetters.queueArn])]),
  ];
}
