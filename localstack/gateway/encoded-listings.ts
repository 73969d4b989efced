import type { IncomingMessage } from 'node:http';
import type { AwsRequest } from './aws-request.ts';
import { readBody, type Upstream } from './passthrough.ts';
import type { Reply } from './reply.ts';

const listings: ReadonlySet<string> = new Set(['ListObjects', 'ListObjectsV2', 'ListObjectVersions']);
const largestPage = 16 * 1024 * 1024;
/** Elements of an answer that EncodingType encodes. */
const encoded = /<(Key|Prefix|Delimiter|StartAfter|Marker|NextMarker|KeyMarker|NextKeyMarker)>([^<]*)<\/\1>/g;
const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Marks continuation tokens that the gateway makes itself. */
const tokenMark = 'after-';
/** Sorts behind every key that begins with the text before it. */
const last = '\u{10FFFF}';

/**
 * Repairs percent-encoded listings of LocalStack. It compares encoded keys with the start of a page, and so loses keys
 * whose order the encoding changes; a page that begins at a key beyond ASCII ends in an error. So it is asked for plain
 * keys after the last one of the page before, and the gateway encodes them.
 */
export class EncodedListings {
  readonly #upstream: Upstream;
  #needed: Promise<boolean> | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** @returns `undefined` when the call is for the emulator. */
  async answer(request: AwsRequest, message: IncomingMessage): Promise<Reply | undefined> {
    const url = new URL(request.path, this.#upstream.url);
    const { searchParams: query } = url;
    if (!listings.has(request.operation) || query.get('encoding-type') !== 'url') return undefined;
    this.#needed ??= this.#isLocalStack();
    if (!(await this.#needed)) return undefined;
    query.delete('encoding-type');
    const token = query.get('continuation-token');
    if (token?.startsWith(tokenMark)) {
      query.delete('continuation-token');
      query.set('start-after', Buffer.from(token.slice(tokenMark.length), 'base64url').toString('utf8'));
    }
    const answer = await this.#upstream.get(url.pathname + url.search, message);
    const body = await readBody(answer, largestPage);
    const headers = { 'content-type': answer.headers['content-type'] ?? 'application/xml' };
    if (answer.statusCode !== 200) return { status: answer.statusCode ?? 502, headers, body };
    return { status: 200, headers, body: encodeNames(withOwnToken(body.toString('utf8'))) };
  }

  async #isLocalStack(): Promise<boolean> {
    const url = new URL('/_localstack/health', this.#upstream.url);
    return fetch(url).then(
      (response) => response.ok,
      () => false,
    );
  }
}

/** Gives a page that is not the last one a token that holds its last key. */
function withOwnToken(xml: string): string {
  return xml.replace(/<NextContinuationToken>[^<]*</, () => {
    const keys = [...xml.matchAll(/<Key>([^<]*)</g)].map(([, text = '']) => unescaped(text));
    const folders = [...xml.matchAll(/<CommonPrefixes><Prefix>([^<]*)</g)].map(
      ([, text = '']) => unescaped(text) + last,
    );
    const end = [...keys, ...folders].reduce((one, other) =>
      Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0 ? other : one,
    );
    return `<NextContinuationToken>${tokenMark}${Buffer.from(end).toString('base64url')}<`;
  });
}

function encodeNames(xml: string): string {
  return xml.replaceAll(encoded, (_, element: string, text: string) => {
    const name = encodeURIComponent(unescaped(text)).replaceAll('%2F', '/');
    return `<${element}>${name}</${element}>`;
  });
}

function unescaped(text: string): string {
  return text.replaceAll(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (entity, code: string) => {
    if (!code.startsWith('#')) return namedEntities[code] ?? entity;
    const isHex = code[1]?.toLowerCase() === 'x';
    return String.fromCodePoint(isHex ? Number.parseInt(code.slice(2), 16) : Number(code.slice(1)));
  });
}
