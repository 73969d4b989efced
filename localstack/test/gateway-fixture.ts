import { EBSClient } from '@aws-sdk/client-ebs';
import { EC2Client } from '@aws-sdk/client-ec2';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EbsSettings } from '../gateway/ebs/settings.ts';
import type { Ec2Settings } from '../gateway/ec2/settings.ts';
import { startGateway } from '../gateway/gateway.ts';

/** A call as the emulator behind the gateway saw it. */
interface UpstreamCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Answers calls in place of an emulator. */
export type UpstreamHandler = (call: UpstreamCall, response: ServerResponse) => void;

/** A gateway of one test with a clock that only the test moves, before an upstream that the test plays. */
export interface GatewayFixture {
  readonly url: string;
  readonly dataDir: string;
  readonly upstreamCalls: UpstreamCall[];
  /** What every SDK client of the test needs. */
  readonly clientOptions: typeof clientOptions & { readonly endpoint: string };
  readonly ec2: EC2Client;
  readonly ebs: EBSClient;
  readonly now: () => Date;
  readonly advance: (milliseconds: number) => void;
  readonly configure: (settings: Partial<Ec2Settings>) => Promise<void>;
  readonly configureEbs: (settings: Partial<EbsSettings>) => Promise<void>;
}

const clientOptions = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
} as const;

/** Starts a gateway that ends with the test. */
export async function startFixture(
  upstream: UpstreamHandler = (_, response) => response.end(),
): Promise<GatewayFixture> {
  const upstreamCalls: UpstreamCall[] = [];
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      const { method = '', url: path = '', headers } = message;
      const call = { method, path, headers, body: Buffer.concat(parts) };
      upstreamCalls.push(call);
      upstream(call, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-test-'));
  let time = Date.parse('2026-11-22T02:00:00.000Z');
  const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = await startGateway({ upstreamUrl, dataDir, now: () => new Date(time) });
  const ec2 = new EC2Client({ ...clientOptions, endpoint: gateway.url });
  const ebs = new EBSClient({ ...clientOptions, endpoint: gateway.url });
  const put = async (path: string, settings: object) => {
    await fetch(`${gateway.url}/_gateway/${path}`, { method: 'PUT', body: JSON.stringify(settings) });
  };
  onTestFinished(async () => {
    ec2.destroy();
    ebs.destroy();
    await gateway.close();
    server.closeAllConnections();
    server.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  return {
    url: gateway.url,
    dataDir,
    upstreamCalls,
    clientOptions: { ...clientOptions, endpoint: gateway.url },
    ec2,
    ebs,
    now: () => new Date(time),
    advance: (milliseconds) => {
      time += milliseconds;
    },
    configure: (settings) => put('ec2/settings', settings),
    configureEbs: (settings) => put('ebs/settings', settings),
  };
}
