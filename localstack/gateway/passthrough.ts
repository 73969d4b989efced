import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';

class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/** The emulator behind the gateway, reached over kept connections. */
export class Upstream {
  readonly url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 60_000 });

  constructor(url: string) {
    this.url = new URL(url);
  }

  /**
   * Sends a call on and resolves with the head of the answer. Without `body` the message's own body is
   * streamed, so that memory stays bounded; headers go on as they came, or a signature would not hold.
   * @param signal - ends the call, when whoever waits for its answer is gone.
   */
  async forward(message: IncomingMessage, body?: Uint8Array, signal?: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#send(message, body, signal);
    } catch (error) {
      // The emulator closed a kept connection just as we reused it; a whole body can be sent again.
      if (body && error instanceof StaleConnectionError) return this.#send(message, body, signal);
      throw error;
    }
  }

  #send(message: IncomingMessage, body?: Uint8Array, signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: this.url.hostname,
        port: this.url.port || 80,
        method: message.method,
        path: message.url,
        headers: forwardedHeaders(message.rawHeaders, body),
        agent: this.#agent,
        signal,
      });
      outgoing.once('response', resolve);
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && error.code === 'ECONNRESET';
        reject(
          stale ? new StaleConnectionError('the emulator closed a kept connection', { cause: error }) : error,
        );
      });
      if (body) outgoing.end(body);
      else message.pipe(outgoing);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Streams an upstream's answer to the client; a broken answer breaks the client's connection too. */
export function relay(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  response.sendDate = false;
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', relayedHeaders(answer.rawHeaders));
  return new Promise((resolve) => {
    pipeline(answer, response, () => resolve());
  });
}

/** Reads a body to its end, up to a limit. */
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

function relayedHeaders(raw: readonly string[]): string[] {
  return headerPairs(raw, (name) => ownConnection.has(name) || name === 'transfer-encoding');
}
