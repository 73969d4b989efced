import { describe, expect, test } from 'vitest';
import {
  InvalidInputError,
  ObjectArchivedError,
  ObjectLockedError,
  ObjectLockMissingError,
} from '../../src/errors.ts';
import { utf8 } from '../../src/bytes.ts';
import { FakeClock, MemoryObjectStore } from '../../src/testing/index.ts';

const hour = 3_600_000;

describe('the memory store', () => {
  test('lets a version go when its lock has ended, and not a second before', async () => {
    const clock = new FakeClock();
    const store = new MemoryObjectStore({ clock });
    const until = new Date(clock.now().getTime() + hour);
    const { versionId } = await store.put('a', utf8('x'), { lock: { mode: 'compliance', until } });

    clock.advance(hour - 1000);
    await expect(store.removeVersion('a', versionId)).rejects.toBeInstanceOf(ObjectLockedError);
    clock.advance(1000);
    await store.removeVersion('a', versionId);

    await expect(store.head('a')).rejects.toThrow('a does not exist');
  });

  test('lets a name be written again behind a delete marker, as S3 does', async () => {
    const store = new MemoryObjectStore({ clock: new FakeClock() });
    await store.put('a', utf8('old'));
    store.plantMarker('a');

    const second = await store.put('a', utf8('new'));

    expect(Buffer.from(await store.get('a')).toString()).toBe('old');
    expect(Buffer.from(await store.get('a', { versionId: second.versionId })).toString()).toBe('new');
  });

  test('reads an archived object only after a thaw', async () => {
    const clock = new FakeClock();
    const store = new MemoryObjectStore({ clock });
    const { versionId } = await store.put('a', utf8('x'), { storageClass: 'DEEP_ARCHIVE' });
    await expect(store.get('a')).rejects.toBeInstanceOf(ObjectArchivedError);

    await store.thaw('a', versionId, { days: 1, speed: 'bulk' });
    await expect(store.get('a')).rejects.toBeInstanceOf(ObjectArchivedError);
    store.finishThaw('a', versionId, new Date(clock.now().getTime() + 1_000));

    expect(Buffer.from(await store.get('a')).toString()).toBe('x');
  });

  test('holds objects of terabytes whose content is computed', async () => {
    const store = new MemoryObjectStore({ clock: new FakeClock() });
    const bytes = 5 * 2 ** 40;
    store.plantVersion('huge', { bytes, read: readAsText });

    expect((await store.head('huge')).bytes).toBe(bytes);
    expect(await store.get('huge', { range: { offset: bytes - 10, length: 100 } })).toEqual(
      utf8(`${bytes - 10}+10`),
    );
  });

  test('counts requests and the bytes that were fetched', async () => {
    const store = new MemoryObjectStore({ clock: new FakeClock() });
    await store.put('a', utf8('0123456789'));
    await store.get('a', { range: { offset: 2, length: 3 } });
    await store.get('a');

    expect(store.requests('put')).toBe(1);
    expect(store.requests('get')).toBe(2);
    expect(store.bytesFetched).toBe(13);
    store.resetCounters();
    expect([store.requests('get'), store.bytesFetched]).toEqual([0, 0]);
  });

  test('without Object Lock refuses a write that asks for a lock', async () => {
    const clock = new FakeClock();
    const store = new MemoryObjectStore({ clock, objectLock: false });
    const lock = { mode: 'governance', until: clock.now() } as const;

    await expect(store.put('a', utf8('x'), { lock })).rejects.toBeInstanceOf(ObjectLockMissingError);
    await store.put('a', utf8('x'));
  });

  test('refuses small parts before the last', async () => {
    const store = new MemoryObjectStore({ clock: new FakeClock(), minPartBytes: 3 });
    const upload = await store.startMultipart('a');
    await upload.addPart(utf8('xx'));
    await upload.addPart(utf8('yyy'));

    await expect(upload.complete()).rejects.toBeInstanceOf(InvalidInputError);
  });
});

function readAsText(offset: number, length: number): Uint8Array {
  return utf8(`${offset}+${length}`);
}
