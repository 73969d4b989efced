import { beforeEach, describe, expect, test } from 'vitest';
import { TargetUnavailableError } from '../errors.ts';
import type { PlacedObject, TargetBucket } from '../ports/target-bucket.ts';
import { allOf } from './all-of.ts';

export interface TargetBucketUnderTest {
  readonly bucket: TargetBucket;
  readonly put: (name: string, content: string) => Promise<void>;
  /** Contents of a name that are still there, the newest first. */
  readonly versionsOf: (name: string) => Promise<readonly string[]>;
  /** Has the bucket keep no versions from now on. */
  readonly forgetVersions: () => Promise<void>;
}

export interface TargetBucketContractOptions {
  readonly name: string;
  /** An empty bucket that keeps versions, made anew for every test. */
  readonly make: () => Promise<TargetBucketUnderTest>;
}

/** Names that other stores would trip over. */
const hostile = [
  '../up',
  'a\nb',
  '/top',
  'a//b',
  'folder/',
  'q\'&<">?#%+ ',
  'é\u{10400}',
  `${'l'.repeat(1023)}.`,
];

function namesOf(objects: readonly PlacedObject[]): readonly string[] {
  return objects.map(({ path }) => Buffer.from(path).toString('utf8'));
}

/** Sentences of the {@link TargetBucket} port, as tests. */
export function targetBucketContract({ name, make }: TargetBucketContractOptions): void {
  describe(`${name} as a bucket that is made equal to a point`, () => {
    let made: TargetBucketUnderTest;
    const list = async (...prefixes: string[]): Promise<readonly PlacedObject[]> =>
      allOf(made.bucket.list(prefixes));

    beforeEach(async () => {
      made = await make();
    });

    test('lists what begins with a prefix in the order of bytes, and hides names of every kind', async () => {
      for (const key of hostile) await made.put(key, key);
      const inOrder = hostile.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

      const all = await list('');
      const some = await list('a', 'folder/');
      for (const object of all) expect(await made.bucket.hide(object)).toBe('hidden');

      expect(namesOf(all)).toEqual(inOrder);
      expect(namesOf(some)).toEqual(['a\nb', 'a//b', 'folder/']);
      expect(await list('')).toEqual([]);
      for (const key of hostile) expect(await made.versionsOf(key)).toEqual([key]);
    });

    test('leaves an object that is another one since it was listed, or hidden already', async () => {
      await made.put('rewritten', 'before');
      await made.put('hidden', 'before');
      const [hidden, rewritten] = await list('');
      if (hidden === undefined || rewritten === undefined) throw new Error('two objects were put');
      await made.put('rewritten', 'after');
      await made.bucket.hide(hidden);

      const outcomes = [await made.bucket.hide(rewritten), await made.bucket.hide(hidden)];

      expect(outcomes).toEqual(['changed', 'changed']);
      expect(namesOf(await list(''))).toEqual(['rewritten']);
      expect(await made.versionsOf('rewritten')).toEqual(['after', 'before']);
    });

    test('says that it keeps versions, and says so of one that does not', async () => {
      await made.bucket.checkKeepsVersions();
      await made.forgetVersions();

      await expect(made.bucket.checkKeepsVersions()).rejects.toThrow(TargetUnavailableError);
    });
  });
}
