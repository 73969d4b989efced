import { GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startFixture } from './gateway-fixture.ts';

const id = { Bucket: 'vault', Key: 'x' };

test('a version id that S3 never gave out is refused by name, and to a HEAD with nothing but the status', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);

  const get = s3.send(new GetObjectCommand({ ...id, VersionId: 'v1' }));
  await expect(get).rejects.toMatchObject({
    name: 'InvalidArgument',
    message: 'Invalid version id specified',
    ArgumentName: 'versionId',
    ArgumentValue: 'v1',
    $metadata: { httpStatusCode: 400 },
  });
  const head = s3.send(new HeadObjectCommand({ ...id, VersionId: 'v1' }));
  await expect(head).rejects.toMatchObject({ name: 'Unknown', $metadata: { httpStatusCode: 400 } });
  expect(fixture.upstreamCalls).toEqual([]);
});

test.each(['null', '3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY', 'c0ffee00-0000-4000-8000-000000000000'])(
  'the version id %s goes to the emulator',
  async (VersionId) => {
    const fixture = await startFixture();

    await new S3Client(fixture.clientOptions).send(new HeadObjectCommand({ ...id, VersionId }));

    expect(fixture.upstreamCalls).toHaveLength(1);
  },
);

test('an expired session is named in the body of an answer, which a HEAD has not', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);
  const action = { kind: 'error', status: 400, code: 'ExpiredToken' };
  const body = JSON.stringify({ match: { service: 's3' }, action });
  await fetch(`${fixture.url}/_gateway/faults`, { method: 'POST', body });

  await expect(s3.send(new GetObjectCommand(id))).rejects.toMatchObject({ name: 'ExpiredToken' });
  await expect(s3.send(new HeadObjectCommand(id))).rejects.toMatchObject({ name: 'Unknown' });
});
