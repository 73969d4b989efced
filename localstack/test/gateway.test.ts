import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { startFixture } from './gateway-fixture.ts';

test('passes a call on with the headers that its signature covers', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);

  await s3.send(
    new PutObjectCommand({ Bucket: 'vault', Key: 'a b/../ü', Body: 'bytes', Metadata: { run: '1' } }),
  );

  const [call] = fixture.upstreamCalls;
  expect(call).toMatchObject({
    method: 'PUT',
    headers: { host: new URL(fixture.url).host, 'x-amz-meta-run': '1' },
  });
  expect(call?.path).toContain('/vault/a%20b/../%C3%BC');
  expect(call?.headers['expect']).toBeUndefined();
});

test('names the type that S3 gives an object whose writer names none, and leaves a type that is named', async () => {
  const fixture = await startFixture((_, response) => {
    response.end('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>');
  });
  const s3 = new S3Client(fixture.clientOptions);

  await s3.send(new CreateMultipartUploadCommand({ Bucket: 'vault', Key: 'x' }));
  await s3.send(new CreateMultipartUploadCommand({ Bucket: 'vault', Key: 'x', ContentType: 'text/x' }));

  const types = fixture.upstreamCalls.map(({ headers }) => headers['content-type']);
  expect(types).toEqual(['binary/octet-stream', 'text/x']);
});

test('leaves chunked bodies with trailing checksums as the SDK framed them', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);
  const Body = Readable.from([Buffer.alloc(70_000, 'a'), Buffer.alloc(10, 'b')]);

  await s3.send(new PutObjectCommand({ Bucket: 'vault', Key: 'x', Body, ContentLength: 70_010 }));

  const [call] = fixture.upstreamCalls;
  expect(call?.headers).toMatchObject({
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '70010',
  });
  expect(call?.body.toString('latin1')).toMatch(/x-amz-checksum-crc32:\S+\r\n\r\n$/);
});

test('relays answers with their bytes, headers and status', async () => {
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  const fixture = await startFixture((_, response) => {
    response.writeHead(206, {
      etag: '"e"',
      'content-range': 'bytes 0-99999/200000',
      'content-length': body.length,
    });
    response.end(body);
  });
  const s3 = new S3Client(fixture.clientOptions);

  const answer = await s3.send(new GetObjectCommand({ Bucket: 'vault', Key: 'x', Range: 'bytes=0-99999' }));

  const bytes = await answer.Body!.transformToByteArray();
  expect([answer.$metadata.httpStatusCode, answer.ETag, answer.ContentRange]).toEqual([
    206,
    '"e"',
    'bytes 0-99999/200000',
  ]);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(
    createHash('sha256').update(body).digest('hex'),
  );
});

test('breaks off an answer that the emulator breaks off', async () => {
  const fixture = await startFixture((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => response.destroy());
  });

  const answer = await fetch(`${fixture.url}/vault/x`);

  await expect(answer.arrayBuffer()).rejects.toThrow(TypeError);
});

test('ends the call behind it when the client goes away', async () => {
  let ended: (value: unknown) => void;
  const aborted = new Promise((resolve) => (ended = resolve));
  const fixture = await startFixture((_, response) => {
    response.once('close', () => ended(true));
    client.destroy();
  });
  const client = request(`${fixture.url}/vault/x`);
  client.on('error', () => undefined);

  client.end();

  await expect(aborted).resolves.toBe(true);
});

test('answers in words when the emulator behind does not', async () => {
  const fixture = await startFixture((_, response) => response.destroy());

  const answer = await fetch(`${fixture.url}/vault/x`);

  expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('GET /vault/x failed')]);
});

test('counts calls by service and operation until they are reset', async () => {
  const fixture = await startFixture((_, response) => response.end('{}'));
  const s3 = new S3Client(fixture.clientOptions);
  const dynamoDb = new DynamoDBClient(fixture.clientOptions);
  const counts = async () => (await fetch(`${fixture.url}/_gateway/requests`)).json();

  await s3.send(new PutObjectCommand({ Bucket: 'vault', Key: 'x', Body: 'x' }));
  await s3.send(new PutObjectCommand({ Bucket: 'vault', Key: 'y', Body: 'y' }));
  await dynamoDb.send(new GetItemCommand({ TableName: 't', Key: { id: { S: '1' } } }));

  expect(await counts()).toEqual({ requests: { 'dynamodb:GetItem': 1, 's3:PutObject': 2 } });
  await fetch(`${fixture.url}/_gateway/requests`, { method: 'DELETE' });
  expect(await counts()).toEqual({ requests: {} });
});

test.each(['with:colon', 'with space', 'a/b', '', 'x'.repeat(81)])(
  'refuses the execution name %j',
  async (name) => {
    const fixture = await startFixture();
    const sfn = new SFNClient(fixture.clientOptions);

    const start = sfn.send(new StartExecutionCommand({ stateMachineArn: 'arn:aws:states:::x', name }));

    await expect(start).rejects.toMatchObject({ name: 'InvalidName' });
    expect(fixture.upstreamCalls).toEqual([]);
  },
);

test('passes on executions with names that AWS takes, and those without a name', async () => {
  const fixture = await startFixture((_, response) => response.end('{}'));
  const sfn = new SFNClient(fixture.clientOptions);

  await sfn.send(
    new StartExecutionCommand({ stateMachineArn: 'arn', name: 'daily-incremental-20261122T020000Z' }),
  );
  await sfn.send(new StartExecutionCommand({ stateMachineArn: 'arn' }));

  expect(fixture.upstreamCalls).toHaveLength(2);
});

test('refuses tags that S3 does not take, in a header and in a body, and passes the others on', async () => {
  const fixture = await startFixture((_, response) => response.end());
  const s3 = new S3Client({ ...fixture.clientOptions, forcePathStyle: true });
  const object = { Bucket: 'photos', Key: 'a' };
  const tagged = (Value: string) => ({ ...object, Tagging: { TagSet: [{ Key: 'team', Value }] } });

  const inHeader = s3.send(new PutObjectCommand({ ...object, Body: 'a', Tagging: 'team=a%26b' }));
  const inBody = s3.send(new PutObjectTaggingCommand(tagged('a&b')));
  await expect(inHeader).rejects.toMatchObject({ name: 'InvalidArgument' });
  await expect(inBody).rejects.toMatchObject({ name: 'InvalidTag' });
  await s3.send(
    new PutObjectCommand({ ...object, Body: 'a', Tagging: 'team=a%20b&%C3%9F=%2B-%3D._%3A%2F%40' }),
  );
  await s3.send(new PutObjectTaggingCommand(tagged('ä b')));

  expect(fixture.upstreamCalls.map(({ method, path }) => [method, path.includes('tagging')])).toEqual([
    ['PUT', false],
    ['PUT', true],
  ]);
});

test('asks LocalStack for keys as they are, and encodes them itself', async () => {
  const fixture = await startFixture((call, response) => {
    if (call.path === '/_localstack/health') return response.end('{}');
    response.end(
      '<ListBucketResult><Contents><Key>a b+c</Key></Contents><Contents><Key>&lt;&amp;&#x1;\u0001ä/\u{1F600}</Key></Contents>' +
        '<CommonPrefixes><Prefix>ü/</Prefix></CommonPrefixes><StartAfter>50%</StartAfter></ListBucketResult>',
    );
  });
  const s3 = new S3Client({ ...fixture.clientOptions, forcePathStyle: true });

  const listed = await s3.send(
    new ListObjectsV2Command({ Bucket: 'photos', EncodingType: 'url', StartAfter: '50%', MaxKeys: 2 }),
  );

  expect(listed.Contents?.map(({ Key = '' }) => decodeURIComponent(Key))).toEqual([
    'a b+c',
    '<&\u0001\u0001ä/\u{1F600}',
  ]);
  expect(listed.CommonPrefixes).toEqual([{ Prefix: '%C3%BC/' }]);
  expect(listed.StartAfter).toBe('50%25');
  const [, asked] = fixture.upstreamCalls;
  expect(Object.fromEntries(new URL(asked?.path ?? '', fixture.url).searchParams)).toMatchObject({
    'list-type': '2',
    'start-after': '50%',
    'max-keys': '2',
  });
  expect(asked?.path).not.toContain('encoding-type');
});

test('goes on with a listing of LocalStack after the last key or folder of the page before', async () => {
  const pages = [
    '<Contents><Key>ä</Key></Contents><Contents><Key>z</Key></Contents><NextContinuationToken>w6Q=</NextContinuationToken>',
    '<Contents><Key>äa</Key></Contents><CommonPrefixes><Prefix>ü/</Prefix></CommonPrefixes><NextContinuationToken>w6Q=</NextContinuationToken>',
    '',
  ];
  const asked: (string | null)[][] = [];
  const fixture = await startFixture((call, response) => {
    if (call.path === '/_localstack/health') return response.end('{}');
    const { searchParams } = new URL(call.path, 'http://upstream');
    asked.push([searchParams.get('continuation-token'), searchParams.get('start-after')]);
    response.end(`<ListBucketResult>${pages[asked.length - 1]}</ListBucketResult>`);
  });
  const s3 = new S3Client({ ...fixture.clientOptions, forcePathStyle: true });

  let token: string | undefined;
  do {
    const input = {
      Bucket: 'photos',
      EncodingType: 'url',
      StartAfter: 'a',
      ContinuationToken: token,
    } as const;
    token = (await s3.send(new ListObjectsV2Command(input))).NextContinuationToken;
  } while (token !== undefined);

  expect(asked).toEqual([
    [null, 'a'],
    [null, 'ä'],
    [null, 'ü/\u{10FFFF}'],
  ]);
});

test('passes percent-encoded listings of other emulators on', async () => {
  const fixture = await startFixture((call, response) => {
    if (call.path === '/_localstack/health') response.writeHead(404);
    response.end('<ListBucketResult><Contents><Key>%C3%BC</Key></Contents></ListBucketResult>');
  });
  const s3 = new S3Client({ ...fixture.clientOptions, forcePathStyle: true });

  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'photos', EncodingType: 'url' }));

  expect(listed.Contents).toEqual([{ Key: '%C3%BC' }]);
});

test('says what its own endpoints are', async () => {
  const { url, dataDir } = await startFixture();

  const health = await (await fetch(`${url}/_gateway/health`)).json();
  const other = await fetch(`${url}/_gateway/other`);

  expect(health).toMatchObject({ status: 'running', processId: process.pid, dataDir });
  expect([other.status, await other.text()]).toEqual([404, expect.stringContaining('GET health')]);
});
