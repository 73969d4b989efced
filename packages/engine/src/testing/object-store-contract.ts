import { beforeEach, describe, expect, test } from 'vitest';
import { ObjectExistsError, ObjectLockedError, ObjectNotFoundError } from '../errors.ts';
import { utf8 } from '../bytes.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import { allOf } from './all-of.ts';
import { legalHoldContract } from './legal-hold-contract.ts';
import type { ObjectStoreContractOptions, ObjectStoreUnderTest } from './object-store-under-test.ts';
import { multipartContract } from './multipart-contract.ts';
import { hourMs } from '../model/time.ts';

/** Every sentence of the {@link ObjectStore} port, as tests. Call it at the top level of a test file. */
export function objectStoreContract(options: ObjectStoreContractOptions): void {
  describe(`${options.name} as an object store`, () => {
    let under: ObjectStoreUnderTest;
    let store: ObjectStore;

    beforeEach(async () => {
      under = await options.make();
      store = under.store;
    });

    const lockFor = async (ms: number, mode: ObjectLock['mode'] = 'governance'): Promise<ObjectLock> => {
      const now = await store.now();
      return { mode, until: new Date(Math.floor((now.getTime() + ms) / 1000) * 1000) };
    };

    describe('writing', () => {
      test('returns what was written and reads it back at once', async () => {
        const stored = await store.put('a/b', utf8('content'));

        expect(stored).toMatchObject({ name: 'a/b', bytes: 7 });
        expect(stored.versionId).not.toBe('');
        expect(await text(store.get('a/b'))).toBe('content');
        expect(await text(store.get('a/b', { versionId: stored.versionId }))).toBe('content');
        expect(await store.head('a/b')).toMatchObject({ name: 'a/b', bytes: 7, versionId: stored.versionId });
        expect(await allOf(store.listVersions(''))).toHaveLength(1);
      });

      test('joins a body of several buffers in their order', async () => {
        await store.put('joined', [utf8('one '), utf8(''), utf8('two')]);

        expect(await text(store.get('joined'))).toBe('one two');
      });

      test('takes an object of no bytes', async () => {
        await store.put('empty', new Uint8Array(0));

        expect(await store.get('empty')).toHaveLength(0);
        expect((await store.head('empty')).bytes).toBe(0);
      });

      test('keeps what it was given when the caller changes its buffer after the write', async () => {
        const body = utf8('before');

        await store.put('copied', body);
        body.fill(0);

        expect(await text(store.get('copied'))).toBe('before');
      });

      test('refuses a name that has a version already and leaves that version as it is', async () => {
        await store.put('taken', utf8('first'));

        await expect(store.put('taken', utf8('second'))).rejects.toBeInstanceOf(ObjectExistsError);

        expect(await text(store.get('taken'))).toBe('first');
        expect(await allOf(store.listVersions('taken'))).toHaveLength(1);
      });

      test('lets exactly one of twenty concurrent writers of a name win', async () => {
        const writers = Array.from({ length: 20 }, (_, writer) =>
          store.put('raced', utf8(`writer ${writer}`)),
        );

        const outcomes = await Promise.allSettled(writers);

        const losers = outcomes.filter((outcome) => outcome.status === 'rejected');
        expect(losers).toHaveLength(19);
        for (const loser of losers) expect(loser.reason).toBeInstanceOf(ObjectExistsError);
        const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
        expect(await text(store.get('raced'))).toBe(`writer ${winner}`);
        expect(await allOf(store.listVersions('raced'))).toHaveLength(1);
      });

      test('stops when it is aborted', async () => {
        await expect(store.put('aborted', utf8('x'), { signal: AbortSignal.abort() })).rejects.toThrow();

        await expect(store.head('aborted')).rejects.toBeInstanceOf(ObjectNotFoundError);
      });
    });

    describe('reading', () => {
      test('reads ranges, and only what exists where a range reaches beyond the end', async () => {
        await store.put('ranged', utf8('0123456789'));

        expect(await text(store.get('ranged', { range: { offset: 0, length: 1 } }))).toBe('0');
        expect(await text(store.get('ranged', { range: { offset: 3, length: 4 } }))).toBe('3456');
        expect(await text(store.get('ranged', { range: { offset: 8, length: 50 } }))).toBe('89');
        expect(await text(store.get('ranged', { range: { offset: 10, length: 5 } }))).toBe('');
        expect(await text(store.get('ranged', { range: { offset: 2, length: 0 } }))).toBe('');
      });

      test('names a missing object and a missing version', async () => {
        const { versionId } = await store.put('here', utf8('x'));

        await expect(store.get('absent')).rejects.toBeInstanceOf(ObjectNotFoundError);
        await expect(store.head('absent')).rejects.toBeInstanceOf(ObjectNotFoundError);
        await expect(store.get('absent', { versionId })).rejects.toBeInstanceOf(ObjectNotFoundError);
        await expect(store.head('absent', { versionId })).rejects.toBeInstanceOf(ObjectNotFoundError);
      });

      test('does not take a longer name for the one that is asked for', async () => {
        await store.put('name-longer', utf8('x'));

        await expect(store.get('name')).rejects.toBeInstanceOf(ObjectNotFoundError);
        await expect(store.head('name')).rejects.toBeInstanceOf(ObjectNotFoundError);
      });

      test('takes the oldest version of a name that somebody wrote again', async () => {
        const oldest = await store.put('rewritten', utf8('true'));
        const planted = await under.plantVersion('rewritten', utf8('false'));

        expect(await text(store.get('rewritten'))).toBe('true');
        expect((await store.head('rewritten')).versionId).toBe(oldest.versionId);
        expect(await text(store.get('rewritten', { versionId: planted }))).toBe('false');
      });

      test('reads a name that somebody hid behind a delete marker', async () => {
        await store.put('hidden', utf8('still here'));
        await under.plantMarker('hidden');

        expect(await text(store.get('hidden'))).toBe('still here');
        expect((await store.head('hidden')).bytes).toBe(10);
      });
    });

    describe('locks', () => {
      test.each(['governance', 'compliance'] as const)('locks a version in %s mode', async (mode) => {
        const lock = await lockFor(hourMs, mode);
        const { versionId } = await store.put('locked', utf8('x'), { lock });

        expect((await store.head('locked')).lock).toEqual(lock);
        await expect(store.removeVersion('locked', versionId)).rejects.toBeInstanceOf(ObjectLockedError);
        expect(await text(store.get('locked', { versionId }))).toBe('x');
      });

      test('moves a lock to a later time', async () => {
        const { versionId } = await store.put('locked', utf8('x'), { lock: await lockFor(hourMs) });
        const later = await lockFor(2 * hourMs);

        const confirmed = await store.extendLock('locked', versionId, later);

        expect(confirmed).toEqual(later);
        expect((await store.head('locked', { versionId })).lock).toEqual(later);
      });

      test('leaves a lock that is later already and says so', async () => {
        const late = await lockFor(2 * hourMs);
        const { versionId } = await store.put('locked', utf8('x'), { lock: late });

        expect(await store.extendLock('locked', versionId, await lockFor(hourMs))).toEqual(late);
        expect(await store.extendLock('locked', versionId, late)).toEqual(late);
        expect((await store.head('locked')).lock).toEqual(late);
      });

      test('never weakens a compliance lock, and still extends it', async () => {
        const { versionId } = await store.put('locked', utf8('x'), {
          lock: await lockFor(hourMs, 'compliance'),
        });
        const later = await lockFor(2 * hourMs, 'governance');

        const confirmed = await store.extendLock('locked', versionId, later);

        expect(confirmed).toEqual({ mode: 'compliance', until: later.until });
      });

      test('locks a version that had no lock', async () => {
        const { versionId } = await store.put('open', utf8('x'));
        const lock = await lockFor(hourMs);

        expect(await store.extendLock('open', versionId, lock)).toEqual(lock);
        await expect(store.removeVersion('open', versionId)).rejects.toBeInstanceOf(ObjectLockedError);
      });

      test('says that a version to be locked is gone', async () => {
        const { versionId } = await store.put('gone', utf8('x'));
        await store.removeVersion('gone', versionId);

        await expect(store.extendLock('gone', versionId, await lockFor(hourMs))).rejects.toBeInstanceOf(
          ObjectNotFoundError,
        );
      });
    });

    describe('removing', () => {
      test('removes one version, and succeeds when it is gone already', async () => {
        const { versionId } = await store.put('removed', utf8('x'));

        await store.removeVersion('removed', versionId);
        await store.removeVersion('removed', versionId);

        await expect(store.get('removed')).rejects.toBeInstanceOf(ObjectNotFoundError);
        expect(await allOf(store.listVersions(''))).toEqual([]);
      });

      test('leaves the other versions of the name', async () => {
        await store.put('two', utf8('old'));
        const planted = await under.plantVersion('two', utf8('new'));

        await store.removeVersion('two', planted);

        expect(await text(store.get('two'))).toBe('old');
      });
    });

    describe('listing', () => {
      test('lists every version under a prefix by name, newest first within a name, without markers', async () => {
        const oldest = await store.put('p/b', utf8('1'));
        await store.put('p/a', utf8('22'));
        await store.put('q', utf8('3'));
        const newest = await under.plantVersion('p/b', utf8('4'));
        await under.plantMarker('p/a');

        const listed = await allOf(store.listVersions('p/'));

        expect(listed.map((one) => one.name)).toEqual(['p/a', 'p/b', 'p/b']);
        expect(listed.map((one) => one.bytes)).toEqual([2, 1, 1]);
        expect(listed.slice(1).map((one) => one.versionId)).toEqual([newest, oldest.versionId]);
      });

      test('orders names by their UTF-8 bytes', async () => {
        const names = ['a', 'Z', 'ä', 'a/b', 'a-b', '\u{1F600}', '\uFFFD', 'aa'];
        for (const name of names) await store.put(name, utf8('x'));

        const listed = (await allOf(store.listVersions(''))).map((one) => one.name);

        expect(listed).toEqual(names.toSorted((a, b) => Buffer.compare(utf8(a), utf8(b))));
      });

      test('goes on after a name', async () => {
        for (const name of ['p/1', 'p/2', 'p/3']) await store.put(name, utf8('x'));
        await under.plantVersion('p/2', utf8('y'));

        const listed = await allOf(store.listVersions('p/', { startAfter: 'p/2' }));

        expect(listed.map((one) => one.name)).toEqual(['p/3']);
      });

      test('says when each version was stored, by the clock that now shows', async () => {
        const before = await store.now();
        const { versionId } = await store.put('timed', utf8('x'));
        const after = await store.now();

        const [listed] = await allOf(store.listVersions('timed'));

        const stored = (await store.head('timed', { versionId })).storedAt.getTime();
        const slackMs = 2000;
        for (const time of [stored, listed?.storedAt.getTime() ?? Number.NaN]) {
          expect(time).toBeGreaterThanOrEqual(before.getTime() - slackMs);
          expect(time).toBeLessThanOrEqual(after.getTime() + slackMs);
        }
      });
    });

    legalHoldContract(options);
    multipartContract(options);
  });
}

async function text(body: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await body).toString();
}
