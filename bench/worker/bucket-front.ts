import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Objects } from './objects.ts';

export interface BucketFrontOptions {
  /** The emulator, which answers all that this does not. */
  readonly upstreamUrl: string;
  /** The folder in which a key and a certificate are made. */
  readonly scratch: string;
}

/** The source and vault of the next measurement. */
export interface Served {
  readonly sourceBucket: string;
  readonly objects: Objects;
  /** Its packs are answered, and not kept. */
  readonly vaultBucket: string;
  /** Time until S3's first byte. */
  readonly waitMs: number;
}

const modified = new Date(1_700_000_000_000);

/**
 * An endpoint over TLS, as AWS has it: the objects of a source and the packs of a vault, which are nearly all bytes that a
 * worker moves, at the speed of this machine's memory; all else is the emulator's.
 */
export class BucketFront {
  readonly url: string;
  readonly certificate: string;
  readonly close: () => void;
  #served: Served | undefined;
  readonly #upstream: URL;

  private constructor(url: string, certificate: string, upstream: URL, close: () => void) {
    this.url = url;
    this.certificate = certificate;
    this.#upstream = upstream;
    this.close = close;
  }

  static async start({ upstreamUrl, scratch }: BucketFrontOptions): Promise<BucketFront> {
    const [key, certificate] = [join(scratch, 'key.pem'), join(scratch, 'certificate.pem')];
    const forAddress = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...forAddress, '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    });
    const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const front = new BucketFront(`https://127.0.0.1:${port}`, certificate, new URL(upstreamUrl), () =>
      server.close().closeAllConnections(),
    );
    server.on('request', (asked, answer) => {
      front.#answer(asked, answer).catch((error: unknown) => answer.destroy(error as Error));
    });
    return front;
  }

  serve(served: Served): void {
    this.#served = served;
  }

  async #answer(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { sourceBucket, vaultBucket, waitMs = 0 } = this.#served ?? {};
    const { pathname, searchParams } = new URL(asked.url ?? '/', this.url);
    // Other services have no path.
    if (pathname !== '/') await delay(waitMs);
    const [, bucket, ...parts] = pathname.split('/');
    const key = parts.map(decodeURIComponent).join('/');
    if (bucket === sourceBucket && key === '') this.#list(searchParams, answer);
    else if (bucket === sourceBucket) this.#read(key, asked, answer);
    else if (bucket === vaultBucket && key.startsWith('packs/') && asked.method === 'PUT')
      await store(asked, answer);
    else this.#pass(asked, answer);
  }

  #list(parameters: URLSearchParams, answer: ServerResponse): void {
    const after = parameters.get('continuation-token') ?? parameters.get('start-after') ?? '';
    const most = Number(parameters.get('max-keys') ?? 1000);
    const objects = this.#served?.objects ?? new Map<string, Buffer>();
    const keys = [...objects.keys()].filter((key) => key > after).sort();
    const page = keys.slice(0, most);
    const rest = keys.length > most ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    const contents = page.map((key) => {
      const facts = `<LastModified>${modified.toISOString()}</LastModified><ETag>${etagOf(key)}</ETag>`;
      return `<Contents><Key>${encodeURIComponent(key)}</Key>${facts}<Size>${objects.get(key)?.length}</Size></Contents>`;
    });
    answer.setHeader('content-type', 'application/xml');
    answer.end(
      `<ListBucketResult><IsTruncated>${rest !== ''}</IsTruncated>${rest}${contents.join('')}</ListBucketResult>`,
    );
  }

  #read(key: string, { headers: { range = '' } }: IncomingMessage, answer: ServerResponse): void {
    const whole = this.#served?.objects.get(key);
    if (whole === undefined) throw new Error(`${key} is asked for, which no listing named`);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const content = from === undefined ? whole : whole.subarray(Number(from), Number(to) + 1);
    answer.writeHead(from === undefined ? 200 : 206, {
      'content-length': content.length,
      'content-type': 'application/octet-stream',
      etag: etagOf(key),
      'last-modified': modified.toUTCString(),
      ...(from !== undefined && { 'content-range': `bytes ${from}-${to}/${whole.length}` }),
    });
    answer.end(content);
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { hostname, port } = this.#upstream;
    const { method, headers, url: path } = asked;
    const passed = ask({ hostname, port, method, headers, path }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    passed.on('error', (error) => answer.destroy(error));
    asked.pipe(passed);
  }
}

async function store(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  for await (const piece of asked) void piece;
  answer.writeHead(200, { etag: '"0"', 'x-amz-version-id': '1' });
  answer.end();
}

function etagOf(key: string): string {
  return `"${hash('md5', key)}"`;
}
