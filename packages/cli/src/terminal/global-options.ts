import type { Command } from '@commander-js/extra-typings';
import type { ConnectOptions } from '../deployment/connection.ts';

/** Adds the options that every command takes, before or after its name. */
export function withGlobalOptions(program: Command) {
  return program
    .option(
      '--json',
      'print JSON: one document, or one line for each entry of ls, find, diff and --dry-run; errors too',
    )
    .option('--progress', 'print progress on stderr even when it is not a terminal')
    .option('--wide', 'whole ids and names, exact times and all columns in tables')
    .option('--debug', 'print the stack of an error')
    .option('--region <name>', "AWS region; else AWS_REGION or the profile's")
    .option('--profile <name>', 'profile of the AWS configuration; else AWS_PROFILE')
    .option(
      '--storage-stack <name>',
      'stack that holds the vault; HOLDFAST_STORAGE_STACK, else HoldfastStorage',
    )
    .option(
      '--pipeline-stack <name>',
      'stack of the workflows; HOLDFAST_PIPELINE_STACK, else HoldfastPipeline',
    )
    .option(
      '--monitoring-stack <name>',
      'stack of the alarms; HOLDFAST_MONITORING_STACK, else HoldfastMonitoring',
    )
    .option(
      '--vault <directory>',
      'a vault in a directory of this machine instead of a deployment; HOLDFAST_VAULT',
    )
    .option('--key-file <file>', "the 32 bytes that wrap that vault's keys; HOLDFAST_KEY_FILE")
    .option('--vault-bucket <name>', "instead of the stack's output; HOLDFAST_VAULT_BUCKET")
    .option('--catalog-table <name>', "instead of the stack's output; HOLDFAST_CATALOG_TABLE")
    .option('--chunk-index-table <name>', "instead of the stack's output; HOLDFAST_CHUNK_INDEX_TABLE")
    .option('--cycle-machine <arn>', "instead of the stack's output; HOLDFAST_CYCLE_MACHINE")
    .option('--protect-machine <arn>', "instead of the stack's output; HOLDFAST_PROTECT_MACHINE")
    .option('--restore-machine <arn>', "instead of the stack's output; HOLDFAST_RESTORE_MACHINE")
    .option('--hold-machine <arn>', "instead of the stack's output; HOLDFAST_HOLD_MACHINE")
    .option('--maintenance-machine <arn>', "instead of the stack's output; HOLDFAST_MAINTENANCE_MACHINE");
}

export type GlobalOptions = ReturnType<ReturnType<typeof withGlobalOptions>['opts']>;

/** A flag comes before its variable; an empty variable counts as none. */
export function connectOptionsOf(
  options: GlobalOptions,
  env: Readonly<Record<string, string | undefined>>,
): ConnectOptions {
  const find = (
    name: Exclude<keyof GlobalOptions, 'json' | 'progress' | 'wide' | 'debug'>,
  ): string | undefined =>
    options[name] ?? (env[`HOLDFAST_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`] || undefined);
  const optional = {
    region: options.region,
    profile: options.profile,
    vault: find('vault'),
    keyFile: find('keyFile'),
    vaultBucket: find('vaultBucket'),
    catalogTable: find('catalogTable'),
    chunkIndexTable: find('chunkIndexTable'),
    cycleMachineArn: find('cycleMachine'),
    protectMachineArn: find('protectMachine'),
    restoreMachineArn: find('restoreMachine'),
    holdMachineArn: find('holdMachine'),
    maintenanceMachineArn: find('maintenanceMachine'),
  };
  return {
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    storageStack: find('storageStack') ?? 'HoldfastStorage',
    pipelineStack: find('pipelineStack') ?? 'HoldfastPipeline',
    monitoringStack: find('monitoringStack') ?? 'HoldfastMonitoring',
  };
}
