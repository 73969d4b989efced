import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  SnapshotMissingError,
  SourceUnavailableError,
  StoreUnavailableError,
  UnrelatedSnapshotsError,
} from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { EbsBlockSource } from '../src/ebs.ts';
import { type EbsAnswer, jsonAnswer, refusal, type ScriptedEbs, scriptEbs } from './scripted-ebs.ts';

const scriptedEbs = scriptEbs();
let ebs: ScriptedEbs;
let source: EbsBlockSource;

beforeEach(() => {
  ebs = scriptedEbs();
  source = new EbsBlockSource(ebs.clients.ebs, new FakeClock(), new SeededRandom('ebs'));
});

const page = (indexes: readonly number[], NextToken?: string): EbsAnswer =>
  jsonAnswer({
    Blocks: indexes.map((BlockIndex) => ({ BlockIndex, BlockToken: `token${BlockIndex}` })),
    VolumeSize: 1,
    BlockSize: 524_288,
    NextToken,
  });
const block = (bytes: string, checked = bytes): EbsAnswer => ({
  headers: {
    'x-amz-data-length': String(bytes.length),
    'x-amz-checksum': createHash('sha256').update(checked).digest('base64'),
    'x-amz-checksum-algorithm': 'SHA256',
  },
  body: bytes,
});

async function indexesOf(list: ReturnType<EbsBlockSource['list']>): Promise<number[]> {
  const pages = await Array.fromAsync(list);
  return pages.flatMap(({ blocks }) => blocks.map(({ index }) => index));
}

describe('a list of blocks', () => {
  test('goes on over empty pages until there is no token', async () => {
    ebs.answers = [page([], 'one'), page([3], 'two'), page([], 'three'), page([9])];

    expect(await indexesOf(source.list('snap-1', 2))).toEqual([3, 9]);

    expect(ebs.asked[0]?.url).toContain('startingBlockIndex=2');
    expect(ebs.asked[2]?.url).toContain('pageToken=two');
  });

  test('goes on from an empty page by its token, and from the last index where that has expired', async () => {
    ebs.answers = [page([3], 'one'), page([], 'two'), page([])];
    const places = (await Array.fromAsync(source.list('snap-1', 0))).map(({ next }) => next);
    expect(places).toEqual([{ index: 4, token: 'one' }, { index: 4, token: 'two' }, undefined]);

    ebs.asked.splice(0);
    ebs.answers = [refusal('ValidationException', 'INVALID_PAGE_TOKEN', 400), page([9])];
    expect(await indexesOf(source.list('snap-1', { index: 4, token: 'two' }))).toEqual([9]);

    expect(ebs.asked[0]?.url).toContain('pageToken=two');
    expect(ebs.asked[1]?.url).toContain('startingBlockIndex=4');
  });

  test('is asked for again from the last index on when the token of a page has expired', async () => {
    ebs.answers = [page([3, 4], 'old'), refusal('ValidationException', 'INVALID_PAGE_TOKEN', 400), page([9])];

    expect(await indexesOf(source.list('snap-1', 0))).toEqual([3, 4, 9]);

    expect(ebs.asked[2]?.url).toContain('startingBlockIndex=5');
    expect(ebs.asked[2]?.url).not.toContain('pageToken');
  });

  test('ends with the last block of the volume, behind which nothing can be asked for', async () => {
    ebs.answers = [
      page([3, 2047], 'old'),
      refusal('ValidationException', 'INVALID_PAGE_TOKEN', 400),
      refusal('ValidationException', 'INVALID_PARAMETER_VALUE', 400),
    ];

    expect(await indexesOf(source.list('snap-1', 0))).toEqual([3, 2047]);
  });

  test('ends when a token is refused twice at one place', async () => {
    const refused = refusal('ValidationException', 'INVALID_PAGE_TOKEN', 400);
    ebs.answers = [page([], 'old'), refused, page([], 'new'), refused];

    await expect(indexesOf(source.list('snap-1', 0))).rejects.toThrow(
      /INVALID_PAGE_TOKEN|ValidationException/,
    );
  });

  test('of changes has no token where the younger snapshot has no block', async () => {
    const ChangedBlocks = [
      { BlockIndex: 1, FirstBlockToken: 'a' },
      { BlockIndex: 2, FirstBlockToken: 'b', SecondBlockToken: 'c' },
      { BlockIndex: 3, SecondBlockToken: 'd' },
    ];
    ebs.answers = [jsonAnswer({ ChangedBlocks, VolumeSize: 1, BlockSize: 524_288 })];

    const [changes] = await Array.fromAsync(source.listChanged('snap-2', 'snap-1', 0));

    expect(changes).toEqual({
      bytes: 2 ** 30,
      blockBytes: 524_288,
      blocks: [
        { index: 1, token: undefined },
        { index: 2, token: 'c' },
        { index: 3, token: 'd' },
      ],
    });
    expect(ebs.asked[0]?.url).toMatch(/^\/snapshots\/snap-2\/changedblocks\?.*firstSnapshotId=snap-1/);
  });
});

describe('a block', () => {
  const wanted = { index: 7, token: 'dG9rZW4=' };

  test('is read again when it does not fit its checksum', async () => {
    ebs.answers = [block('broken', 'whole!'), block('whole!')];

    const content = await source.read('snap-1', wanted);

    expect(content).toMatchObject({ sha256: createHash('sha256').update('whole!').digest() });
    expect(ebs.asked).toHaveLength(2);
  });

  test('that never fits its checksum is not returned', async () => {
    ebs.answers = Array.from({ length: 5 }, () => block('broken', 'whole!'));

    await expect(source.read('snap-1', wanted)).rejects.toThrow(StoreUnavailableError);
  });

  test('whose token has expired has to be listed again', async () => {
    ebs.answers = [refusal('ValidationException', 'INVALID_BLOCK_TOKEN', 400)];

    expect(await source.read('snap-1', wanted)).toBe('expired');
  });

  test('that is throttled is asked for again, and counted', async () => {
    ebs.answers = [refusal('RequestThrottledException', 'ACCOUNT_THROTTLED', 400), block('whole!')];

    await source.read('snap-1', wanted);

    expect(ebs.clients.throttledCalls()).toBe(1);
  });
});

test.each<[string, EbsAnswer, new (...args: never[]) => Error, RegExp]>([
  [
    'a snapshot that is gone',
    refusal('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND', 404),
    SnapshotMissingError,
    /snap-2 does not exist/,
  ],
  [
    'a base that is gone',
    refusal('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND', 404, "The snapshot 'snap-1' does not exist."),
    SnapshotMissingError,
    /snap-1 does not exist/,
  ],
  [
    'a snapshot that is not complete',
    refusal('ValidationException', 'INVALID_SNAPSHOT_ID', 400),
    SnapshotMissingError,
    /snap-2/,
  ],
  [
    'snapshots of two volumes',
    refusal('ValidationException', 'UNRELATED_SNAPSHOTS', 400),
    UnrelatedSnapshotsError,
    /snap-2 cannot be compared with snap-1/,
  ],
  [
    'a key that may not be used',
    refusal('AccessDeniedException', 'DEPENDENCY_ACCESS_DENIED', 403),
    SourceUnavailableError,
    /KMS key that snapshot snap-2 is encrypted with.*sources\.keys/,
  ],
  [
    'a key that is disabled',
    refusal('ValidationException', 'INVALID_CUSTOMER_KEY', 400),
    SourceUnavailableError,
    /KMS key/,
  ],
  [
    'a role without the right',
    refusal('AccessDeniedException', 'UNAUTHORIZED_ACCOUNT', 403),
    SourceUnavailableError,
    /allow the EBS direct APIs on snapshot snap-2/,
  ],
  [
    'a quota of the key store',
    refusal('ServiceQuotaExceededException', 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED', 402),
    StoreUnavailableError,
    /is throttled/,
  ],
])('%s is told as the port says', async (_what, answer, error, message) => {
  ebs.answers = [answer];

  const listing = indexesOf(source.listChanged('snap-2', 'snap-1', 0));

  await expect(listing).rejects.toThrow(error);
  await expect(listing).rejects.toThrow(message);
});
