import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, utf8 } from '../../src/bytes.ts';
import { TargetEntryError, TargetUnavailableError } from '../../src/errors.ts';
import {
  commonPrefixes,
  distinctPrefixes,
  findExtraObjects,
  hideExtraObjects,
  missingFrom,
} from '../../src/restore/extra-objects.ts';
import { allOf, MemoryTargetBucket, targetBucketContract } from '../../src/testing/index.ts';
import { Harness } from '../runs/harness.ts';
import { triesOf } from '../thoroughness.ts';

targetBucketContract({
  name: 'a bucket in memory',
  make: async () => {
    const bucket = new MemoryTargetBucket();
    return {
      bucket,
      put: async (name, content) => bucket.put(name, content),
      versionsOf: async (name) => bucket.versionsOf(name),
      forgetVersions: async () => void (bucket.keepsVersions = false),
    };
  },
});

async function* inOrder(names: Iterable<string>): AsyncGenerator<Uint8Array> {
  yield* [...names].map((name) => utf8(name)).toSorted(compareBytes);
}

function bucketOf(names: Iterable<string>): MemoryTargetBucket {
  const bucket = new MemoryTargetBucket();
  for (const name of names) bucket.put(name, `content of ${name}`);
  return bucket;
}

/** Names with few letters, so that many are alike, and with some that sort otherwise as UTF-16 than as bytes. */
const names = fc.uniqueArray(
  fc.string({
    unit: fc.constantFrom('a', 'b', '/', '.', '\n', '\0', '\u{ffff}', '\u{10400}'),
    minLength: 1,
    maxLength: 4,
  }),
  { maxLength: 12 },
);

test('leaves of any bucket what the point has, and every version of the rest', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, async (placed, ofPoint) => {
      const bucket = bucketOf(placed);

      const { left } = await hideExtraObjects(bucket, missingFrom(bucket.list(['']), inOrder(ofPoint)));

      expect(left).toBe(0);
      expect(new Set(bucket.current.keys())).toEqual(new Set(placed).intersection(new Set(ofPoint)));
      for (const name of placed) expect(bucket.versionsOf(name)).toEqual([`content of ${name}`]);
    }),
    { numRuns: triesOf(100) },
  );
});

async function search(below: readonly string[], prefix: string): Promise<readonly string[]> {
  const harness = new Harness('extra');
  for (const path of ['a', 'a/1', 'b/', 'b/2', 'b\0', 'c/3']) harness.source.plant(path, 'x'.repeat(100));
  const { root } = await harness.backUp('full');
  const reader = await harness.open(root.point);
  const bucket = bucketOf(
    ['a', 'a/1', 'a/1.locked', 'b/', 'b/2', 'b/../2', 'b\0', 'c/3', 'c/4', 'd'].map((name) => prefix + name),
  );
  bucket.put('unrelated', 'x');
  const found = await allOf(findExtraObjects({ reader, bucket, prefix, below }));
  return found.map(({ path }) => Buffer.from(path).toString('utf8'));
}

describe('of a point in a vault', () => {
  test.for([
    [[''], '', ['a/1.locked', 'b/../2', 'c/4', 'd', 'unrelated']],
    [[''], 'r/', ['r/a/1.locked', 'r/b/../2', 'r/c/4', 'r/d']],
    [['b/', 'c/'], 'r/', ['r/b/../2', 'r/c/4']],
    [[], '', []],
  ] as const)(
    'finds below %j with the prefix %j what only the bucket has',
    async ([below, prefix, extra]) => {
      expect(await search(below, prefix)).toEqual(extra);
    },
  );
});

async function shownOf(bucket: MemoryTargetBucket) {
  return allOf(bucket.list(['']));
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

test('leaves what changed since it was shown or is refused, with the reason, and does not look at what came since', async () => {
  const bucket = bucketOf(['changed', 'gone', 'new', 'refused']);
  const shown = await shownOf(bucket);
  bucket.put('changed', 'other');
  bucket.put('since', 'new');
  bucket.refuse('refused');

  const outcome = await hideExtraObjects(bucket, each(shown));

  expect(outcome).toMatchObject({ hidden: 2, left: 2 });
  expect(outcome.leftObjects.map(({ path, reason }) => [Buffer.from(path).toString(), reason])).toEqual([
    ['changed', 'it has changed since it was shown'],
    ['refused', '"refused" may not be deleted'],
  ]);
  expect([...bucket.current.keys()]).toEqual(['changed', 'refused', 'since']);
});

test('stops at once where versions are switched off while it is at work', async () => {
  const bucket = bucketOf(['a', 'b', 'c']);
  const shown = await shownOf(bucket);
  bucket.onCall = () => void (bucket.keepsVersions = false);

  await expect(hideExtraObjects(bucket, each(shown))).rejects.toThrow(TargetUnavailableError);
  expect([...bucket.current.keys()]).toEqual(['b', 'c']);
});

test('asks a bucket that refuses everything a few times only', async () => {
  const many = Array.from({ length: 100 }, (_, index) => `object-${index}`);
  const bucket = bucketOf(many);
  for (const name of many) bucket.refuse(name);

  await expect(hideExtraObjects(bucket, each(await shownOf(bucket)))).rejects.toThrow(TargetEntryError);
  expect(bucket.asked).toBe(16);
});

test('ends when it is interrupted, and a repetition does the rest', async () => {
  const bucket = bucketOf(Array.from({ length: 80 }, (_, index) => `object-${index}`));
  const shown = await shownOf(bucket);
  const controller = new AbortController();
  const stopAfter = (count: number) => count === 10 && controller.abort();

  const stopped = hideExtraObjects(bucket, each(shown), { signal: controller.signal, onHidden: stopAfter });
  await expect(stopped).rejects.toThrow();
  const after = bucket.current.size;
  const { hidden } = await hideExtraObjects(bucket, each(await shownOf(bucket)));

  expect(after).toBeGreaterThan(0);
  expect(hidden).toBe(after);
  expect(bucket.current.size).toBe(0);
});

test('keeps prefixes apart: sorted by bytes, without those below others, and what two lists have in common', () => {
  expect(distinctPrefixes(['b/', 'a/x', 'a/', 'b/'])).toEqual(['a/', 'b/']);
  expect(distinctPrefixes(['a', ''])).toEqual(['']);
  expect(commonPrefixes(['photos/', 'x/y/'], ['photos/2026', 'x/', 'z'])).toEqual(['photos/2026', 'x/y/']);
  expect(commonPrefixes([''], ['a/', 'b'])).toEqual(['a/', 'b']);
  expect(commonPrefixes(['a/'], ['b/'])).toEqual([]);
});
