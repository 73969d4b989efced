import { SQSClient } from '@aws-sdk/client-sqs';
import {
  checkTargetBucket,
  CloudWatchMetrics,
  countMessages,
  DynamoCatalog,
  DynamoChunkIndex,
  DynamoSharedRecords,
  EndedExecutions,
  KmsKeyring,
  makeCloudWatchClient,
  makeDynamoClient,
  makeKmsClient,
  makeS3Clients,
  makeStepFunctionsClient,
  openSource,
  readDeployedConfiguration,
  type S3Clients,
  S3ObjectStore,
  S3RestoreTarget,
  S3WorkStore,
  StateMachine,
  SystemClock,
  SystemRandom,
} from '@holdfast/aws';
import { AuditLog, type ObjectLock, withOfflineRecipient } from '@holdfast/engine';
import type { DeployedConfiguration, MachineName } from '@holdfast/engine/model';
import { makeLogger } from './logger.ts';
import { isConfigured, machineVariable, type Needs, type Variable, variablesOf } from './needs.ts';
import type { openBlocks } from './open-blocks.ts';
import type { openImages } from './open-images.ts';
import { openVaultOnce } from './open-vault-once.ts';
import type { GivenServices } from './services.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Opens the services that a step needs, once; from the outside it fetches only the configuration. */
export type OpenServices<N extends Needs> = () => Promise<GivenServices<N>>;

/**
 * Makes the clients and adapters of a step's needs. The deployed configuration is read when services are first asked
 * for, and kept: a new one is another variable, and so other workers. A failure is not kept.
 * @throws {@link TypeError} a variable is missing, or means nothing.
 */
export async function openServices<N extends Needs>(
  name: string,
  needs: N,
  variables: Variables,
): Promise<OpenServices<N>> {
  const told = read(needs, variables);
  const s3 = needsS3(needs) ? makeS3Clients() : undefined;
  const ec2 =
    needs.images === undefined && needs.sources !== 'find'
      ? undefined
      : (await import('./open-images.ts')).openImages;
  const usesEbs = needs.blocks !== undefined || needs.snapshots !== undefined;
  const ebs = usesEbs ? (await import('./open-blocks.ts')).openBlocks : undefined;
  const fixed = fixedServices(name, needs, told, { s3, ec2, ebs });
  if (s3 === undefined || !isConfigured(needs)) return async () => Promise.resolve(fixed as GivenServices<N>);
  let opening: Promise<object> | undefined;
  return async () => {
    opening ??= readDeployedConfiguration(s3.s3, told.CONFIGURATION).then((configuration) => ({
      ...fixed,
      ...configuredServices(needs, configuration, s3, ec2, fixed),
    }));
    try {
      return (await opening) as GivenServices<N>;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
}

type Told = Readonly<Record<Variable, string>>;

function read(needs: Needs, variables: Variables): Told {
  const missing = variablesOf(needs).filter((name) => !variables[name]);
  if (missing.length > 0)
    throw new TypeError(`the function is not told ${missing.join(', ')}; deploy the pipeline again`);
  const { LOCK_MODE: lockMode = 'governance' } = variables;
  if (lockMode !== 'governance' && lockMode !== 'compliance')
    throw new TypeError(`LOCK_MODE is ${lockMode}, which no store has; deploy the pipeline again`);
  return variables as Told;
}

function needsS3(needs: Needs): boolean {
  return needs.vault !== undefined || needs.work !== undefined || isConfigured(needs);
}

interface Adapters {
  readonly s3: S3Clients | undefined;
  readonly ec2: typeof openImages | undefined;
  readonly ebs: typeof openBlocks | undefined;
}

/** Services that are the same under every configuration. */
function fixedServices(name: string, needs: Needs, told: Told, { s3, ec2, ebs }: Adapters) {
  const ports = { clock: new SystemClock(), random: new SystemRandom() };
  const { clock, random } = ports;
  const { catalog, index, shared, progress } = needs;
  const dynamo = (catalog ?? index ?? shared ?? progress) === undefined ? undefined : makeDynamoClient();
  const vault = s3 && vaultServices(needs, told, s3, ports);
  const rows = dynamo && new DynamoCatalog(dynamo, told.CATALOG_TABLE, clock, random);
  const records = dynamo && new DynamoSharedRecords(dynamo, told.CATALOG_TABLE, clock, random);
  return {
    ...ports,
    log: makeLogger(name),
    ...vault,
    ...(s3 && needs.work && { work: new S3WorkStore(s3.s3, told.WORK_BUCKET), workBucket: told.WORK_BUCKET }),
    ...(rows && catalog && { catalog: rows }),
    ...(rows && progress && { progress: rows.progress }),
    ...(dynamo && index && { index: new DynamoChunkIndex(dynamo, told.CHUNK_INDEX_TABLE, clock, random) }),
    ...(needs.metrics && { metrics: new CloudWatchMetrics(makeCloudWatchClient(), told.METRICS_NAMESPACE) }),
    ...(shared && { shared: records }),
    ...(needs.images === 'release' && { lockMode: told.LOCK_MODE as ObjectLock['mode'] }),
    ...(needs.images && ec2 && { images: ec2.images() }),
    ...ebs?.({ ...ports, shared: records, quota: told.BLOCK_QUOTA }),
    ...((needs.images === 'launch' || needs.images === 'clear') && ec2 && { launches: ec2.launches() }),
    ...(s3 &&
      needs.targets === 'end-uploads' && {
        openUploads: (bucket: string) => new S3RestoreTarget(s3.s3, bucket),
      }),
    ...(needs.ownBuckets && { ownBuckets: told.OWN_BUCKETS.split(' ') }),
    ...(needs.machines && machineServices(needs.machines, told)),
    ...(needs.deadLetters && { countDeadLetters: countDeadLetters(told.DEAD_LETTER_QUEUE) }),
  };
}

function vaultServices(
  { vault }: Needs,
  told: Told,
  s3: S3Clients,
  ports: { readonly clock: SystemClock; readonly random: SystemRandom },
) {
  if (vault === undefined) return undefined;
  const store = new S3ObjectStore(s3, told.VAULT_BUCKET, ports.clock);
  const lockMode = told.LOCK_MODE as ObjectLock['mode'];
  const keyring = vault.read === 'opened' ? new KmsKeyring(makeKmsClient(), told.KMS_KEY_ARN) : undefined;
  return {
    store,
    lockMode,
    ...(keyring && { keyring, openKeys: openVaultOnce({ store, keyring }) }),
    ...(vault.audit && { audit: new AuditLog({ ...ports, store, lockMode }) }),
  };
}

function machineServices(machines: NonNullable<Needs['machines']>, told: Told) {
  const client = makeStepFunctionsClient();
  const services = (Object.keys(machines) as MachineName[]).map((name) => {
    const arn = told[machineVariable(name)];
    return [name, machines[name] === 'follow' ? arn : new StateMachine(client, arn)];
  });
  return { machines: Object.fromEntries(services) as object, executions: new EndedExecutions(client) };
}

function countDeadLetters(queueUrl: string): () => Promise<number> {
  const client = new SQSClient({});
  return async () => countMessages(client, queueUrl);
}

type OpenedSource = [resource: Parameters<typeof openSource>[1], plan: Parameters<typeof openSource>[2]];

function configuredServices(
  needs: Needs,
  configuration: DeployedConfiguration,
  s3: S3Clients,
  ec2: typeof openImages | undefined,
  { clock, random, keyring }: ReturnType<typeof fixedServices>,
) {
  const { plans, tagKey, restoreTargets, restoreWorkers, offlineRecipient } = configuration;
  const opener = { s3: s3.s3, clock, random };
  return {
    configuration,
    plans,
    ...(ec2 && { tagged: ec2.tagged(s3, tagKey) }),
    openSource: (resource: OpenedSource[0], plan: OpenedSource[1]) => openSource(opener, resource, plan),
    ...(needs.targets && {
      targetBuckets: restoreTargets.buckets,
      restoreRoles: restoreTargets.roles,
      tagKey,
      restoreWorkers,
      region: process.env['AWS_REGION'],
      checkBucket: async (bucket: string) => checkTargetBucket(s3.s3, bucket),
      openTarget: (bucket: string, prefix: string) => new S3RestoreTarget(s3.s3, bucket, { prefix }),
    }),
    // New keys of a vault can also be opened by whoever it names; those that are there are read as before.
    ...(needs.vault?.createKeys &&
      keyring &&
      offlineRecipient && { keyring: withOfflineRecipient(keyring, offlineRecipient.publicKey) }),
  };
}
