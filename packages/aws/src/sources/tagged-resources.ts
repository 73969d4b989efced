import { DescribeInstancesCommand, DescribeVolumesCommand, type EC2Client } from '@aws-sdk/client-ec2';
import {
  GetResourcesCommand,
  type GetResourcesCommandOutput,
  type ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { GetBucketTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { BackupError, mapConcurrent, type ResourceArn, type ResourceRow } from '@holdfast/engine';
import { toTagRecord } from '../images/ec2-machine.ts';
import { bucketOfArn, instanceOfArn, kindOfArn, type TaggedKind, volumeOfArn } from '../sdk/resource-arns.ts';
import { toTags } from './s3-object-facts.ts';
import { answerOf, errorName, isDenied, toEngineError } from '../sdk/sdk-errors.ts';

/** EC2 takes 200 values of a filter. */
const groupSize = 200;
const bucketsAtOnce = 16;
/**
 * A page's token is good for 15 minutes. Where another call finds it expired, the listing begins again, so many
 * times.
 * @see https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
 */
const mostListings = 3;
/** Kinds in the order in which they are confirmed: a volume goes by its instance. */
const kindsInOrder: readonly TaggedKind[] = ['ec2-instance', 'ebs-volume', 's3-bucket'];
const goneStates: ReadonlySet<string> = new Set(['terminated', 'shutting-down']);

/** A resource that the tag selects, with all its tags, as its own service confirms it. */
export type TaggedResource = Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'tags'>;

type Tags = Readonly<Record<string, string>>;

/** A resource that the tagging index knows with the tag. */
interface Nominee {
  readonly arn: string;
  readonly tags: Tags;
}

export interface Discovery {
  /** The listing of the index that goes on; absent when it is complete. */
  readonly listing?: IndexListing | undefined;
  /** Nominees still to be confirmed: instances, volumes, buckets, once the listing is complete. */
  readonly rest: readonly Nominee[];
  /** The instance that each volume is backed up with. */
  readonly volumes: Readonly<Record<string, Pick<TaggedResource, 'arn' | 'plan'>>>;
}

interface IndexListing {
  /** The next page's token; absent for the first page. */
  readonly token?: string | undefined;
  /** Listings begun so far, this one included. */
  readonly begun: number;
}

export interface DiscoveredGroup {
  readonly resources: readonly TaggedResource[];
  readonly left: Discovery;
}

/** Errors of S3 for a bucket that lost its tags, or is gone. */
const lostItsTags: ReadonlySet<string> = new Set(['NoSuchBucket', 'NoSuchTagSet']);

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

  /**
   * Yields tagged buckets, instances and volumes in groups; a volume of a tagged instance is part of that one. The
   * first groups are empty: each stands for one more page of the index. Another call goes on from any group's `left`.
   */
  async *discover(from?: Discovery, signal?: AbortSignal): AsyncGenerator<DiscoveredGroup, void, undefined> {
    let left = from ?? { listing: { begun: 1 }, rest: [], volumes: {} };
    while (left.listing !== undefined) {
      left = await this.#listPage(left, left.listing, signal);
      yield { resources: [], left };
    }
    while (left.rest.length > 0) {
      const group: DiscoveredGroup = await this.#confirmGroup(left, signal);
      left = group.left;
      yield group;
    }
  }

  async #confirmGroup(
    { rest, volumes }: Discovery,
    signal: AbortSignal | undefined,
  ): Promise<DiscoveredGroup> {
    // All that is nominated has a kind.
    const kind = kindOfArn(rest[0]?.arn ?? '') as TaggedKind;
    const end = rest.findIndex(({ arn }) => kindOfArn(arn) !== kind);
    const group = rest.slice(0, Math.min(end < 0 ? rest.length : end, groupSize));
    const left = { rest: rest.slice(group.length), volumes };
    switch (kind) {
      case 'ec2-instance': {
        const { resources, byVolume } = await this.#confirmInstances(group, signal);
        return { resources, left: { ...left, volumes: { ...volumes, ...byVolume } } };
      }
      case 'ebs-volume':
        return { resources: await this.#confirmVolumes(group, volumes, signal), left };
      case 's3-bucket': {
        const confirm = async (nominee: Nominee) => this.#confirmBucket(nominee, signal);
        const found = await Array.fromAsync(mapConcurrent(group, bucketsAtOnce, confirm));
        return { resources: found.filter((one) => one !== undefined), left };
      }
    }
  }

  /** Reads a page of the index; or goes back to the first one, when the call comes too late for the next. */
  async #listPage(
    left: Discovery,
    { token, begun }: IndexListing,
    signal: AbortSignal | undefined,
  ): Promise<Discovery> {
    const command = new GetResourcesCommand({
      ResourceTypeFilters: ['s3', 'ec2:instance', 'ec2:volume'],
      ResourcesPerPage: 100,
      PaginationToken: token,
    });
    let page: GetResourcesCommandOutput;
    try {
      page = await this.#clients.tagging.send(command, { abortSignal: signal });
    } catch (error) {
      if (errorName(error) === 'PaginationTokenExpiredException' && begun < mostListings)
        return { ...left, listing: { begun: begun + 1 }, rest: [] };
      throw toEngineError(error, 'listing tagged resources');
    }
    const nominees = [...left.rest];
    for (const { ResourceARN, Tags: tags } of page.ResourceTagMappingList ?? []) {
      const nominee = { arn: ResourceARN ?? '', tags: toTagRecord(tags) };
      if (kindOfArn(nominee.arn) === undefined || this.#keyIn(nominee.tags) === undefined) continue;
      nominees.push(nominee);
    }
    const { PaginationToken: next = '' } = page;
    if (next !== '') return { ...left, listing: { token: next, begun }, rest: nominees };
    const byKind = Object.groupBy(nominees, ({ arn }) => kindOfArn(arn) as TaggedKind);
    const rest = kindsInOrder.flatMap((kind) => byKind[kind] ?? []);
    return { rest, volumes: left.volumes };
  }

  async #confirmBucket(
    nominee: Nominee,
    signal: AbortSignal | undefined,
  ): Promise<TaggedResource | undefined> {
    const name = bucketOfArn(nominee.arn);
    try {
      const answer = await this.#clients.s3.send(new GetBucketTaggingCommand({ Bucket: name }), {
        abortSignal: signal,
      });
      return this.#select(nominee.arn, 's3-bucket', toTags(answer.TagSet));
    } catch (error) {
      if (lostItsTags.has(errorName(error))) return undefined;
      const selected = this.#select(nominee.arn, 's3-bucket', nominee.tags);
      const failure = toEngineError(error, `reading the tags of bucket ${name}`);
      // A refusal for one bucket is that bucket's problem; without an answer nothing is known of any.
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
    group: readonly Nominee[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly resources: readonly TaggedResource[]; readonly byVolume: Discovery['volumes'] }> {
    const resources: TaggedResource[] = [];
    const byVolume: Record<string, Pick<TaggedResource, 'arn' | 'plan'>> = {};
    const arns = byId(group, instanceOfArn);
    const Filters = [{ Name: 'instance-id', Values: [...arns.keys()] }];
    const command = new DescribeInstancesCommand({ Filters });
    const sent = this.#clients.ec2.send(command, { abortSignal: signal });
    const answer = await answerOf(sent, 'describing tagged instances');
    for (const instance of (answer.Reservations ?? []).flatMap((one) => one.Instances ?? [])) {
      const arn = arns.get(instance.InstanceId ?? '');
      if (arn === undefined || goneStates.has(instance.State?.Name ?? '')) continue;
      const found = this.#select(arn, 'ec2-instance', toTagRecord(instance.Tags));
      if (found === undefined) continue;
      resources.push(found);
      // A problem means that the instance is not protected, so its volumes must not count as protected by it.
      if (found.problem !== undefined) continue;
      for (const one of instance.BlockDeviceMappings ?? [])
        byVolume[one.Ebs?.VolumeId ?? ''] = { arn: found.arn, plan: found.plan };
    }
    return { resources, byVolume };
  }

  async #confirmVolumes(
    group: readonly Nominee[],
    byVolume: Discovery['volumes'],
    signal: AbortSignal | undefined,
  ): Promise<TaggedResource[]> {
    const resources: TaggedResource[] = [];
    const arns = byId(group, volumeOfArn);
    const Filters = [{ Name: 'volume-id', Values: [...arns.keys()] }];
    const command = new DescribeVolumesCommand({ Filters });
    const sent = this.#clients.ec2.send(command, { abortSignal: signal });
    const answer = await answerOf(sent, 'describing tagged volumes');
    for (const { VolumeId = '', State, Tags: tags } of answer.Volumes ?? []) {
      const arn = arns.get(VolumeId);
      if (arn === undefined || State === 'deleting' || State === 'deleted') continue;
      const found = this.#select(arn, 'ebs-volume', toTagRecord(tags));
      if (found === undefined) continue;
      const instance = byVolume[VolumeId];
      resources.push(instance === undefined ? found : partOf(instance, found));
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

  /** Finds the tag key as the resource spells it; the right spelling comes first. */
  #keyIn(tags: Tags): string | undefined {
    if (Object.hasOwn(tags, this.#tagKey)) return this.#tagKey;
    return Object.keys(tags).find((key) => key.trim().toLowerCase() === this.#tagKey.toLowerCase());
  }
}

/** A problem with the volume's own tag does not matter: the volume goes by the instance's. */
function partOf({ arn, plan }: Pick<TaggedResource, 'arn' | 'plan'>, volume: TaggedResource): TaggedResource {
  const { problem: _own, ...fields } = volume;
  return { ...fields, plan, partOf: arn };
}

function byId(group: readonly Nominee[], idOf: (arn: string) => string): ReadonlyMap<string, string> {
  return new Map(group.map(({ arn }) => [idOf(arn), arn]));
}
