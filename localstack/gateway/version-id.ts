import type { AwsRequest } from './aws-request.ts';
import { errorReply } from './faults/error-replies.ts';
import type { Reply } from './reply.ts';

/** Ids of S3 have 32 characters, those of the emulators as many or more. */
const wellFormed = /^(?:null|[\w.-]{32,1024})$/;

/**
 * Refuses a version id that S3 would never have given out, with 400 as S3 does: the emulators take it for a version
 * that is not there.
 */
export function refuseVersionId(request: AwsRequest): Reply | undefined {
  const [, query] = request.path.split('?');
  const versionId = new URLSearchParams(query).get('versionId');
  if (request.key === undefined || versionId === null || wellFormed.test(versionId)) return undefined;
  const text = versionId === '' ? 'Version id cannot be the empty string' : 'Invalid version id specified';
  const members = { ArgumentName: 'versionId', ArgumentValue: versionId };
  return errorReply(request, 400, 'InvalidArgument', text, members);
}
