import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../bytes.ts';
import { ObjectLockedError, ObjectNotFoundError } from '../errors.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { ObjectStoreContractOptions, ObjectStoreUnderTest } from './object-store-under-test.ts';

/** The part of the object store's suite about what keeps a version from going, and from being read. */
export function legalHoldContract({ make }: ObjectStoreContractOptions): void {
  let under: ObjectStoreUnderTest;
  let store: ObjectStore;

  beforeEach(async () => {
    under = await make();
    store = under.store;
  });

  describe('legal holds', () => {
    test('keep a version until they are switched off, again too', async () => {
      const { versionId } = await store.put('held', utf8('x'));
      expect((await store.head('held')).legalHold).toBeUndefined();

      await store.setLegalHold('held', versionId, true);
      await store.setLegalHold('held', versionId, true);
      expect((await store.head('held', { versionId })).legalHold).toBe(true);
      await expect(store.removeVersion('held', versionId)).rejects.toBeInstanceOf(ObjectLockedError);
      expect(await text(store.get('held'))).toBe('x');

      await store.setLegalHold('held', versionId, false);
      await store.setLegalHold('held', versionId, false);
      expect((await store.head('held')).legalHold).toBeUndefined();
      await store.removeVersion('held', versionId);
      await expect(store.head('held')).rejects.toBeInstanceOf(ObjectNotFoundError);
    });

    test('stand beside a lock: neither changes the other', async () => {
      const { versionId } = await store.put('held', utf8('x'), { lock: lockFor(await store.now(), 1) });
      const later = lockFor(await store.now(), 2);

      await store.setLegalHold('held', versionId, true);
      await store.extendLock('held', versionId, later);
      expect(await store.head('held')).toMatchObject({ lock: later, legalHold: true });
      await store.setLegalHold('held', versionId, false);

      expect((await store.head('held')).lock).toEqual(later);
      await expect(store.removeVersion('held', versionId)).rejects.toBeInstanceOf(ObjectLockedError);
    });

    test('are of one version', async () => {
      const oldest = await store.put('two', utf8('old'));
      const planted = await under.plantVersion('two', utf8('new'));

      await store.setLegalHold('two', planted, true);

      expect((await store.head('two', { versionId: oldest.versionId })).legalHold).toBeUndefined();
      expect((await store.head('two', { versionId: planted })).legalHold).toBe(true);
    });

    test.each([true, false])('say that the version is gone (on: %s)', async (on) => {
      const { versionId } = await store.put('gone', utf8('x'));
      await store.removeVersion('gone', versionId);

      await expect(store.setLegalHold('gone', versionId, on)).rejects.toBeInstanceOf(ObjectNotFoundError);
      await expect(store.setLegalHold('absent', versionId, on)).rejects.toBeInstanceOf(ObjectNotFoundError);
    });

    test('stop when they are aborted', async () => {
      const { versionId } = await store.put('held', utf8('x'));

      await expect(store.setLegalHold('held', versionId, true, AbortSignal.abort())).rejects.toThrow();

      expect((await store.head('held')).legalHold).toBeUndefined();
    });
  });

  describe('thawing', () => {
    test('leaves a version that is not archived as it is, again too', async () => {
      const { versionId } = await store.put('warm', utf8('x'), { storageClass: 'STANDARD_IA' });

      await store.thaw('warm', versionId, { days: 1, speed: 'standard' });
      await store.thaw('warm', versionId, { days: 1, speed: 'bulk' });

      expect((await store.head('warm')).thaw).toBeUndefined();
      expect(await text(store.get('warm'))).toBe('x');
    });

    test('says that the version is gone', async () => {
      const { versionId } = await store.put('gone', utf8('x'));
      await store.removeVersion('gone', versionId);

      await expect(store.thaw('gone', versionId, { days: 1, speed: 'bulk' })).rejects.toBeInstanceOf(
        ObjectNotFoundError,
      );
    });
  });
}

function lockFor(now: Date, hours: number): ObjectLock {
  return { mode: 'governance', until: new Date((Math.floor(now.getTime() / 1000) + hours * 3600) * 1000) };
}

async function text(body: Promise<Uint8Array>): Promise<string> {
  return Buffer.from(await body).toString();
}
