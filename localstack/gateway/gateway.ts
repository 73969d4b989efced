import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { adminPrefix, answerAdmin } from './admin.ts';
import { identifyRequest, signedService, type AwsRequest } from './aws-request.ts';
import { BucketAbac } from './bucket-abac.ts';
import { refuseChangedDelete } from './conditional-deletes.ts';
import { EbsService } from './ebs/ebs-service.ts';
import { Ec2Service } from './ec2/ec2-service.ts';
import { Ec2Settings } from './ec2/settings.ts';
import { refuseExecutionName } from './execution-name.ts';
import { addDefaultContentType } from './default-content-type.ts';
import { EncodedListings } from './encoded-listings.ts';
import { errorReply, throttleReply } from './faults/error-replies.ts';
import { FaultRules, type FaultAction } from './faults/fault-rules.ts';
import { findLambdaProcess, type LambdaProcess } from './faults/lambda-process.ts';
import { readBody, relay, Upstream } from './passthrough.ts';
import { jsonReply, type Reply } from './reply.ts';
import { RequestCounts } from './request-counts.ts';
import { S3Archive } from './s3-archive/s3-archive.ts';
import { answerQuotas } from './service-quotas.ts';
import { refuseS3Tags } from './s3-tags.ts';
import { TaggedBuckets } from './tagged-buckets.ts';
import { getResources, type TaggedPage } from './tagged-resources.ts';
import { refuseVersionId } from './version-id.ts';

export interface GatewayOptions {
  /** The emulator behind, such as `http://127.0.0.1:4567`. */
  readonly upstreamUrl: string;
  /** Folder of the bytes of volumes and snapshots. */
  readonly dataDir: string;
  /** @default 0, any free port */
  readonly port?: number;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** @default everything at once */
  readonly ec2?: Partial<Ec2Settings>;
  /** The clock of the EC2 model, of EBS and of thaws in S3. @default the system's */
  readonly now?: () => Date;
}

/** One endpoint for all of AWS: our EC2 and EBS direct APIs, archive classes of S3 and fault rules in front of an emulator. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

// Lambda's largest upload is 50 MB of zip, as base64 in JSON.
const largestBody = 100 * 1024 * 1024;

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const now = options.now ?? (() => new Date());
  const ec2 = new Ec2Service(options.dataDir, now);
  ec2.settings = Ec2Settings.parse(options.ec2 ?? {});
  const handler = new GatewayHandler(options, ec2, now);
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 75_000, maxHeaderSize: 64 * 1024 });
  server.on('request', (message, response) => void handler.handle(message, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, close: () => closeGateway(server, handler) };
}

async function closeGateway(server: Server, handler: GatewayHandler): Promise<void> {
  handler.close();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

class GatewayHandler {
  readonly #upstream: Upstream;
  readonly #ec2: Ec2Service;
  readonly #ebs: EbsService;
  readonly #abac = new BucketAbac();
  readonly #archive: S3Archive;
  readonly #buckets: TaggedBuckets;
  readonly #listings: EncodedListings;
  readonly #faults = new FaultRules();
  readonly #counts = new RequestCounts();
  readonly #dataDir: string;
  /**
   * Kept by connection: a look through /proc takes milliseconds, and a connection stays with the process that opened
   * it.
   */
  readonly #callers = new WeakMap<Socket, LambdaProcess>();

  constructor(options: GatewayOptions, ec2: Ec2Service, now: () => Date) {
    this.#upstream = new Upstream(options.upstreamUrl);
    this.#dataDir = options.dataDir;
    this.#ec2 = ec2;
    this.#ebs = new EbsService(ec2);
    this.#archive = new S3Archive(this.#upstream, now);
    this.#listings = new EncodedListings(this.#upstream);
    this.#buckets = new TaggedBuckets(options.upstreamUrl);
  }

  #findCaller(socket: Socket): LambdaProcess | undefined {
    const known = this.#callers.get(socket);
    if (known !== undefined) return known;
    const caller = findLambdaProcess(socket.remotePort ?? 0, socket.localPort ?? 0);
    if (caller !== undefined) this.#callers.set(socket, caller);
    return caller;
  }

  close(): void {
    this.#upstream.close();
    this.#buckets.close();
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const head = { method: message.method ?? 'GET', url: message.url ?? '/', headers: message.headers };
    try {
      if (head.url.startsWith(adminPrefix)) {
        const body = await readBody(message, largestBody);
        const { href: upstreamUrl } = this.#upstream.url;
        const targets = {
          faults: this.#faults,
          counts: this.#counts,
          ec2: this.#ec2,
          ebs: this.#ebs,
          archive: this.#archive,
          upstreamUrl,
          dataDir: this.#dataDir,
        };
        send(response, await answerAdmin(head.method, head.url, body, targets));
        return;
      }
      const streamed = signedService(head) === 's3' && !isDocument(head.method, head.url);
      const body = streamed ? undefined : await readBody(message, largestBody);
      await this.#serve(identifyRequest(head, body), message, response, body);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (response.headersSent || message.socket.destroyed) response.destroy();
      else
        await sendAfterBody(
          message,
          response,
          jsonReply(502, { error: `gateway: ${head.method} ${head.url} failed: ${reason}` }),
        );
    }
  }

  async #serve(
    request: AwsRequest,
    message: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
  ): Promise<void> {
    if (request.service === 's3') addDefaultContentType(request, message);
    this.#counts.add(request);
    const findCaller = once(() => this.#findCaller(message.socket));
    const fired = this.#faults.fire(request, {
      body,
      findLambdaFunction: () => findCaller()?.functionName,
    });
    for (const { action, lifted } of fired)
      if (action.kind === 'latency') await delay(action.ms, undefined, { signal: lifted }).catch(() => {});
    const disturbance = fired.map(({ action }) => action).find((action) => action.kind !== 'latency');
    if (!disturbance) return this.#answer(request, message, response, body);
    await this.#disturb(disturbance, request, message, response, body, findCaller);
  }

  async #disturb(
    action: Exclude<FaultAction, { kind: 'latency' }>,
    request: AwsRequest,
    message: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
    findCaller: () => LambdaProcess | undefined,
  ): Promise<void> {
    switch (action.kind) {
      case 'error':
        return sendAfterBody(
          message,
          response,
          errorReply(request, action.status, action.code, action.message, action.members),
        );
      case 'throttle':
        return sendAfterBody(message, response, throttleReply(request));
      case 'drop-before':
        message.socket.destroy();
        return;
      case 'drop-after':
        await this.#executeSilently(request, message, body);
        message.socket.destroy();
        return;
      case 'kill-lambda': {
        const caller = findCaller();
        if (action.when === 'after') await this.#executeSilently(request, message, body);
        if (caller) process.kill(caller.processId, 'SIGKILL');
        message.socket.destroy();
      }
    }
  }

  async #executeSilently(
    request: AwsRequest,
    message: IncomingMessage,
    body: Buffer | undefined,
  ): Promise<void> {
    if (await this.#answerOwn(request, message, body)) return;
    const answer = await this.#upstream.forward(message, body);
    await readBody(answer, Infinity);
  }

  async #answer(
    request: AwsRequest,
    message: IncomingMessage,
    response: ServerResponse,
    body: Buffer | undefined,
  ): Promise<void> {
    const own = await this.#answerOwn(request, message, body);
    if (own) return sendAfterBody(message, response, own);
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const answer = await this.#upstream.forward(message, body, gone.signal);
    const reviewed = request.service === 's3' ? this.#archive.review(request, answer) : undefined;
    if (reviewed === undefined || 'headers' in reviewed) return relay(answer, response, reviewed?.headers);
    answer.destroy();
    send(response, reviewed.instead);
  }

  async #answerOwn(
    request: AwsRequest,
    message: IncomingMessage,
    body: Buffer | undefined,
  ): Promise<Reply | undefined> {
    if (request.service === 's3')
      return (
        refuseVersionId(request) ??
        refuseS3Tags(request, message.headers, body) ??
        this.#abac.answer(request, body) ??
        (await this.#listings.answer(request, message)) ??
        (await refuseChangedDelete(request, message, this.#upstream)) ??
        this.#archive.answer(request, message)
      );
    // Only bodies of S3 are left to be streamed.
    if (body === undefined) return undefined;
    if (request.service === 'ec2') return this.#ec2.answer(request, body);
    if (request.service === 'ebs') return this.#ebs.answer(request, message.headers, body);
    if (request.service === 'tagging' && request.operation === 'GetResources') {
      return getResources(request, body, {
        ec2: this.#ec2,
        buckets: this.#buckets,
        askUpstream: (input) => this.#askUpstream(message, input),
      });
    }
    return answerQuotas(request, body, this.#ebs.settings) ?? refuseExecutionName(request, body);
  }

  async #askUpstream(message: IncomingMessage, input: object): Promise<TaggedPage | Reply> {
    const answer = await this.#upstream.forward(message, Buffer.from(JSON.stringify(input)));
    const body = await readBody(answer, largestBody);
    if (answer.statusCode === 200) return JSON.parse(body.toString('utf8')) as TaggedPage;
    const headers = { 'content-type': answer.headers['content-type'] ?? 'application/x-amz-json-1.1' };
    return { status: answer.statusCode ?? 502, headers, body };
  }
}

/** Tells calls of S3 whose body is a small document that the gateway looks at. */
function isDocument(method: string, url: string): boolean {
  const { searchParams } = new URL(url, 'http://gateway');
  return method === 'PUT' && (searchParams.has('tagging') || searchParams.has('abac'));
}

function once<T>(find: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => (found ??= { value: find() }).value;
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': Buffer.byteLength(reply.body) });
  response.end(reply.body);
}

/** Waits for the body: an error before the client has sent it would break the connection instead of arriving. */
async function sendAfterBody(
  message: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
): Promise<void> {
  if (!message.complete) await finished(message.resume(), { writable: false }).catch(() => undefined);
  send(response, reply);
}
