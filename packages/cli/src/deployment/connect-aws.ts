import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import {
  answerOf,
  type AwsClients,
  DynamoChunkIndex,
  DynamoSharedRecords,
  instanceOfArn,
  kindOfArn,
  KmsKeyring,
  makeCatalogServices,
  makeClients,
  makeKmsClient,
  makeS3Clients,
  openSource,
  readDeployedConfiguration,
  S3ObjectStore,
  S3TargetBucket,
  S3WorkStore,
  SystemClock,
  SystemRandom,
  toEngineError,
  volumeOfArn,
} from '@holdfast/aws';
import type { EbsClients } from '@holdfast/aws/ebs';
import type { DeployedRoles } from '@holdfast/aws/iam';
import { Ec2Images } from '@holdfast/aws/ec2';
import {
  AccountInventory,
  makeInventoryClients,
  readBlockQuotas,
  readFunctionsAtOnce,
  readSubscriptions,
  readVaultProtection,
  SourceTags,
} from '@holdfast/aws/inventory';
import { type InventoryItem, isOfKind, type ResourceArn, UnknownNameError } from '@holdfast/engine';
import type { DeployedConfiguration } from '@holdfast/engine/model';
import type { ConnectedStorage, Connection, ConnectOptions, InventoryPart } from './connection.ts';
import { EbsSnapshots } from './ebs-snapshots.ts';
import type { Terminal } from '../terminal/ask.ts';
import { credentialsAskedFor } from './asked-credentials.ts';
import type { Machine } from './executions.ts';
import { findStackTemplate } from './find-stack-template.ts';
import { listPhysicalIds } from './list-physical-ids.ts';
import { StepFunctionsExecutions } from './step-functions-executions.ts';

/**
 * Connects to a deployment in AWS: names come from the options, else from the outputs of the stacks.
 * @param terminal - where somebody can be asked for the code of an MFA device; without it, a profile that wants one fails.
 * @throws {@link UnknownNameError} neither of them has the vault or the catalog.
 */
export async function connectAws(options: ConnectOptions, terminal?: Terminal): Promise<Connection> {
  const credentials = credentialsAskedFor(terminal);
  const clients = makeClients({ region: options.region, credentials });
  const region = await clients.s3.config.region();
  const cloudFormation = new CloudFormationClient({ region, credentials });
  const names = new DeployedNames(cloudFormation, options, region);
  const vaultBucket = await names.getStored('VaultBucketName', 'vaultBucket');
  const catalogTable = await names.getStored('CatalogTableName', 'catalogTable');
  const services = makeCatalogServices(clients, { vaultBucket, catalogTable });
  const findConfiguration = async (): Promise<DeployedConfiguration | undefined> =>
    readConfiguration(clients.s3, await names.findConfigurationUrl());
  const findBlockQuota = async () => (await findConfiguration())?.blockQuota;
  const images = new Ec2Images(clients);
  const inventoryClients = makeInventoryClients({ region, credentials });
  const listOwnBuckets = async () => [vaultBucket, ...(await names.listOtherBuckets())];
  const findPlace = async () => {
    const { Arn = '', Account = '' } = await answerOf(
      clients.sts.send(new GetCallerIdentityCommand({})),
      'asking who the caller is',
    );
    return { region, account: Account, partition: Arn.split(':')[1] ?? 'aws' };
  };
  const sourceTags = new SourceTags(
    { ...clients, ...inventoryClients },
    async () => (await findPlace()).account,
  );
  const openInventory = async (): Promise<
    Record<InventoryPart, (signal?: AbortSignal) => AsyncIterable<InventoryItem>>
  > => {
    const inventory = new AccountInventory(
      { ...clients, ...inventoryClients },
      await findPlace(),
      services.clock,
    );
    return {
      buckets: (signal) => inventory.listBuckets(signal),
      machines: (signal) => inventory.listImages(signal),
      'file systems': (signal) => inventory.listFileSystems(signal),
      databases: (signal) => inventory.listDatabases(signal),
      tables: (signal) => inventory.listTables(signal),
    };
  };
  const { clock, random } = services;
  const shared = new DynamoSharedRecords(clients.dynamo, catalogTable, clock, random);
  const snapshots = new EbsSnapshots({ shared, clock, random }, region, findBlockQuota);
  /** Read once: several checks look at one, and nothing here deploys another. */
  const templates = new Map<string, ReturnType<typeof findStackTemplate>>();
  let roles: DeployedRoles | undefined;
  return {
    services,
    openChunkIndex: async () => {
      const table = await names.getStored('ChunkIndexTableName', 'chunkIndexTable');
      return new DynamoChunkIndex(clients.dynamo, table, services.clock, services.random);
    },
    openWork: (bucket) => new S3WorkStore(clients.s3, bucket),
    openTarget: (bucket) => new S3TargetBucket(clients.s3, bucket, clock, random),
    executions: new StepFunctionsExecutions(clients.stepFunctions, async (machine) =>
      names.getMachine(machine),
    ),
    snapshots: images,
    openSnapshots: async () => snapshots.open(),
    sources: {
      kindOf: kindOfArn,
      openFiles: (resource, plan) => openSource({ s3: clients.s3, ...services }, resource, plan),
      listVolumes: async ({ arn, kind }, signal) =>
        kind === 'ebs-volume'
          ? [await images.getVolume(volumeOfArn(arn), signal)]
          : (await images.getMachine(instanceOfArn(arn), signal)).volumes,
      findUsedBytes: async (volumeIds, signal) => images.findUsedBytes(volumeIds, signal),
    },
    inventory: {
      async *list(part, signal) {
        yield* (await openInventory())[part](signal);
      },
      findOwn: async () => {
        const { partition, account } = await findPlace();
        const buckets = (await listOwnBuckets()).map((bucket) => `arn:${partition}:s3:::${bucket}`);
        const tables = [catalogTable, await names.findChunkIndexTable()].map(
          (table) => `arn:${partition}:dynamodb:${region}:${account}:table/${table}`,
        );
        return new Set([...buckets, ...tables] as ResourceArn[]);
      },
    },
    tags: {
      arnOf: async (name) => {
        if (name.startsWith('arn:')) return name as ResourceArn;
        const { partition, account } = await findPlace();
        const [, prefix] = /^(i|vol)-[0-9a-f]{8,17}$/.exec(name) ?? [];
        return (
          prefix === undefined
            ? `arn:${partition}:s3:::${name}`
            : `arn:${partition}:ec2:${region}:${account}:${prefix === 'i' ? 'instance' : 'volume'}/${name}`
        ) as ResourceArn;
      },
      look: async (arn) => sourceTags.look(arn),
      put: async (arn, key, value) => sourceTags.put(arn, key, value),
    },
    deployment: {
      vaultBucket,
      region,
      findPlans: async () => (await findConfiguration())?.plans,
      findSources: findConfiguration,
      findRestoreBuckets: async () => (await findConfiguration())?.restoreTargets.buckets,
      listOwnBuckets,
      findVersion: async () => (await findConfiguration())?.version,
      findWorkers: async () => (await findConfiguration())?.restoreWorkers,
      findBlockQuota,
      readBlockQuotas: async () => readBlockQuotas(inventoryClients.quotas),
      stacks: [options.storageStack, options.pipelineStack, options.monitoringStack],
      findTemplate: async (stack) => {
        const reading = templates.get(stack) ?? findStackTemplate(cloudFormation, stack);
        templates.set(stack, reading);
        return reading;
      },
      listPhysicalIds: async (stack) => listPhysicalIds(cloudFormation, stack),
      findPlace,
      openRoles: async () => {
        // Nothing else needs their clients.
        const { DeployedRoles, makeRoleClients } = await import('@holdfast/aws/iam');
        roles ??= new DeployedRoles(makeRoleClients({ region, credentials }));
        return roles;
      },
      readFunctionsAtOnce: async () => readFunctionsAtOnce(inventoryClients.lambda),
      readSubscriptions: async () => {
        const topic = await names.findAlarmTopic();
        return topic === undefined ? undefined : readSubscriptions(inventoryClients.sns, topic);
      },
      readProtection: async () => {
        const keyArn = await names.findKey();
        return readVaultProtection({ ...clients, ...inventoryClients }, { bucket: vaultBucket, keyArn });
      },
      findCaller: async () => (await clients.sts.send(new GetCallerIdentityCommand({}))).Arn ?? 'unknown',
    },
    close: () => {
      clients.destroy();
      for (const client of Object.values(inventoryClients)) client.destroy();
      snapshots.close();
      roles?.close();
      cloudFormation.destroy();
    },
  };
}

/** Names of what is deployed: options come before the outputs of stacks. */
class DeployedNames {
  readonly #options: ConnectOptions;
  readonly #region: string;
  readonly #storage: StackOutputs;
  readonly #pipeline: StackOutputs;
  readonly #monitoring: StackOutputs;

  constructor(client: CloudFormationClient, options: ConnectOptions, region: string) {
    this.#options = options;
    this.#region = region;
    this.#storage = new StackOutputs(client, options.storageStack);
    this.#pipeline = new StackOutputs(client, options.pipelineStack);
    this.#monitoring = new StackOutputs(client, options.monitoringStack);
  }

  async getStored(
    output: string,
    option: 'vaultBucket' | 'catalogTable' | 'chunkIndexTable',
  ): Promise<string> {
    const flag = `--${option.replaceAll(/[A-Z]/g, '-$&').toLowerCase()}`;
    return this.#options[option] ?? (await this.#get(this.#storage, 'storage', output, flag));
  }

  async getMachine(machine: Machine): Promise<string> {
    const output = `${machine.charAt(0).toUpperCase()}${machine.slice(1)}MachineArn`;
    const given = this.#options[`${machine}MachineArn`];
    return given ?? (await this.#get(this.#pipeline, 'pipeline', output, `--${machine}-machine`));
  }

  /** It is in a stack of its own, or in that of the pipeline. */
  async findAlarmTopic(): Promise<string | undefined> {
    return (await this.#pipeline.find('AlarmTopicArn')) ?? (await this.#monitoring.find('AlarmTopicArn'));
  }

  async findKey(): Promise<string | undefined> {
    return this.#storage.find('KeyArn');
  }

  /** Buckets beside the vault: of work, and of the trail's log. */
  async listOtherBuckets(): Promise<readonly string[]> {
    const outputs = ['WorkBucketName', 'TrailLogBucketName'];
    const names = await Promise.all(outputs.map(async (output) => this.#storage.find(output)));
    return names.filter((name) => name !== undefined);
  }

  async findChunkIndexTable(): Promise<string | undefined> {
    return this.#options.chunkIndexTable ?? (await this.#storage.find('ChunkIndexTableName'));
  }

  async findConfigurationUrl(): Promise<string | undefined> {
    return this.#pipeline.find('ConfigurationUrl');
  }

  async #get(
    outputs: StackOutputs,
    which: 'storage' | 'pipeline',
    output: string,
    flag: string,
  ): Promise<string> {
    const value = await outputs.find(output);
    if (value !== undefined) return value;
    throw new UnknownNameError(
      `stack ${this.#options[`${which}Stack`]} with the output ${output} is not in ${this.#region}; deploy Holdfast ` +
        `there, name the region with --region or the stack with --${which}-stack, or give ${flag}`,
    );
  }
}

/**
 * Reads the configuration, which is optional here: without it, or with one that this program does not understand, ages
 * are shown unjudged, and the restore machine alone refuses targets.
 */
async function readConfiguration(
  s3: AwsClients['s3'],
  url: string | undefined,
): Promise<DeployedConfiguration | undefined> {
  if (url === undefined) return undefined;
  try {
    return await readDeployedConfiguration(s3, url);
  } catch (error) {
    if (isOfKind(error, 'configuration', 'denied')) return undefined;
    throw error;
  }
}

/** Connects to S3 and KMS, and to nothing of a deployment. */
export function connectStorage(
  { region }: Pick<ConnectOptions, 'region'>,
  terminal?: Terminal,
): ConnectedStorage {
  const credentials = credentialsAskedFor(terminal);
  const s3 = makeS3Clients({ region, credentials });
  const kms = makeKmsClient({ region, credentials });
  const clock = new SystemClock();
  let ebs: EbsClients['ebs'] | undefined;
  return {
    openBucket: (name) => new S3ObjectStore(s3, name, clock),
    keyring: new KmsKeyring(kms),
    openSnapshotWriter: async (place, profile) => {
      const { EbsSnapshotWriter, makeEbsClients } = await import('@holdfast/aws/ebs');
      const own = profile === undefined ? credentials : credentialsAskedFor(terminal, profile);
      ({ ebs } = makeEbsClients({ region: place, credentials: own }));
      return new EbsSnapshotWriter(ebs, clock, new SystemRandom());
    },
    close: () => {
      ebs?.destroy();
      s3.s3.destroy();
      s3.s3WithoutRetries.destroy();
      kms.destroy();
    },
  };
}

class StackOutputs {
  readonly #client: CloudFormationClient;
  readonly #stack: string;
  #outputs: Promise<ReadonlyMap<string, string> | undefined> | undefined;

  constructor(client: CloudFormationClient, stack: string) {
    this.#client = client;
    this.#stack = stack;
  }

  /**
   * Finds one output; `undefined` when the stack has none of that name or does not exist. The CDK puts a construct's
   * path before the name of its output, and a hash behind.
   * @throws {@link UnknownNameError} the stack has several deployments.
   */
  async find(name: string): Promise<string | undefined> {
    this.#outputs ??= this.#read();
    const outputs = (await this.#outputs) ?? new Map<string, string>();
    const within = new RegExp(`^\\w+${name}[0-9A-F]{8}$`);
    const [key, ...others] = [...outputs.keys()].filter((found) => found === name || within.test(found));
    if (key === undefined || others.length === 0) return key === undefined ? undefined : outputs.get(key);
    throw new UnknownNameError(
      `stack ${this.#stack} has the outputs ${[key, ...others].join(', ')}; say which deployment by naming its vault, ` +
        'tables and machines: see holdfast help',
    );
  }

  async #read(): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      const { Stacks } = await this.#client.send(new DescribeStacksCommand({ StackName: this.#stack }));
      const outputs = (Stacks?.[0]?.Outputs ?? []).flatMap(({ OutputKey, OutputValue }): [string, string][] =>
        OutputKey === undefined || OutputValue === undefined ? [] : [[OutputKey, OutputValue]],
      );
      return new Map(outputs);
    } catch (error) {
      // CloudFormation has no error of its own for it.
      if (error instanceof Error && /does not exist/i.test(error.message)) return undefined;
      throw toEngineError(error, `reading the outputs of stack ${this.#stack}`);
    }
  }
}
