import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  InvalidObjectState,
  RestoreObjectCommand,
  S3Client,
  UploadPartCopyCommand,
  type Tier,
} from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startFixture, type GatewayFixture, type UpstreamHandler } from './gateway-fixture.ts';

/** An object as an emulator has it that lets everything be read. */
interface Stored {
  readonly storageClass?: string;
  readonly versionId?: string;
  readonly content: string;
}

const Bucket = 'vault';
const ids = { v0: 'v0'.padEnd(32, '.'), v1: 'v1'.padEnd(32, '.'), v2: 'v2'.padEnd(32, '.') };
const cold = { storageClass: 'GLACIER', versionId: ids.v1, content: 'cold' } as const;

/** A bucket of an emulator, by the keys of its objects, the current version last; and calls of the SDK upon it. */
async function startScene(objects: Record<string, Stored[]>) {
  const fixture = await startFixture(emulatorOf(objects));
  const s3 = new S3Client({ ...fixture.clientOptions, forcePathStyle: true });
  return {
    fixture,
    s3,
    read: async (Key: string, VersionId?: string) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      return Body?.transformToString();
    },
    head: (Key: string, VersionId?: string) => s3.send(new HeadObjectCommand({ Bucket, Key, VersionId })),
    /** Asks for a thaw, and says with what status that was answered. */
    thaw: async (Key: string, Days?: number, options: { tier?: Tier; versionId?: string } = {}) => {
      const { tier: Tier = 'Standard', versionId: VersionId } = options;
      const RestoreRequest = { Days, GlacierJobParameters: { Tier } };
      const command = new RestoreObjectCommand({ Bucket, Key, VersionId, RestoreRequest });
      return (await s3.send(command)).$metadata.httpStatusCode;
    },
  };
}

function emulatorOf(objects: Record<string, Stored[]>): UpstreamHandler {
  return ({ method, path }, response) => {
    if (method === 'POST' || method === 'PUT') {
      response.end(method === 'PUT' ? '<Result><ETag>"copied"</ETag></Result>' : '');
      return;
    }
    const url = new URL(path, 'http://emulator');
    const versions = objects[decodeURIComponent(url.pathname.slice(`/${Bucket}/`.length))] ?? [];
    const wanted = url.searchParams.get('versionId');
    const found = wanted === null ? versions.at(-1) : versions.find(({ versionId }) => versionId === wanted);
    if (found === undefined) {
      response.writeHead(404);
      response.end();
      return;
    }
    const { storageClass, versionId, content } = found;
    response.writeHead(200, {
      etag: `"${content}"`,
      'last-modified': 'Sun, 22 Nov 2026 01:00:00 GMT',
      'content-length': content.length,
      ...(versionId !== undefined && { 'x-amz-version-id': versionId }),
      ...(storageClass !== undefined && { 'x-amz-storage-class': storageClass }),
    });
    response.end(method === 'HEAD' ? '' : content);
  };
}

test.each(['GLACIER', 'DEEP_ARCHIVE'])(
  'an object of %s can be looked at and not be read',
  async (storageClass) => {
    const { read, head } = await startScene({ a: [{ ...cold, storageClass }] });

    const refusal = await read('a').catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(InvalidObjectState);
    expect(refusal).toMatchObject({ StorageClass: storageClass, $metadata: { httpStatusCode: 403 } });
    const looked = await head('a');
    expect(looked).toMatchObject({ StorageClass: storageClass, ContentLength: 4 });
    expect(looked.Restore).toBeUndefined();
  },
);

test('a thaw takes its time, and a second request for it meanwhile is refused', async () => {
  const { fixture, read, head, thaw } = await startScene({ 'a/b c': [cold] });
  await configure(fixture, { thawMs: 5000 });

  expect(await thaw('a/b c', 3)).toBe(202);
  fixture.advance(4999);

  expect((await head('a/b c')).Restore).toBe('ongoing-request="true"');
  await expect(read('a/b c')).rejects.toBeInstanceOf(InvalidObjectState);
  await expect(thaw('a/b c', 3)).rejects.toMatchObject({
    name: 'RestoreAlreadyInProgress',
    $metadata: { httpStatusCode: 409 },
  });
  fixture.advance(1);
  expect(await read('a/b c')).toBe('cold');
});

test('a thaw that has not ended takes the time that is set meanwhile, and one that has stays as it is', async () => {
  const { fixture, head, thaw } = await startScene({ a: [cold], b: [cold] });
  await configure(fixture, { thawMs: 3_600_000 });
  await thaw('a', 3);
  const before = (await head('a')).Restore;

  await configure(fixture, { thawMs: 0 });
  const after = (await head('a')).Restore;
  await configure(fixture, { thawMs: 3_600_000 });
  await thaw('b', 3);

  expect(before).toBe('ongoing-request="true"');
  expect(after).toContain('ongoing-request="false"');
  expect((await head('a')).Restore).toBe(after);
  expect((await head('b')).Restore).toBe('ongoing-request="true"');
});

test('a thawed copy stays to the midnight after its days, and then the object is frozen again', async () => {
  const { fixture, read, head, thaw } = await startScene({ a: [cold] });
  await thaw('a', 3);
  fixture.advance(2000);

  const thawed = await head('a');
  fixture.advance(Date.parse('2026-11-25T23:59:59.999Z') - fixture.now().getTime());
  const last = await read('a');
  fixture.advance(1);

  expect(thawed.Restore).toBe('ongoing-request="false", expiry-date="Thu, 26 Nov 2026 00:00:00 GMT"');
  expect(thawed.StorageClass).toBe('GLACIER');
  expect(last).toBe('cold');
  await expect(read('a')).rejects.toBeInstanceOf(InvalidObjectState);
  expect((await head('a')).Restore).toBeUndefined();
  expect(await thaw('a', 1)).toBe(202);
});

test('a request for what is thawed counts its days anew from then', async () => {
  const { fixture, read, head, thaw } = await startScene({ a: [cold] });
  await thaw('a', 3);
  fixture.advance(86_400_000);

  expect(await thaw('a', 1)).toBe(200);

  expect((await head('a')).Restore).toContain('expiry-date="Wed, 25 Nov 2026 00:00:00 GMT"');
  expect(await read('a')).toBe('cold');
});

test('each version is thawed by itself, the current one when none is named', async () => {
  const old = { ...cold, versionId: ids.v0, content: 'old' };
  const { fixture, read, head, thaw } = await startScene({ a: [old, cold] });
  await thaw('a', 1, { versionId: ids.v0 });
  fixture.advance(2000);

  expect(await read('a', ids.v0)).toBe('old');
  await expect(read('a')).rejects.toBeInstanceOf(InvalidObjectState);
  expect((await head('a', ids.v1)).Restore).toBeUndefined();
  await thaw('a', 1);
  fixture.advance(2000);
  expect(await read('a', ids.v1)).toBe('cold');
});

test('what is written over a thawed object is frozen, without versions too', async () => {
  const objects = { a: [{ storageClass: 'GLACIER', content: 'one' }] };
  const { fixture, read, thaw } = await startScene(objects);
  await thaw('a', 1);
  fixture.advance(2000);
  expect(await read('a')).toBe('one');

  objects.a = [{ storageClass: 'GLACIER', content: 'two' }];

  await expect(read('a')).rejects.toBeInstanceOf(InvalidObjectState);
});

test.each([undefined, 'STANDARD_IA', 'GLACIER_IR', 'INTELLIGENT_TIERING'])(
  'an object of class %s is read at once, and cannot be thawed',
  async (storageClass) => {
    const { read, thaw } = await startScene({
      a: [{ content: 'warm', storageClass }],
    });

    expect(await read('a')).toBe('warm');
    await expect(thaw('a', 1)).rejects.toMatchObject({
      name: 'InvalidObjectState',
      $metadata: { httpStatusCode: 403 },
    });
  },
);

test.each([
  { storageClass: 'GLACIER', tier: 'Expedited', answer: 202 },
  { storageClass: 'GLACIER', tier: 'Bulk', answer: 202 },
  { storageClass: 'DEEP_ARCHIVE', tier: 'Bulk', answer: 202 },
  { storageClass: 'DEEP_ARCHIVE', tier: 'Expedited', answer: 'InvalidArgument' },
  { storageClass: 'GLACIER', tier: 'Soon', answer: 'MalformedXML' },
] as const)('$storageClass answers $tier with $answer', async ({ storageClass, tier, answer }) => {
  const { thaw } = await startScene({ a: [{ ...cold, storageClass }] });

  const outcome = await thaw('a', 1, { tier: tier as Tier }).catch((error: Error) => error.name);

  expect(outcome).toBe(answer);
});

test.each([undefined, 0])('a request for %s days is malformed', async (days) => {
  const { thaw } = await startScene({ a: [cold] });

  await expect(thaw('a', days)).rejects.toMatchObject({ name: 'MalformedXML' });
});

test('a thaw of what does not exist says what is missing', async () => {
  const { thaw } = await startScene({ a: [cold] });

  await expect(thaw('b', 1)).rejects.toMatchObject({ name: 'NoSuchKey' });
  await expect(thaw('a', 1, { versionId: ids.v2 })).rejects.toMatchObject({ name: 'NoSuchVersion' });
});

test('what is frozen cannot be copied, as a whole or as a part', async () => {
  const { fixture, s3, thaw } = await startScene({ 'a/b': [{ ...cold, versionId: ids.v0 }, cold] });
  const target = { Bucket, Key: 'copy' };
  const whole = (CopySource: string) => s3.send(new CopyObjectCommand({ ...target, CopySource }));
  const part = (CopySource: string) =>
    s3.send(new UploadPartCopyCommand({ ...target, CopySource, UploadId: 'u', PartNumber: 1 }));
  const frozen = { name: 'InvalidObjectState', $metadata: { httpStatusCode: 403 } };

  await expect(whole('vault/a%2Fb')).rejects.toMatchObject(frozen);
  await expect(part(`/vault/a/b?versionId=${ids.v0}`)).rejects.toMatchObject(frozen);
  expect(fixture.upstreamCalls.filter(({ method }) => method === 'PUT')).toEqual([]);
  await thaw('a/b', 1);
  fixture.advance(2000);

  await whole('vault/a%2Fb');
  await part(`/vault/a/b?versionId=${ids.v1}`);
  await expect(part(`/vault/a/b?versionId=${ids.v0}`)).rejects.toMatchObject(frozen);
});

test('a thaw whose answer is lost has begun', async () => {
  const { fixture, head, thaw } = await startScene({ a: [cold] });
  const rule = { match: { operation: 'RestoreObject' }, action: { kind: 'drop-after' }, count: 1 };
  await fetch(`${fixture.url}/_gateway/faults`, { method: 'POST', body: JSON.stringify(rule) });

  await expect(thaw('a', 1)).rejects.toThrow();

  expect((await head('a')).Restore).toBe('ongoing-request="true"');
});

test('an emulator that guards its archive itself is told of a thaw', async () => {
  const { fixture, thaw } = await startScene({ a: [cold] });

  await thaw('a', 5, { versionId: ids.v1 });

  const told = fixture.upstreamCalls.find(({ method }) => method === 'POST');
  expect(told?.path).toContain(`versionId=${ids.v1}`);
  expect(told?.body.toString()).toContain('<Days>5</Days>');
});

test('shows its settings, and names what is wrong with one', async () => {
  const { fixture } = await startScene({});
  const settings = async () => (await fetch(`${fixture.url}/_gateway/s3-archive/settings`)).json();

  expect(await settings()).toEqual({ thawMs: 2000 });
  expect((await configure(fixture, { thawMs: 10 })).status).toBe(200);
  const wrong = await configure(fixture, { thawSeconds: 10 });

  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('thawSeconds')]);
  expect(await settings()).toEqual({ thawMs: 10 });
});

async function configure({ url }: GatewayFixture, settings: object): Promise<Response> {
  return fetch(`${url}/_gateway/s3-archive/settings`, { method: 'PUT', body: JSON.stringify(settings) });
}
