import type { IncomingHttpHeaders } from 'node:http';
import { restOperation, s3Target } from './operation-names.ts';

export interface AwsRequest {
  /** Signing name, as in the credential scope: `s3`, `ec2`, `states`, `tagging`. */
  readonly service: string;
  readonly operation: string;
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly method: string;
  /** Path with its query string, as sent. */
  readonly path: string;
  readonly bucket?: string;
  readonly key?: string;
}

export interface MessageHead {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

interface CredentialScope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

const defaultAccountId = '000000000000';
const defaultAccessKeyId = 'test';
const defaultRegion = 'us-east-1';

function credentialScope(head: MessageHead, query: URLSearchParams): CredentialScope | undefined {
  const header = head.headers.authorization ?? '';
  const credential = /Credential=([^,\s]+)/.exec(header)?.[1] ?? query.get('X-Amz-Credential') ?? '';
  const [accessKeyId, , region, service] = credential.split('/');
  if (!accessKeyId || !region || !service) return undefined;
  return { accessKeyId, region, service };
}

/** Names the service of a call without reading its body; unsigned calls count as S3's. */
export function signedService(head: MessageHead): string {
  const query = new URL(head.url, 'http://gateway').searchParams;
  return credentialScope(head, query)?.service ?? 's3';
}

function formAction(head: MessageHead, body: Uint8Array | undefined): string | undefined {
  if (!body || !(head.headers['content-type'] ?? '').includes('x-www-form-urlencoded')) return undefined;
  return new URLSearchParams(Buffer.from(body).toString('utf8')).get('Action') ?? undefined;
}

/**
 * Reads service, operation, region and account of a call from its signature, headers, path and, for
 * protocols that put the operation there, its form body. A 12-digit access key id is the account.
 */
export function identifyRequest(head: MessageHead, body: Uint8Array | undefined): AwsRequest {
  const url = new URL(head.url, 'http://gateway');
  const scope = credentialScope(head, url.searchParams);
  const service = scope?.service ?? 's3';
  const target = head.headers['x-amz-target'];
  const accessKeyId = scope?.accessKeyId ?? defaultAccessKeyId;
  const common = {
    service,
    region: scope?.region ?? defaultRegion,
    accountId: /^\d{12}$/.test(accessKeyId) ? accessKeyId : defaultAccountId,
    accessKeyId,
    method: head.method,
    path: head.url,
  };
  if (service === 's3') return { ...common, ...s3Target(head.method, head.url, head.headers) };
  const operation =
    (typeof target === 'string' ? target.split('.').at(-1) : undefined) ??
    formAction(head, body) ??
    url.searchParams.get('Action') ??
    restOperation(service, head.method, url.pathname);
  return { ...common, operation };
}
