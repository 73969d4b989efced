import { Agent, request, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';

class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

type Call = Pick<RequestOptions, 'method' | 'path' | 'headers' | 'signal'>;

const noBody = new Uint8Array(0);

export class Upstream {
  readonly url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 60_000 });

  constructor(url: string) {
    this.url = new URL(url);
  }

  /**
   * Sends a call on and resolves with the head of the answer. Without `body` the message's own body is streamed, so
   * that memory stays bounded; headers go on as they came, or a signature would not hold.
   * @param signal - ends the call when its caller is gone.
   */
  async forward(message: IncomingMessage, body?: Uint8Array, signal?: AbortSignal): Promise<IncomingMessage> {
    const call = {
      method: message.method,
      path: message.url,
      headers: forwardedHeaders(message.rawHeaders, body),
      signal,
    };
    // A whole body can be sent again.
    return body ? this.#sendAgain(call, body) : this.#send(call, message);
  }

  /** Asks for the headers of an object as the sender of a message. The answer has no body to read. */
  async head(path: string, { headers }: IncomingMessage): Promise<IncomingMessage> {
    const asked = Object.entries(headers).filter(([name]) => identifying.has(name));
    const answer = await this.#sendAgain(
      { method: 'HEAD', path, headers: Object.fromEntries(asked) },
      noBody,
    );
    return answer.resume();
  }

  /** Sends a call without a body to another path than it came for. */
  get(path: string, message: IncomingMessage): Promise<IncomingMessage> {
    const headers = forwardedHeaders(message.rawHeaders, noBody);
    return this.#sendAgain({ method: 'GET', path, headers }, noBody);
  }

  /** Sends a call once more when the emulator closed a kept connection just as we reused it. */
  async #sendAgain(call: Call, body: Uint8Array): Promise<IncomingMessage> {
    try {
      return await this.#send(call, body);
    } catch (error) {
      if (error instanceof StaleConnectionError) return this.#send(call, body);
      throw error;
    }
  }

  #send(call: Call, body: Uint8Array | IncomingMessage): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { hostname: host, port } = this.url;
      const outgoing = request({ ...call, host, port: port || 80, agent: this.#agent });
      outgoing.once('response', resolve);
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && error.code === 'ECONNRESET';
        reject(
          stale ? new StaleConnectionError('the emulator closed a kept connection', { cause: error }) : error,
        );
      });
      if (body instanceof Uint8Array) outgoing.end(body);
      else body.pipe(outgoing);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/**
 * Streams an upstream's answer to the client; a broken answer breaks the client's connection too.
 * @param changed - headers by their names in lower case, which take the place of the upstream's; `undefined` removes one.
 */
export function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  changed: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  response.sendDate = false;
  const headers = relayedHeaders(answer.rawHeaders, changed);
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers);
  return new Promise((resolve) => {
    pipeline(answer, response, () => resolve());
  });
}

export async function readBody(message: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of message) {
    parts.push(part as Buffer);
    sizeBytes += (part as Buffer).length;
    if (sizeBytes > limitBytes) {
      throw new Error(`body is over ${limitBytes} bytes; only S3 bodies are streamed by the gateway`);
    }
  }
  return Buffer.concat(parts);
}

const identifying = new Set([
  'authorization',
  'host',
  'x-amz-date',
  'x-amz-expected-bucket-owner',
  'x-amz-security-token',
]);
const ownConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'expect']);

function headerPairs(raw: readonly string[], drop: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    if (!drop(name.toLowerCase())) kept.push(name, raw[index + 1]!);
  }
  return kept;
}

function forwardedHeaders(raw: readonly string[], body: Uint8Array | undefined): string[] {
  if (!body) return headerPairs(raw, (name) => ownConnection.has(name));
  const rest = headerPairs(
    raw,
    (name) => ownConnection.has(name) || name === 'content-length' || name === 'transfer-encoding',
  );
  return [...rest, 'Content-Length', String(body.length)];
}

function relayedHeaders(
  raw: readonly string[],
  changed: Readonly<Record<string, string | undefined>>,
): string[] {
  const kept = headerPairs(
    raw,
    (name) => ownConnection.has(name) || name === 'transfer-encoding' || name in changed,
  );
  return [
    ...kept,
    ...Object.entries(changed).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
  ];
}
