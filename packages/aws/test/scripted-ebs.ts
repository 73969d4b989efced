import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, vi } from 'vitest';
import { type EbsClients, makeEbsClients } from '../src/ebs.ts';

export interface EbsAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** The EBS direct APIs of one test. */
export interface ScriptedEbs {
  /** What is asked for is answered with, in this order. */
  answers: EbsAnswer[];
  readonly asked: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer }[];
  readonly clients: EbsClients;
}

export function jsonAnswer(value: object, status = 200): EbsAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

export function refusal(
  name: string,
  Reason: string,
  status: number,
  Message = 'no reason given',
): EbsAnswer {
  const { headers, body } = jsonAnswer({ Message, Reason });
  return { status, headers: { ...headers, 'x-amzn-errortype': name }, body };
}

/**
 * A server for the tests of a file that gives the answers of a test, and keeps what it was asked.
 * @returns what the test that runs has of it.
 */
export function scriptEbs(): () => ScriptedEbs {
  let scripted: ScriptedEbs;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers: asked } = request;
      scripted.asked.push({ url, headers: asked, body: Buffer.concat(chunks) });
      const { status, headers, body } = scripted.answers.shift() ?? refusal('NoMoreAnswers', '', 400);
      response.writeHead(status ?? 200, headers).end(body);
    });
  });

  beforeEach(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    scripted = { answers: [], asked: [], clients: makeEbsClients({ region: 'eu-west-1', endpoint }) };
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    scripted.clients.ebs.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  return () => scripted;
}
