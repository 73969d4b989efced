import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { ObjectExistsError, ObjectNotFoundError } from '../errors.ts';
import { utf8 } from '../bytes.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import { allOf } from './all-of.ts';
import { hourMs } from '../model/time.ts';

/** The part of the object store's contract that is about parts; called by `objectStoreContract`. */
export function multipartContract(options: {
  readonly make: () => Promise<{ readonly store: ObjectStore }>;
  readonly partBytes?: number;
}): void {
  let store: ObjectStore;

  beforeEach(async () => {
    ({ store } = await options.make());
  });

  const lockFor = async (ms: number): Promise<ObjectLock> => {
    const now = await store.now();
    return { mode: 'governance', until: new Date(Math.floor((now.getTime() + ms) / 1000) * 1000) };
  };

  describe('objects in parts', () => {
    const part = new Uint8Array(options.partBytes ?? 5 * 1024 * 1024).fill(1);
    const tail = utf8('tail');

    test('become one locked object when they are completed', async () => {
      const lock = await lockFor(hourMs);
      const upload = await store.startMultipart('big', { lock });
      await upload.addPart(part);
      await upload.addPart([tail.subarray(0, 2), tail.subarray(2)]);

      const stored = await upload.complete();

      expect(stored).toMatchObject({ name: 'big', bytes: part.length + 4 });
      expect((await store.head('big', { versionId: stored.versionId })).lock).toEqual(lock);
      const body = await store.get('big');
      expect(sha256(body)).toBe(sha256(Buffer.concat([part, tail])));
    });

    test('are not visible before, nor after they are given up', async () => {
      const upload = await store.startMultipart('big');
      await upload.addPart(tail);
      expect(await allOf(store.listVersions(''))).toEqual([]);

      await upload.abort();
      await upload.abort();

      expect(await allOf(store.listVersions(''))).toEqual([]);
      await expect(upload.complete()).rejects.toBeInstanceOf(ObjectNotFoundError);
    });

    test('can be gone on with by another process from the state as JSON', async () => {
      const lock = await lockFor(hourMs);
      const first = await store.startMultipart('big', { lock });
      await first.addPart(part);
      const state = JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>;

      const second = store.resumeMultipart(state, { lock });
      await second.addPart(tail);
      const stored = await second.complete();

      expect(state.parts.map(({ number, bytes, sha256: hash }) => ({ number, bytes, hash }))).toEqual([
        { number: 1, bytes: part.length, hash: sha256(part) },
      ]);
      expect(second.state().parts.map((one) => one.number)).toEqual([1, 2]);
      expect(stored.bytes).toBe(part.length + 4);
      expect((await store.head('big')).lock).toEqual(lock);
    });

    test('refuse a name that got a version meanwhile', async () => {
      const upload = await store.startMultipart('big');
      await upload.addPart(tail);
      await store.put('big', utf8('first'));

      await expect(upload.complete()).rejects.toBeInstanceOf(ObjectExistsError);

      expect(await text(store.get('big'))).toBe('first');
    });

    test('give the same version when the completion is repeated', async () => {
      const upload = await store.startMultipart('big', { lock: await lockFor(hourMs) });
      await upload.addPart(tail);

      const once = await upload.complete();
      const twice = await upload.complete();

      expect(twice.versionId).toBe(once.versionId);
      expect(await allOf(store.listVersions('big'))).toHaveLength(1);
    });
  });
}

async function text(body: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await body).toString();
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
