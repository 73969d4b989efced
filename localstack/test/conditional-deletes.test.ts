import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startFixture } from './gateway-fixture.ts';

/** An emulator with one object, which knows no conditions. */
async function connect() {
  const fixture = await startFixture(({ method, path, headers }, response) => {
    const isThere = path.startsWith('/vault/there') || path.startsWith('/vault/../up');
    if (headers['if-match'] !== undefined) response.writeHead(501);
    else if (path.startsWith('/vault/hidden')) response.writeHead(method === 'HEAD' ? 403 : 204);
    else if (method === 'HEAD') response.writeHead(isThere ? 200 : 404, isThere ? { etag: '"abc"' } : {});
    else response.writeHead(204, { 'x-amz-delete-marker': 'true' });
    response.end();
  });
  const s3 = new S3Client(fixture.clientOptions);
  return async (Key: string, IfMatch?: string) => {
    await s3.send(new DeleteObjectCommand({ Bucket: 'vault', Key, IfMatch }));
    return fixture.upstreamCalls.filter(({ method }) => method === 'DELETE').length;
  };
}

test.for([
  ['there', '"abc"'],
  ['there', '*'],
  ['../up', '"abc"'],
  ['there', undefined],
  ['gone', undefined],
] as const)('a deletion of %s if it is %s goes to the emulator', async ([key, etag]) => {
  const remove = await connect();

  expect(await remove(key, etag)).toBe(1);
});

test.for([
  ['there', '"other"', 'PreconditionFailed', 412],
  ['../up', '"other"', 'PreconditionFailed', 412],
  ['gone', '"abc"', 'NoSuchKey', 404],
  ['gone', '*', 'NoSuchKey', 404],
  ['hidden', '"abc"', 'AccessDenied', 403],
] as const)('a deletion of %s if it is %s is refused with %s', async ([key, etag, name, httpStatusCode]) => {
  const remove = await connect();

  await expect(remove(key, etag)).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
});
