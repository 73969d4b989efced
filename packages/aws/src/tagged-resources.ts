import { DescribeInstancesCommand, DescribeVolumesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import {
  GetResourcesCommand,
  type GetResourcesCommandOutput,
  type ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { GetBucketTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { BackupError, type ResourceArn, type ResourceRow } from '@holdfast/engine';
import { toTagRecord } from './ec2-machine.ts';
import { toTags } from './s3-object-facts.ts';
import { errorName, isDenied, toEngineError } from './sdk-errors.ts';
import { sendOptions } from './send-options.ts';

/** EC2 takes 200 values of a filter. */
const filterValues = 200;
const goneStates: ReadonlySet<string> = new Set(['terminated', 'shutting-down']);

/** A resource that the tag selects, with all its tags, as its own service confirms it. */
export type TaggedResource = Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'tags'>;

type Tags = Readonly<Record<string, string>>;

interface Nominee {
  readonly arn: string;
  readonly tags: Tags;
}

/** What S3 says of a bucket that lost its tags, or is gone. */
const lostItsTags: ReadonlySet<string> = new Set(['NoSuchBucket', 'NoSuchTagSet']);

/** The clients that discovery needs. */
export interface DiscoveryClients {
  readonly tagging: ResourceGroupsTaggingAPIClient;
  readonly s3: S3Client;
  readonly ec2: EC2Client;
}

/**
 * Finds what a tag selects in this region. The tagging index nominates, as it runs minutes behind and lists resources
 * that lost the tag; each service confirms its own. The index is asked for all tagged resources of our kinds, not for
 * the tag, because its filter knows no other spelling and `Holdfast:Plan` would be left unprotected in silence.
 */
export class TaggedResources {
  readonly #clients: DiscoveryClients;
  readonly #tagKey: string;

  constructor(clients: DiscoveryClients, tagKey: string) {
    this.#clients = clients;
    this.#tagKey = tagKey;
  }

  /** Tagged buckets, instances and volumes, by ARN; a volume of a tagged instance is part of that one. */
  async discover(signal?: AbortSignal): Promise<TaggedResource[]> {
    const nominees = (await this.#nominate(signal)).filter(({ tags }) => this.#keyIn(tags) !== undefined);
    const instances = await this.#confirmInstances(nominees, signal);
    const volumes = await this.#confirmVolumes(nominees, instances.byVolume, signal);
    const buckets: TaggedResource[] = [];
    for (const nominee of nominees) {
      const name = /^arn:[\w-]+:s3:::([^/]+)$/.exec(nominee.arn)?.[1];
      const found = name === undefined ? undefined : await this.#confirmBucket(nominee, name, signal);
      if (found !== undefined) buckets.push(found);
    }
    return [...buckets, ...instances.resources, ...volumes].sort((a, b) => (a.arn < b.arn ? -1 : 1));
  }

  async #nominate(signal: AbortSignal | undefined): Promise<Nominee[]> {
    const nominees: Nominee[] = [];
    let token: string | undefined;
    do {
      const command: GetResourcesCommand = new GetResourcesCommand({
        ResourceTypeFilters: ['s3', 'ec2:instance', 'ec2:volume'],
        ResourcesPerPage: 100,
        PaginationToken: token,
      });
      const page: GetResourcesCommandOutput = await this.#clients.tagging
        .send(command, sendOptions(signal))
        .catch((error: unknown) => {
          throw toEngineError(error, 'listing tagged resources');
        });
      for (const { ResourceARN, Tags: tags } of page.ResourceTagMappingList ?? []) {
        if (ResourceARN !== undefined) nominees.push({ arn: ResourceARN, tags: toTagRecord(tags) });
      }
      token = page.PaginationToken;
    } while (token !== undefined && token !== '');
    return nominees;
  }

  async #confirmBucket(
    nominee: Nominee,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<TaggedResource | undefined> {
    try {
      const answer = await this.#clients.s3.send(
        new GetBucketTaggingCommand({ Bucket: name }),
        sendOptions(signal),
      );
      return this.#select(nominee.arn, 's3-bucket', toTags(answer.TagSet));
    } catch (error) {
      if (lostItsTags.has(errorName(error))) return undefined;
      const selected = this.#select(nominee.arn, 's3-bucket', nominee.tags);
      const failure = toEngineError(error, `reading the tags of bucket ${name}`);
      // What S3 refuses for one bucket is that bucket's problem; without an answer nothing is known of any.
      if (!(failure instanceof BackupError) || failure.retry === 'later' || selected === undefined)
        throw failure;
      return {
        ...selected,
        problem: isDenied(error)
          ? `the tags of bucket ${name} may not be read; allow s3:GetBucketTagging on it`
          : failure.message,
      };
    }
  }

  async #confirmInstances(
    nominees: readonly Nominee[],
    signal: AbortSignal | undefined,
  ): Promise<{
    readonly resources: TaggedResource[];
    readonly byVolume: ReadonlyMap<string, TaggedResource>;
  }> {
    const resources: TaggedResource[] = [];
    const byVolume = new Map<string, TaggedResource>();
    for (const arns of byId(nominees, /:instance\/(i-\w+)$/)) {
      const Filters = [{ Name: 'instance-id', Values: [...arns.keys()] }];
      const command = new DescribeInstancesCommand({ Filters });
      const answer = await this.#clients.ec2.send(command, sendOptions(signal)).catch((error: unknown) => {
        throw toEngineError(error, 'describing tagged instances');
      });
      for (const instance of (answer.Reservations ?? []).flatMap((one) => one.Instances ?? [])) {
        const arn = arns.get(instance.InstanceId ?? '');
        if (arn === undefined || goneStates.has(instance.State?.Name ?? '')) continue;
        const found = this.#select(arn, 'ec2-instance', toTagRecord(instance.Tags));
        if (found === undefined) continue;
        resources.push(found);
        // A problem means that the instance is not protected, so its volumes must not count as protected by it.
        if (found.problem !== undefined) continue;
        for (const one of instance.BlockDeviceMappings ?? []) byVolume.set(one.Ebs?.VolumeId ?? '', found);
      }
    }
    return { resources, byVolume };
  }

  async #confirmVolumes(
    nominees: readonly Nominee[],
    byVolume: ReadonlyMap<string, TaggedResource>,
    signal: AbortSignal | undefined,
  ): Promise<TaggedResource[]> {
    const resources: TaggedResource[] = [];
    for (const arns of byId(nominees, /:volume\/(vol-\w+)$/)) {
      const Filters = [{ Name: 'volume-id', Values: [...arns.keys()] }];
      const command = new DescribeVolumesCommand({ Filters });
      const answer = await this.#clients.ec2.send(command, sendOptions(signal)).catch((error: unknown) => {
        throw toEngineError(error, 'describing tagged volumes');
      });
      for (const { VolumeId = '', State, Tags: tags } of answer.Volumes ?? []) {
        const arn = arns.get(VolumeId);
        if (arn === undefined || State === 'deleting' || State === 'deleted') continue;
        const found = this.#select(arn, 'ebs-volume', toTagRecord(tags));
        if (found === undefined) continue;
        const instance = byVolume.get(VolumeId);
        resources.push(instance === undefined ? found : partOf(instance, found));
      }
    }
    return resources;
  }

  #select(arn: string, kind: ResourceRow['kind'], tags: Tags): TaggedResource | undefined {
    const key = this.#keyIn(tags);
    if (key === undefined) return undefined;
    const resource = { arn: arn as ResourceArn, kind, plan: tags[key] ?? '', tags };
    if (key === this.#tagKey) return resource;
    return { ...resource, problem: `its tag is spelled "${key}"; spell it "${this.#tagKey}"` };
  }

  /** The tag key as the resource spells it; the right spelling first. */
  #keyIn(tags: Tags): string | undefined {
    if (Object.hasOwn(tags, this.#tagKey)) return this.#tagKey;
    return Object.keys(tags).find((key) => key.trim().toLowerCase() === this.#tagKey.toLowerCase());
  }
}

/** What is wrong with its own tag does not matter: it goes by the instance's. */
function partOf({ arn, plan }: TaggedResource, volume: TaggedResource): TaggedResource {
  const { problem: _own, ...fields } = volume;
  return { ...fields, plan, partOf: arn };
}

/** ARNs by the id in them, in groups that one call takes. */
function byId(nominees: readonly Nominee[], pattern: RegExp): ReadonlyMap<string, string>[] {
  const pairs = nominees.flatMap(({ arn }): [string, string][] => {
    const id = pattern.exec(arn)?.[1];
    return id === undefined ? [] : [[id, arn]];
  });
  const groups: ReadonlyMap<string, string>[] = [];
  for (let start = 0; start < pairs.length; start += filterValues) {
    groups.push(new Map(pairs.slice(start, start + filterValues)));
  }
  return groups;
}
