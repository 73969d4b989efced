import { ClientRequest, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateSnapshotsCommand } from '@aws-sdk/client-ec2';
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type AwsClients,
  isLoopback,
  makeClients,
  makeCloudWatchClient,
  makeDynamoClient,
  makeKmsClient,
  makeS3Clients,
  makeStepFunctionsClient,
  makeTaggingClient,
} from '../src/index.ts';
import { makeEc2Clients } from '../src/ec2.ts';
import { SystemClock, SystemRandom } from '../src/sdk/system-ports.ts';

/** A server that answers the first request of a connection and resets it at the second, as after a frozen function. */
async function serverThatForgetsConnections() {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
  const used = new WeakSet();
  let connections = 0;
  const server = createServer((request, response) => {
    if (used.has(request.socket)) {
      request.socket.resetAndDestroy();
      return;
    }
    used.add(request.socket);
    request.resume().on('end', () => response.end());
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, connections: () => connections };
}

/** A server that answers 503 to the first request, and keeps what it was sent. */
async function serverThatFailsOnce() {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      bodies.push(Buffer.concat(pieces));
      response.writeHead(bodies.length === 1 ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    vi.unstubAllEnvs();
    server.close();
    server.closeAllConnections();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies };
}

describe('clients', () => {
  test('repeat calls, but for the two that write what must not be written twice', async () => {
    const clients = makeClients({ region: 'us-east-1' });

    expect(await clients.s3.config.maxAttempts()).toBeGreaterThan(1);
    expect(await clients.s3WithoutRetries.config.maxAttempts()).toBe(1);
    expect(await clients.ec2WithoutRetries.config.maxAttempts()).toBe(1);
    clients.destroy();
  });

  test.each([
    {
      call: 'PutObject',
      send: ({ s3WithoutRetries }: AwsClients) =>
        s3WithoutRetries.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x' })),
    },
    {
      call: 'CreateSnapshots',
      send: ({ ec2WithoutRetries }: AwsClients) =>
        ec2WithoutRetries.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: 'i-0' } })),
    },
  ])('that do not repeat $call use no connection that may have been closed meanwhile', async ({ send }) => {
    const { endpoint, connections } = await serverThatForgetsConnections();
    const clients = makeClients({ region: 'us-east-1', endpoint });
    onTestFinished(() => clients.destroy());

    await send(clients);
    await send(clients);

    expect(connections()).toBe(2);
  });

  test('give a large body to its connection in pieces, each time that they send it', async () => {
    const { endpoint, bodies } = await serverThatFailsOnce();
    const written = vi.spyOn(ClientRequest.prototype, 'write');
    const ended = vi.spyOn(ClientRequest.prototype, 'end');
    const { s3 } = makeS3Clients({ region: 'us-east-1', endpoint });
    onTestFinished(() => s3.destroy());
    const body = new SystemRandom().bytes(5 * 2 ** 20 + 1);

    await s3.send(new UploadPartCommand({ Bucket: 'b', Key: 'k', UploadId: 'u', PartNumber: 1, Body: body }));

    const lengths = [...written.mock.calls, ...ended.mock.calls].map(([piece]) =>
      piece instanceof Uint8Array ? piece.length : 0,
    );
    expect(bodies.map((sent) => sent.equals(body))).toEqual([true, true]);
    expect(Math.max(...lengths)).toBe(2 ** 20);
  });

  test('that repeat calls keep their connections, and get over one that was closed', async () => {
    const { endpoint, connections } = await serverThatForgetsConnections();
    const clients = makeClients({ region: 'us-east-1', endpoint });
    onTestFinished(() => clients.destroy());
    const put = async () => clients.s3.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x' }));

    await put();
    const { $metadata } = await put();

    expect($metadata.attempts).toBe(2);
    expect(connections()).toBe(2);
  });

  test('are the same when they are made one by one, as functions do', async () => {
    const options = { region: 'eu-west-1', endpoint: 'http://127.0.0.1:4566' };
    const all = makeClients(options);
    const single = {
      ...makeS3Clients(options),
      ...makeEc2Clients(options),
      dynamo: makeDynamoClient(options),
      kms: makeKmsClient(options),
      tagging: makeTaggingClient(options),
      stepFunctions: makeStepFunctionsClient(options),
      cloudWatch: makeCloudWatchClient(options),
    };

    for (const [name, client] of Object.entries(single)) {
      const same = all[name as keyof typeof single];
      expect(await client.config.region()).toBe('eu-west-1');
      expect(await client.config.endpoint?.()).toEqual(await same.config.endpoint?.());
      expect(await client.config.maxAttempts()).toBe(await same.config.maxAttempts());
      client.destroy();
    }
    all.destroy();
  });

  test('put the bucket into the path on this machine only', () => {
    const local = makeClients({ region: 'us-east-1', endpoint: 'http://127.0.0.1:4566' });
    const remote = makeClients({ region: 'us-east-1', endpoint: 'https://s3.us-east-1.amazonaws.com' });

    expect(local.s3.config.forcePathStyle).toBe(true);
    expect(remote.s3.config.forcePathStyle).toBe(false);
  });

  test.each([
    ['http://127.0.0.1:4566', true],
    ['http://localhost:4566', true],
    ['http://[::1]:4566', true],
    ['https://s3.amazonaws.com', false],
    ['http://localhost.example.org', false],
    ['not a url', false],
    [undefined, false],
  ])('take %s for an address of this machine: %s', (endpoint, expected) => {
    expect(isLoopback(endpoint)).toBe(expected);
  });
});

describe('the machine’s ports', () => {
  test('a sleep that is aborted rejects with the signal’s reason', async () => {
    const reason = new Error('enough');

    await expect(new SystemClock().sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test('elapsed time does not go back', () => {
    const clock = new SystemClock();
    const before = clock.elapsedMs();

    expect(clock.elapsedMs()).toBeGreaterThanOrEqual(before);
  });

  test('random bytes are as many as asked for, and new', () => {
    const random = new SystemRandom();

    expect(random.bytes(16)).toHaveLength(16);
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
  });
});
