import { S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { StoreUnavailableError } from '@holdfast/engine';
import { FakeClock } from '@holdfast/engine/testing';
import { S3ServerTime } from '../src/store/s3-server-time.ts';

/** A client whose every answer has these headers; counts its requests. */
function clientAnswering(headers: Record<string, string>) {
  const seen = { requests: 0 };
  const s3 = new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: {
      handle: async () => {
        seen.requests++;
        return { response: { statusCode: 200, headers, body: undefined } as never };
      },
    },
  });
  return { s3, seen };
}

test('tells the server’s time, moves it on with elapsed time, and asks again after five seconds', async () => {
  const { s3, seen } = clientAnswering({ date: 'Thu, 01 Jan 2026 00:00:10 GMT' });
  const clock = new FakeClock('1999-12-31T00:00:00Z');
  const time = new S3ServerTime(s3, { Bucket: 'vault' }, clock);

  expect(await time.now()).toEqual(new Date('2026-01-01T00:00:10Z'));
  clock.advance(4000);
  clock.set('2050-01-01T00:00:00Z');
  expect(await time.now()).toEqual(new Date('2026-01-01T00:00:14Z'));
  expect(seen.requests).toBe(1);
  clock.advance(2000);
  expect(await time.now()).toEqual(new Date('2026-01-01T00:00:10Z'));
  expect(seen.requests).toBe(2);
});

test('does not invent a time when an answer has none', async () => {
  const { s3 } = clientAnswering({});

  await expect(new S3ServerTime(s3, { Bucket: 'vault' }, new FakeClock()).now()).rejects.toBeInstanceOf(
    StoreUnavailableError,
  );
});
