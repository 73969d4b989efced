import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AwsRequest } from '../aws-request.ts';
import { errorReply } from '../faults/error-replies.ts';
import { decoded } from '../operation-names.ts';
import { readBody, type Upstream } from '../passthrough.ts';
import type { Reply } from '../reply.ts';
import { parseRestoreRequest } from './restore-request.ts';
import { ArchiveSettings } from './settings.ts';
import { Thaws, type ThawStanding } from './thaws.ts';

const archiveClasses: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const copies: ReadonlySet<string> = new Set(['CopyObject', 'UploadPartCopy']);
const reads: ReadonlySet<string> = new Set(['GetObject', 'HeadObject']);
const largestRestoreRequest = 64 * 1024;

interface ArchivedObject {
  readonly id: string;
  readonly storageClass: string;
}

/** Outcome of a read: another answer instead of the emulator's, or the same one with other headers. */
export type ReviewedRead =
  | { readonly instead: Reply }
  | { readonly headers: Readonly<Record<string, string | undefined>> };

/**
 * S3's archive classes in front of an emulator that lets everything be read: objects of GLACIER and DEEP_ARCHIVE are
 * refused until a RestoreObject of that version has ended, and again after its days.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
 */
export class S3Archive {
  settings: ArchiveSettings = ArchiveSettings.parse({});
  readonly #upstream: Upstream;
  readonly #now: () => Date;
  readonly #thaws = new Thaws();

  constructor(upstream: Upstream, now: () => Date) {
    this.#upstream = upstream;
    this.#now = now;
  }

  /**
   * Answers a RestoreObject, and copies of objects that cannot be read.
   * @returns `undefined` when the call is for the emulator.
   */
  async answer(request: AwsRequest, message: IncomingMessage): Promise<Reply | undefined> {
    if (request.operation === 'RestoreObject') return this.#restore(request, message);
    if (!copies.has(request.operation)) return undefined;
    const path = pathOfSource(String(message.headers['x-amz-copy-source']));
    const source = await this.#upstream.head(path, message);
    const archived = archivedObject(request, path, source.headers);
    if (archived === undefined || this.#standing(archived)?.state === 'thawed') return undefined;
    return refusal(request, archived, "Operation is not valid for the source object's storage class");
  }

  /**
   * Reviews the head of the emulator's answer.
   * @returns `undefined` when it goes to the client as it is.
   */
  review(request: AwsRequest, answer: IncomingMessage): ReviewedRead | undefined {
    if (!reads.has(request.operation) || answer.statusCode === undefined || answer.statusCode >= 300)
      return undefined;
    const archived = archivedObject(request, request.path, answer.headers);
    if (archived === undefined) return undefined;
    const standing = this.#standing(archived);
    if (request.operation === 'GetObject' && standing?.state !== 'thawed') {
      const message = "The operation is not valid for the object's storage class";
      return { instead: refusal(request, archived, message) };
    }
    return { headers: { 'x-amz-restore': restoreHeader(standing) } };
  }

  async #restore(request: AwsRequest, message: IncomingMessage): Promise<Reply> {
    const body = await readBody(message, largestRestoreRequest);
    const [rawPath = '', query] = request.path.split('?');
    const versionId = new URLSearchParams(query).get('versionId');
    const path = versionId === null ? rawPath : `${rawPath}?versionId=${encodeURIComponent(versionId)}`;
    const found = await this.#upstream.head(path, message);
    if (found.statusCode !== 200) return missing(request, found.statusCode, versionId !== null);
    const archived = archivedObject(request, path, found.headers);
    if (archived === undefined) {
      const text = "Restore is not allowed for the object's current storage class";
      return errorReply(request, 403, 'InvalidObjectState', text);
    }
    const asked = parseRestoreRequest(body);
    if (asked === undefined) {
      const text =
        'The XML you provided was not well-formed or did not validate against our published schema';
      return errorReply(request, 400, 'MalformedXML', text);
    }
    if (asked.tier === 'Expedited' && archived.storageClass === 'DEEP_ARCHIVE') {
      const text = 'Retrieval option is not supported by this storage class';
      return errorReply(request, 400, 'InvalidArgument', text);
    }
    const standing = this.#standing(archived);
    if (standing?.state === 'thawing')
      return errorReply(request, 409, 'RestoreAlreadyInProgress', 'Object restore is already in progress');
    this.#thaws.thaw(archived.id, this.#now(), asked.days, standing);
    // An emulator that guards its archive itself, as LocalStack does, has to open it as well.
    await readBody(await this.#upstream.forward(message, body), Infinity);
    return { status: standing === undefined ? 202 : 200, headers: {}, body: '' };
  }

  #standing({ id }: ArchivedObject): ThawStanding {
    return this.#thaws.standing(id, this.#now(), this.settings.thawMs);
  }
}

function archivedObject(
  { accountId }: AwsRequest,
  path: string,
  headers: IncomingHttpHeaders,
): ArchivedObject | undefined {
  const storageClass = String(headers['x-amz-storage-class'] ?? '');
  if (!archiveClasses.has(storageClass)) return undefined;
  const name = decoded(path.split('?')[0] ?? '');
  // Without versioning, time and content tell an object from the one that it replaced.
  const version = [headers['x-amz-version-id'], headers['last-modified'], headers.etag].join(' ');
  return { id: `${accountId} ${name} ${version}`, storageClass };
}

function pathOfSource(copySource: string): string {
  return copySource.startsWith('/') ? copySource : `/${copySource}`;
}

function refusal(request: AwsRequest, { storageClass }: ArchivedObject, message: string): Reply {
  return errorReply(request, 403, 'InvalidObjectState', message, { StorageClass: storageClass });
}

/** Makes the error from the status alone, as a HEAD has no body. */
function missing(request: AwsRequest, status: number | undefined, isVersion: boolean): Reply {
  if (status === 405)
    return errorReply(
      request,
      405,
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
    );
  if (status === 404) {
    return isVersion
      ? errorReply(request, 404, 'NoSuchVersion', 'The specified version does not exist.')
      : errorReply(request, 404, 'NoSuchKey', 'The specified key does not exist.');
  }
  return errorReply(request, 403, 'AccessDenied', 'Access Denied');
}

function restoreHeader(standing: ThawStanding): string | undefined {
  if (standing === undefined) return undefined;
  if (standing.state === 'thawing') return 'ongoing-request="true"';
  return `ongoing-request="false", expiry-date="${standing.expiresAt.toUTCString()}"`;
}
