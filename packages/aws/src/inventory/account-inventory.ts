import { paginateListTables, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { paginateDescribeInstances, paginateDescribeVolumes } from '@aws-sdk/client-ec2';
import { paginateDescribeFileSystems } from '@aws-sdk/client-efs';
import { paginateDescribeDBClusters, paginateDescribeDBInstances } from '@aws-sdk/client-rds';
import { paginateListBuckets } from '@aws-sdk/client-s3';
import { type Clock, type InventoryItem, isOfKind, mapConcurrent, type ResourceArn } from '@holdfast/engine';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';
import { readBucketSizes } from './bucket-sizes.ts';
import type { InventoryClients } from './make-inventory-clients.ts';

const tablesAtOnce = 8;
const gibibyte = 2 ** 30;
const goneStates: ReadonlySet<string> = new Set(['terminated', 'shutting-down']);

/** Account and region that are looked at. */
export interface InventoryPlace {
  readonly region: string;
  readonly account: string;
  readonly partition: string;
}

/**
 * Lists what of an account holds data in one region, with its size where the service tells: provisioned, of volumes
 * and database instances; as S3 measured it a day ago, of buckets. Each list fails by itself: who may not list
 * databases still learns about buckets.
 */
export class AccountInventory {
  readonly #clients: Pick<InventoryClients, 's3' | 'ec2' | 'cloudWatch' | 'efs' | 'rds' | 'dynamo'>;
  readonly #place: InventoryPlace;
  readonly #clock: Clock;

  constructor(
    clients: Pick<InventoryClients, 's3' | 'ec2' | 'cloudWatch' | 'efs' | 'rds' | 'dynamo'>,
    place: InventoryPlace,
    clock: Clock,
  ) {
    this.#clients = clients;
    this.#place = place;
    this.#clock = clock;
  }

  /** @throws {@link AccessDeniedError} the caller may not list buckets; without the right to sizes, they are unknown. */
  async *listBuckets(signal?: AbortSignal): AsyncGenerator<InventoryItem> {
    const { region, partition } = this.#place;
    const { s3, cloudWatch } = this.#clients;
    const sizes = await readBucketSizes(cloudWatch, this.#clock.now(), signal).catch((error: unknown) => {
      if (isOfKind(error, 'denied')) return new Map<string, number>();
      throw error;
    });
    const pages = paginateListBuckets(
      { client: s3 },
      { BucketRegion: region, MaxBuckets: 1000 },
      { abortSignal: signal },
    );
    for await (const { Name = '', BucketRegion = region } of flattened(
      pages,
      'buckets',
      (page) => page.Buckets,
    ))
      if (BucketRegion === region)
        yield {
          arn: `arn:${partition}:s3:::${Name}` as ResourceArn,
          kind: 's3-bucket',
          bytes: sizes.get(Name),
        };
  }

  /** Instances with the volumes that they have, then volumes that no instance has. */
  async *listImages(signal?: AbortSignal): AsyncGenerator<InventoryItem> {
    const { ec2 } = this.#clients;
    const sizes = new Map<string, number>();
    /** A volume may be attached to several. */
    const inUse = new Set<string>();
    const abort = { abortSignal: signal };
    const volumes = paginateDescribeVolumes({ client: ec2 }, { MaxResults: 500 }, abort);
    for await (const { VolumeId = '', Size = 0 } of flattened(volumes, 'volumes', (page) => page.Volumes))
      sizes.set(VolumeId, Size * gibibyte);
    const pages = paginateDescribeInstances({ client: ec2 }, { MaxResults: 500 }, abort);
    const reservations = flattened(pages, 'instances', (page) => page.Reservations);
    for await (const { Instances = [] } of reservations) {
      for (const { InstanceId = '', State, BlockDeviceMappings = [], Tags = [], ...rest } of Instances) {
        if (goneStates.has(State?.Name ?? '')) continue;
        const attached = BlockDeviceMappings.flatMap(({ Ebs }) => Ebs?.VolumeId ?? []);
        for (const volume of attached) inUse.add(volume);
        // Disks of its host, or volumes that were made since volumes were listed: not nothing.
        const isUnknown = rest.RootDeviceType === 'instance-store' || attached.some((one) => !sizes.has(one));
        const bytes = isUnknown
          ? undefined
          : attached.reduce((sum, volume) => sum + (sizes.get(volume) ?? 0), 0);
        const name = Tags.find(({ Key }) => Key === 'Name')?.Value;
        yield {
          arn: this.#ec2Arn('instance', InstanceId),
          kind: 'ec2-instance',
          bytes,
          name,
          consistsOf: attached.map((volume) => this.#ec2Arn('volume', volume)),
        };
      }
    }
    for (const [volume, bytes] of sizes)
      if (!inUse.has(volume)) yield { arn: this.#ec2Arn('volume', volume), kind: 'ebs-volume', bytes };
  }

  async *listFileSystems(signal?: AbortSignal): AsyncGenerator<InventoryItem> {
    const pages = paginateDescribeFileSystems({ client: this.#clients.efs }, {}, { abortSignal: signal });
    const found = flattened(pages, 'file systems', (page) => page.FileSystems);
    for await (const { FileSystemId = '', FileSystemArn, Name, SizeInBytes } of found)
      yield {
        arn: (FileSystemArn ?? this.#arn('elasticfilesystem', `file-system/${FileSystemId}`)) as ResourceArn,
        kind: 'efs-file-system',
        bytes: SizeInBytes?.Value,
        name: Name,
      };
  }

  /** Instances of RDS that hold what no other does, and clusters in place of their members. Replicas hold what their source has. */
  async *listDatabases(signal?: AbortSignal): AsyncGenerator<InventoryItem> {
    const client = this.#clients.rds;
    const abort = { abortSignal: signal };
    const instances = flattened(
      paginateDescribeDBInstances({ client }, {}, abort),
      'databases',
      (page) => page.DBInstances,
    );
    for await (const instance of instances) {
      const { DBInstanceArn = '', DBClusterIdentifier, AllocatedStorage } = instance;
      const isCopy =
        instance.ReadReplicaSourceDBInstanceIdentifier !== undefined ||
        instance.ReadReplicaSourceDBClusterIdentifier !== undefined;
      if (DBClusterIdentifier !== undefined || isCopy) continue;
      yield {
        arn: DBInstanceArn as ResourceArn,
        kind: 'database',
        bytes: AllocatedStorage === undefined ? undefined : AllocatedStorage * gibibyte,
      };
    }
    const clusters = flattened(
      paginateDescribeDBClusters({ client }, {}, abort),
      'database clusters',
      (page) => page.DBClusters,
    );
    for await (const { DBClusterArn = '', ReplicationSourceIdentifier } of clusters)
      if (ReplicationSourceIdentifier === undefined)
        yield { arn: DBClusterArn as ResourceArn, kind: 'database' };
  }

  async *listTables(signal?: AbortSignal): AsyncGenerator<InventoryItem> {
    const { dynamo } = this.#clients;
    const abort = { abortSignal: signal };
    const names = flattened(
      paginateListTables({ client: dynamo }, {}, abort),
      'tables',
      (page) => page.TableNames,
    );
    const describe = async (TableName: string): Promise<InventoryItem | undefined> => {
      try {
        const { Table } = await dynamo.send(new DescribeTableCommand({ TableName }), abort);
        const arn = (Table?.TableArn ?? this.#arn('dynamodb', `table/${TableName}`)) as ResourceArn;
        return { arn, kind: 'dynamodb-table', bytes: Table?.TableSizeBytes };
      } catch (error) {
        // Deleted since it was listed.
        if (errorName(error) === 'ResourceNotFoundException') return undefined;
        throw toEngineError(error, `describing table ${TableName}`);
      }
    };
    for await (const table of mapConcurrent(names, tablesAtOnce, describe))
      if (table !== undefined) yield table;
  }

  #ec2Arn(kind: 'instance' | 'volume', id: string): ResourceArn {
    return this.#arn('ec2', `${kind}/${id}`) as ResourceArn;
  }

  #arn(service: string, name: string): string {
    const { partition, region, account } = this.#place;
    return `arn:${partition}:${service}:${region}:${account}:${name}`;
  }
}

async function* flattened<Page, Item>(
  pages: AsyncIterable<Page>,
  what: string,
  itemsOf: (page: Page) => readonly Item[] | undefined,
): AsyncGenerator<Item> {
  try {
    for await (const page of pages) yield* itemsOf(page) ?? [];
  } catch (error) {
    throw toEngineError(error, `listing ${what}`);
  }
}
