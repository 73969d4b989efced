import type { IncomingHttpHeaders } from 'node:http';

/**
 * Names an S3 call by its API operation, with the bucket and decoded key of its path-style address.
 * @param path - as sent, with its query: a URL would resolve the dots of a key such as `../up`.
 */
export function s3Target(
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
): { readonly operation: string; readonly bucket?: string; readonly key?: string } {
  const [address = '', search] = path.split('?');
  const query = new URLSearchParams(search);
  const [, bucket, ...rest] = address.split('/');
  const key = rest.join('/');
  if (!bucket) return { operation: 'ListBuckets' };
  if (!key) return { operation: bucketOperation(method, query), bucket: decoded(bucket) };
  return {
    operation: objectOperation(method, query, headers),
    bucket: decoded(bucket),
    key: decoded(key),
  };
}

/** Decodes the escapes of a path; malformed text is taken as it is. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const subresources: ReadonlyMap<string, string> = new Map([
  ['abac', 'BucketAbac'],
  ['acl', 'Acl'],
  ['cors', 'BucketCors'],
  ['encryption', 'BucketEncryption'],
  ['legal-hold', 'ObjectLegalHold'],
  ['lifecycle', 'BucketLifecycleConfiguration'],
  ['location', 'BucketLocation'],
  ['notification', 'BucketNotificationConfiguration'],
  ['object-lock', 'ObjectLockConfiguration'],
  ['policy', 'BucketPolicy'],
  ['publicAccessBlock', 'PublicAccessBlock'],
  ['retention', 'ObjectRetention'],
  ['versioning', 'BucketVersioning'],
]);

const verbs: Readonly<Record<string, string>> = {
  GET: 'Get',
  HEAD: 'Head',
  PUT: 'Put',
  POST: 'Post',
  DELETE: 'Delete',
};

function subresourceOperation(method: string, query: URLSearchParams, tagging: string): string | undefined {
  if (query.has('tagging')) return `${verbs[method] ?? method}${tagging}`;
  for (const [parameter, name] of subresources) {
    if (query.has(parameter)) return `${verbs[method] ?? method}${name}`;
  }
  return undefined;
}

function bucketOperation(method: string, query: URLSearchParams): string {
  if (method === 'POST' && query.has('delete')) return 'DeleteObjects';
  if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads';
  if (method === 'GET' && query.has('versions')) return 'ListObjectVersions';
  const subresource = subresourceOperation(method, query, 'BucketTagging');
  if (subresource) return subresource;
  if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  if (method === 'PUT') return 'CreateBucket';
  return `${verbs[method] ?? method}Bucket`;
}

function objectOperation(method: string, query: URLSearchParams, headers: IncomingHttpHeaders): string {
  const copies = headers['x-amz-copy-source'] !== undefined;
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload';
  if (query.has('uploadId')) {
    if (method === 'PUT') return copies ? 'UploadPartCopy' : 'UploadPart';
    if (method === 'POST') return 'CompleteMultipartUpload';
    return method === 'GET' ? 'ListParts' : 'AbortMultipartUpload';
  }
  if (method === 'POST' && query.has('restore')) return 'RestoreObject';
  if (method === 'POST' && query.has('select')) return 'SelectObjectContent';
  if (method === 'GET' && query.has('attributes')) return 'GetObjectAttributes';
  const subresource = subresourceOperation(method, query, 'ObjectTagging');
  if (subresource) return subresource;
  return method === 'PUT' && copies ? 'CopyObject' : `${verbs[method] ?? method}Object`;
}

const restOperations: readonly (readonly [
  service: string,
  method: string,
  path: RegExp,
  operation: string,
])[] = [
  ['lambda', 'POST', /\/functions\/[^/]+\/invocations$/, 'Invoke'],
  ['lambda', 'POST', /\/functions$/, 'CreateFunction'],
  ['lambda', 'GET', /\/functions\/?$/, 'ListFunctions'],
  ['lambda', 'GET', /\/functions\/[^/]+$/, 'GetFunction'],
  ['lambda', 'DELETE', /\/functions\/[^/]+$/, 'DeleteFunction'],
  ['lambda', 'GET', /\/functions\/[^/]+\/configuration$/, 'GetFunctionConfiguration'],
  ['lambda', 'PUT', /\/functions\/[^/]+\/configuration$/, 'UpdateFunctionConfiguration'],
  ['lambda', 'PUT', /\/functions\/[^/]+\/code$/, 'UpdateFunctionCode'],
  ['scheduler', 'POST', /^\/schedules\/[^/]+$/, 'CreateSchedule'],
  ['scheduler', 'GET', /^\/schedules\/[^/]+$/, 'GetSchedule'],
  ['scheduler', 'PUT', /^\/schedules\/[^/]+$/, 'UpdateSchedule'],
  ['scheduler', 'DELETE', /^\/schedules\/[^/]+$/, 'DeleteSchedule'],
  ['scheduler', 'GET', /^\/schedules$/, 'ListSchedules'],
  ['ebs', 'GET', /^\/snapshots\/[^/]+\/blocks$/, 'ListSnapshotBlocks'],
  ['ebs', 'GET', /^\/snapshots\/[^/]+\/changedblocks$/, 'ListChangedBlocks'],
  ['ebs', 'GET', /^\/snapshots\/[^/]+\/blocks\/\d+$/, 'GetSnapshotBlock'],
  ['ebs', 'PUT', /^\/snapshots\/[^/]+\/blocks\/\d+$/, 'PutSnapshotBlock'],
  ['ebs', 'POST', /^\/snapshots$/, 'StartSnapshot'],
  ['ebs', 'POST', /^\/snapshots\/completion\/[^/]+$/, 'CompleteSnapshot'],
];

/** Names a call of a REST or CBOR service; an operation that is not listed is its method and path. */
export function restOperation(service: string, method: string, pathname: string): string {
  const rpc = /\/operation\/(\w+)$/.exec(pathname)?.[1];
  if (rpc) return rpc;
  const known = restOperations.find(
    ([of, verb, path]) => of === service && verb === method && path.test(pathname),
  );
  return known?.[3] ?? `${method} ${pathname}`;
}
