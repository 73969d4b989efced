import type { IncomingMessage } from 'node:http';
import type { AwsRequest } from './aws-request.ts';
import { readBody, type Upstream } from './passthrough.ts';
import type { Reply } from './reply.ts';

const listings: ReadonlySet<string> = new Set(['ListObjects', 'ListObjectsV2', 'ListObjectVersions']);
const largestPage = 16 * 1024 * 1024;
/** What EncodingType encodes of an answer. */
const encoded = /<(Key|Prefix|Delimiter|StartAfter|Marker|NextMarker|KeyMarker|NextKeyMarker)>([^<]*)<\/\1>/g;
const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Percent-encoded listings of LocalStack, which compares the encoded keys with where a page begins, and so loses those
 * whose order the encoding changes. It is asked for them as they are, and they are encoded here.
 */
export class EncodedListings {
  readonly #upstream: Upstream;
  #needed: Promise<boolean> | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** `undefined`: the call is for the emulator. */
  async answer(request: AwsRequest, message: IncomingMessage): Promise<Reply | undefined> {
    const [pathname = '', query] = request.path.split('?');
    const parameters = (query ?? '').split('&');
    const others = parameters.filter((parameter) => parameter !== 'encoding-type=url');
    if (!listings.has(request.operation) || others.length === parameters.length) return undefined;
    this.#needed ??= this.#isLocalStack();
    if (!(await this.#needed)) return undefined;
    const answer = await this.#upstream.get(`${pathname}?${others.join('&')}`, message);
    const body = await readBody(answer, largestPage);
    const headers = { 'content-type': answer.headers['content-type'] ?? 'application/xml' };
    if (answer.statusCode !== 200) return { status: answer.statusCode ?? 502, headers, body };
    return { status: 200, headers, body: encodeNames(body.toString('utf8')) };
  }

  async #isLocalStack(): Promise<boolean> {
    const url = new URL('/_localstack/health', this.#upstream.url);
    return fetch(url).then(
      (response) => response.ok,
      () => false,
    );
  }
}

function encodeNames(xml: string): string {
  return xml.replaceAll(encoded, (_, element: string, text: string) => {
    const name = text.replaceAll(
      /&(#x[0-9a-f]+|#\d+|\w+);/gi,
      (entity, code: string) => unescaped(code) ?? entity,
    );
    return `<${element}>${encodeURIComponent(name).replaceAll('%2F', '/')}</${element}>`;
  });
}

function unescaped(code: string): string | undefined {
  if (!code.startsWith('#')) return namedEntities[code];
  const isHex = code[1]?.toLowerCase() === 'x';
  return String.fromCodePoint(isHex ? Number.parseInt(code.slice(2), 16) : Number(code.slice(1)));
}
