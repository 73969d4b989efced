import * as z from 'zod';
import type { AwsRequest } from './aws-request.ts';
import type { Ec2Service } from './ec2/ec2-service.ts';
import { later } from './ec2/region.ts';
import { resourceTypeOf } from './ec2/tags.ts';
import { errorReply } from './faults/error-replies.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { TaggedBuckets, TaggedResource } from './tagged-buckets.ts';

const GetResourcesInput = z.looseObject({
  PaginationToken: z.string().optional(),
  ResourcesPerPage: z.number().int().optional(),
  ResourceTypeFilters: z.array(z.string()).default([]),
  ResourceARNList: z.array(z.string()).default([]),
  TagFilters: z.array(z.object({ Key: z.string(), Values: z.array(z.string()).default([]) })).default([]),
});
type GetResourcesInput = z.infer<typeof GetResourcesInput>;

export interface TaggedPage {
  readonly ResourceTagMappingList: readonly TaggedResource[];
  readonly PaginationToken?: string;
}

/** Place that a token stands for: first the upstream's pages, then our resources in the order of their ARNs. */
type Position =
  | { readonly from: 'upstream'; readonly token: string }
  | { readonly from: 'ours'; readonly after: string };

const defaultPage = 100;
const ourTypes: ReadonlySet<string> = new Set([
  's3',
  's3:bucket',
  'ec2',
  'ec2:instance',
  'ec2:volume',
  'ec2:snapshot',
  'ec2:image',
]);
const ourArns = /^arn:aws:(s3:::|ec2:[^:]*:[^:]*:(instance|volume|snapshot|image)\/)/;

export interface TaggedModels {
  readonly ec2: Ec2Service;
  readonly buckets: Pick<TaggedBuckets, 'list'>;
  /** Sends the call on with another body and resolves with the parsed answer. */
  readonly askUpstream: (input: object) => Promise<TaggedPage | Reply>;
}

/**
 * Answers GetResources over all models: our EC2, buckets, and what else the emulator knows. Like AWS, a resource that
 * lost its last tag is still listed, with no tags, when no tag is asked for; and the index of EC2 can run behind by the
 * setting `tagIndexLagMs`.
 * @see https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
 */
export async function getResources(
  request: AwsRequest,
  body: Uint8Array,
  models: TaggedModels,
): Promise<Reply> {
  const refuse = (message: string) => errorReply(request, 400, 'InvalidParameterException', message);
  const parsed = GetResourcesInput.safeParse(JSON.parse(Buffer.from(body).toString('utf8') || '{}'));
  if (!parsed.success) return refuse(z.prettifyError(parsed.error));
  const input = parsed.data;
  const { PaginationToken, ResourcesPerPage, ResourceARNList, ResourceTypeFilters, TagFilters } = input;
  const perPage = ResourcesPerPage ?? defaultPage;
  if (perPage < 1 || perPage > 100) return refuse(`ResourcesPerPage ${perPage} is not between 1 and 100`);
  const otherFilters = ResourceTypeFilters.length + TagFilters.length;
  if (ResourceARNList.length > 0 && (otherFilters > 0 || ResourcesPerPage !== undefined || PaginationToken)) {
    return refuse('ResourceARNList is not possible with filters or pages');
  }
  const position = PaginationToken ? readPosition(PaginationToken) : firstPosition(input);
  if (!position) {
    const message = `token ${PaginationToken} is not valid`;
    return errorReply(request, 400, 'PaginationTokenExpiredException', message);
  }
  if (position.from === 'ours')
    return ourPage([], await listOurs(request, models, input), position.after, perPage);
  const answer = await models.askUpstream({ ...input, PaginationToken: position.token });
  if ('status' in answer) return answer;
  const theirs = answer.ResourceTagMappingList.filter((one) => !ourArns.test(one.ResourceARN));
  if (answer.PaginationToken) return page(theirs, { from: 'upstream', token: answer.PaginationToken });
  return ourPage(theirs, await listOurs(request, models, input), '', perPage);
}

function firstPosition({ ResourceTypeFilters: types, ResourceARNList: arns }: GetResourcesInput): Position {
  const onlyOurs =
    (types.length > 0 && types.every((type) => ourTypes.has(type))) ||
    (arns.length > 0 && arns.every((arn) => ourArns.test(arn)));
  return onlyOurs ? { from: 'ours', after: '' } : { from: 'upstream', token: '' };
}

function readPosition(token: string): Position | undefined {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Position;
  } catch {
    return undefined;
  }
}

function page(resources: readonly TaggedResource[], next: Position | undefined): Reply {
  const PaginationToken = next ? Buffer.from(JSON.stringify(next)).toString('base64url') : '';
  return jsonReply(200, { PaginationToken, ResourceTagMappingList: resources }, 'application/x-amz-json-1.1');
}

/** Fills a page with our resources, behind those of the upstream. */
function ourPage(
  before: readonly TaggedResource[],
  ours: readonly TaggedResource[],
  after: string,
  perPage: number,
): Reply {
  const left = ours.filter(({ ResourceARN }) => ResourceARN > after);
  const shown = left.slice(0, Math.max(0, perPage - before.length));
  const last = shown.at(-1)?.ResourceARN ?? after;
  return page([...before, ...shown], shown.length < left.length ? { from: 'ours', after: last } : undefined);
}

/** Our resources that the call asks for, in the order of their ARNs. */
async function listOurs(
  request: AwsRequest,
  { ec2, buckets }: TaggedModels,
  input: GetResourcesInput,
): Promise<TaggedResource[]> {
  const { ResourceTypeFilters: types, ResourceARNList: arns, TagFilters } = input;
  const accepts = (service: string, type: string) =>
    types.length === 0 || types.includes(service) || types.includes(`${service}:${type}`);
  const listed = [
    ...(accepts('s3', 'bucket') ? await buckets.list(request) : []),
    ...listEc2(request, ec2, (type) => accepts('ec2', type)),
  ];
  return listed
    .filter(({ ResourceARN, Tags }) => {
      if (arns.length > 0 && !arns.includes(ResourceARN)) return false;
      return TagFilters.every(({ Key, Values }) =>
        Tags.some((tag) => tag.Key === Key && (Values.length === 0 || Values.includes(tag.Value))),
      );
    })
    .sort((one, other) => (one.ResourceARN < other.ResourceARN ? -1 : 1));
}

function listEc2(request: AwsRequest, ec2: Ec2Service, accepts: (type: string) => boolean): TaggedResource[] {
  const region = ec2.region(request.accountId, request.region);
  const seenAt = later(ec2.now(), -ec2.settings.tagIndexLagMs);
  return region.tags.listIds().flatMap((resourceId) => {
    const type = resourceTypeOf(resourceId);
    const tags = region.tags.findAt(resourceId, seenAt);
    if (!type || !tags || !accepts(type)) return [];
    const ResourceARN = `arn:aws:ec2:${region.name}:${region.accountId}:${type}/${resourceId}`;
    return [{ ResourceARN, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }];
  });
}
