import * as z from 'zod';
import type { AwsRequest } from './aws-request.ts';
import type { Ec2Service } from './ec2/ec2-service.ts';
import { later } from './ec2/region.ts';
import { resourceTypeOf } from './ec2/tags.ts';
import { errorReply } from './faults/error-replies.ts';
import { jsonReply, type Reply } from './reply.ts';

const GetResourcesInput = z.looseObject({
  PaginationToken: z.string().optional(),
  ResourcesPerPage: z.number().int().optional(),
  ResourceTypeFilters: z.array(z.string()).default([]),
  ResourceARNList: z.array(z.string()).default([]),
  TagFilters: z.array(z.object({ Key: z.string(), Values: z.array(z.string()).default([]) })).default([]),
});
type GetResourcesInput = z.infer<typeof GetResourcesInput>;

/** One page of the emulator's own answer to GetResources. */
export interface TaggedPage {
  readonly ResourceTagMappingList: readonly TaggedResource[];
  readonly PaginationToken?: string;
}

interface TaggedResource {
  readonly ResourceARN: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** Tokens say which half is being read: first the upstream's pages, then our EC2 resources. */
type Position =
  | { readonly from: 'upstream'; readonly token: string }
  | { readonly from: 'ec2'; readonly offset: number };

const defaultPage = 100;

/**
 * Answers GetResources over both models. Like AWS, a resource that lost its last tag is still listed, with no
 * tags, when no tag is asked for; and the index can run behind by the EC2 setting `tagIndexLagMs`.
 * @param askUpstream - sends the call on with another body and resolves with the parsed answer.
 */
export async function getResources(
  request: AwsRequest,
  body: Uint8Array,
  ec2: Ec2Service,
  askUpstream: (input: object) => Promise<TaggedPage | Reply>,
): Promise<Reply> {
  const parsed = GetResourcesInput.safeParse(JSON.parse(Buffer.from(body).toString('utf8') || '{}'));
  if (!parsed.success)
    return errorReply(request, 400, 'InvalidParameterException', z.prettifyError(parsed.error));
  const input = parsed.data;
  const perPage = input.ResourcesPerPage ?? defaultPage;
  if (perPage < 1 || perPage > 100) {
    return errorReply(
      request,
      400,
      'InvalidParameterException',
      `ResourcesPerPage ${perPage} is not between 1 and 100`,
    );
  }
  const position = input.PaginationToken ? readPosition(input.PaginationToken) : firstPosition(input);
  if (!position) {
    return errorReply(
      request,
      400,
      'PaginationTokenExpiredException',
      `token ${input.PaginationToken} is not valid`,
    );
  }
  if (position.from === 'ec2') return ec2Page(listEc2(request, ec2, input), position.offset, perPage);
  const answer = await askUpstream({ ...input, PaginationToken: position.token });
  if ('status' in answer) return answer;
  const resources = answer.ResourceTagMappingList.filter((one) => !isOurs(one.ResourceARN));
  const ours = listEc2(request, ec2, input);
  if (answer.PaginationToken) return page(resources, { from: 'upstream', token: answer.PaginationToken });
  const room = Math.max(0, perPage - resources.length);
  const rest = ours.slice(0, room);
  return page(
    [...resources, ...rest],
    rest.length < ours.length ? { from: 'ec2', offset: rest.length } : undefined,
  );
}

function firstPosition(input: GetResourcesInput): Position {
  const types = input.ResourceTypeFilters;
  const onlyEc2 =
    types.length > 0 &&
    types.every((type) => type === 'ec2' || /^ec2:(instance|volume|snapshot|image)$/.test(type));
  return onlyEc2 ? { from: 'ec2', offset: 0 } : { from: 'upstream', token: '' };
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

function ec2Page(all: readonly TaggedResource[], offset: number, perPage: number): Reply {
  const end = offset + perPage;
  return page(all.slice(offset, end), end < all.length ? { from: 'ec2', offset: end } : undefined);
}

function isOurs(arn: string): boolean {
  return /^arn:aws:ec2:[^:]*:[^:]*:(instance|volume|snapshot|image)\//.test(arn);
}

function listEc2(request: AwsRequest, ec2: Ec2Service, input: GetResourcesInput): TaggedResource[] {
  const region = ec2.region(request.accountId, request.region);
  const seenAt = later(ec2.now(), -ec2.settings.tagIndexLagMs);
  return region.tags.listIds().flatMap((resourceId) => {
    const type = resourceTypeOf(resourceId);
    const tags = region.tags.findAt(resourceId, seenAt);
    if (!type || !tags || !acceptsType(input, type)) return [];
    const ResourceARN = `arn:aws:ec2:${region.name}:${region.accountId}:${type}/${resourceId}`;
    if (input.ResourceARNList.length > 0 && !input.ResourceARNList.includes(ResourceARN)) return [];
    const matches = input.TagFilters.every(
      ({ Key, Values }) => tags[Key] !== undefined && (Values.length === 0 || Values.includes(tags[Key])),
    );
    if (!matches) return [];
    return [{ ResourceARN, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }];
  });
}

function acceptsType(input: GetResourcesInput, type: string): boolean {
  const types = input.ResourceTypeFilters;
  return types.length === 0 || types.includes('ec2') || types.includes(`ec2:${type}`);
}
