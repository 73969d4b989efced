import { beforeAll, describe, expect, test } from 'vitest';
import { KeyUnavailableError, NotSupportedError } from '../../src/errors.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import { containerName } from '../../src/packs/object-names.ts';
import { footerBytes } from '../../src/packs/pack-layout.ts';
import type { ContainerBytes } from '../../src/restore/container-store.ts';
import { openContainer } from '../../src/restore/open-container.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryKeyring, MemoryTarget, SeededRandom, rotateDataKey } from '../../src/testing/index.ts';
import { verifyPoint } from '../../src/verify/verify-point.ts';
import { describeState, Harness, namesIn, stateOf } from '../runs/harness.ts';

let harness: Harness;
let bytes: Buffer;
let name: string;

const asContainer = (content: Uint8Array): ContainerBytes => ({
  bytes: content.length,
  read: async ({ offset, length }) => Promise.resolve(content.slice(offset, offset + length)),
});

/** Where the key block begins and ends. */
const keyBlockOf = (container: Buffer): { from: number; to: number } => {
  const trailer = container.length - footerBytes;
  return {
    from: Number(container.readBigUInt64BE(trailer + 8)) + container.readUInt32BE(trailer + 16),
    to: trailer,
  };
};

beforeAll(async () => {
  harness = new Harness('container alone');
  for (let file = 0; file < 30; file += 1)
    harness.source.plant(`file ${file}`, `content ${file} `.repeat(file));
  await harness.backUp('full');
  const keys = await openVault(harness);
  await rotateDataKey(keys, harness);
  const { root } = await harness.backUp('synthetic-full');
  name = containerName(root.container?.pack as never);
  bytes = Buffer.from(await harness.store.get(name));
});

describe('a container alone', () => {
  test('gives every file of its point back, whatever became of the vault', async () => {
    const target = new MemoryTarget();

    const reader = await openContainer(asContainer(bytes), harness.keyring, 'it');
    const outcome = await restoreRange(reader, { range: {}, target, overwrite: 'never' });

    expect(outcome).toMatchObject({ files: 30, written: 30, failed: [] });
    expect(describeState(stateOf(target))).toEqual(describeState(await harness.snapshotOfSource()));
  });

  test('carries the keys that it needs and no others', async () => {
    const { from, to } = keyBlockOf(bytes);
    const { files } = JSON.parse(bytes.toString('utf8', from, to)) as { files: Record<string, string> };

    expect(await namesIn(harness.store, 'keys/')).toHaveLength(3);
    expect(Object.keys(files)).toHaveLength(3);
    for (const [file, text] of Object.entries(files))
      expect(text).toBe(Buffer.from(await harness.store.get(file)).toString('utf8'));
  });

  test('can be verified, and is not written to', async () => {
    const reader = await openContainer(asContainer(bytes), harness.keyring, 'it');

    expect(await verifyPoint(reader)).toMatchObject({ files: 30, damagedFileCount: 0, problems: [] });
    await expect(reader.store.put(name, bytes)).rejects.toThrow(NotSupportedError);
  });

  test('needs a key that unwraps', async () => {
    const keyring = new MemoryKeyring(new SeededRandom('another'));

    await expect(openContainer(asContainer(bytes), keyring, 'it')).rejects.toThrow(KeyUnavailableError);
  });

  test('is not opened when a byte of its keys was changed', async () => {
    const { from, to } = keyBlockOf(bytes);
    for (let at = from; at < to; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;

      await expect(
        openContainer(asContainer(changed), harness.keyring, 'it'),
        `byte ${at}`,
      ).rejects.toThrow();
    }
  });
});
