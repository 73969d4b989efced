import type { ParseArgsOptionsConfig } from 'node:util';
import type { ConnectOptions } from '../deployment/connection.ts';

/** Options that every command takes. */
export const globalOptions = {
  json: { type: 'boolean' },
  debug: { type: 'boolean' },
  progress: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  region: { type: 'string' },
  profile: { type: 'string' },
  'vault-bucket': { type: 'string' },
  'catalog-table': { type: 'string' },
  'chunk-index-table': { type: 'string' },
  'cycle-machine': { type: 'string' },
  'protect-machine': { type: 'string' },
  'restore-machine': { type: 'string' },
  'hold-machine': { type: 'string' },
  'maintenance-machine': { type: 'string' },
  'storage-stack': { type: 'string' },
  'pipeline-stack': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

/** How `help` explains them. */
export const globalOptionLines: readonly (readonly [string, string])[] = [
  ['--json', 'print JSON: one document, or one line for each entry of ls, diff and --dry-run; errors too'],
  ['--progress', 'print progress on stderr even when it is not a terminal'],
  ['--debug', 'print the stack of an error'],
  ['--version', 'print the version of this program'],
  ['--region <name>', "AWS region; else AWS_REGION or the profile's"],
  ['--profile <name>', 'profile of the AWS configuration; else AWS_PROFILE'],
  ['--storage-stack <name>', 'stack that holds the vault; HOLDFAST_STORAGE_STACK, else HoldfastStorage'],
  ['--pipeline-stack <name>', 'stack of the workflows; HOLDFAST_PIPELINE_STACK, else HoldfastPipeline'],
  ['--vault-bucket <name>', "instead of the stack's output; HOLDFAST_VAULT_BUCKET"],
  ['--catalog-table <name>', "instead of the stack's output; HOLDFAST_CATALOG_TABLE"],
  ['--chunk-index-table <name>', "instead of the stack's output; HOLDFAST_CHUNK_INDEX_TABLE"],
  ['--cycle-machine <arn>', "instead of the stack's output; HOLDFAST_CYCLE_MACHINE"],
  ['--protect-machine <arn>', "instead of the stack's output; HOLDFAST_PROTECT_MACHINE"],
  ['--restore-machine <arn>', "instead of the stack's output; HOLDFAST_RESTORE_MACHINE"],
  ['--hold-machine <arn>', "instead of the stack's output; HOLDFAST_HOLD_MACHINE"],
  ['--maintenance-machine <arn>', "instead of the stack's output; HOLDFAST_MAINTENANCE_MACHINE"],
];

/** Values of the global options. */
export type GlobalValues = { readonly [Name in keyof typeof globalOptions]?: string | boolean | undefined };

/** Where the deployment is: a flag comes before its variable, an empty variable counts as none. */
export function connectOptionsOf(
  values: GlobalValues,
  env: Readonly<Record<string, string | undefined>>,
): ConnectOptions {
  const find = (name: keyof typeof globalOptions): string | undefined => {
    const flag = values[name];
    if (typeof flag === 'string') return flag;
    return env[`HOLDFAST_${name.toUpperCase().replaceAll('-', '_')}`] || undefined;
  };
  const optional = {
    region: typeof values.region === 'string' ? values.region : undefined,
    profile: typeof values.profile === 'string' ? values.profile : undefined,
    vaultBucket: find('vault-bucket'),
    catalogTable: find('catalog-table'),
    chunkIndexTable: find('chunk-index-table'),
    cycleMachineArn: find('cycle-machine'),
    protectMachineArn: find('protect-machine'),
    restoreMachineArn: find('restore-machine'),
    holdMachineArn: find('hold-machine'),
    maintenanceMachineArn: find('maintenance-machine'),
  };
  return {
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    storageStack: find('storage-stack') ?? 'HoldfastStorage',
    pipelineStack: find('pipeline-stack') ?? 'HoldfastPipeline',
  };
}
