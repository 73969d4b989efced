import type { PackId, RunId } from '../../src/ids.ts';
import { initialiseVault } from '../../src/keys/open-vault.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { PageSource } from '../../src/manifest/page-store.ts';
import { containerName, pageName } from '../../src/packs/object-names.ts';
import { PackReader } from '../../src/packs/pack-reader.ts';
import { PagePackReader, type PagePackReaderPolicy } from '../../src/packs/page-pack-reader.ts';
import type { PackLease, StoredPack } from '../../src/packs/store-pack.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  type MemoryObjectStoreOptions,
  SeededRandom,
} from '../../src/testing/index.ts';

/** An empty vault in memory with all its surroundings; the same for the same seed. */
export interface TestVault {
  readonly clock: FakeClock;
  readonly random: SeededRandom;
  readonly store: MemoryObjectStore;
  readonly catalog: MemoryCatalog;
  readonly chunkIndex: MemoryChunkIndex;
  readonly keyring: MemoryKeyring;
  readonly vault: VaultKeys;
  readonly lease: PackLease;
}

export async function makeTestVault(
  seed: string | number = 'vault',
  options: Pick<MemoryObjectStoreOptions, 'minPartBytes'> = {},
): Promise<TestVault> {
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  const store = new MemoryObjectStore({ clock, ...options });
  const keyring = new MemoryKeyring(random);
  const leaseUntil = new Date('2026-03-01T00:00:00Z');
  const lock = { mode: 'governance', until: leaseUntil } as const;
  return {
    clock,
    random,
    store,
    keyring,
    catalog: new MemoryCatalog(),
    chunkIndex: new MemoryChunkIndex(),
    vault: await initialiseVault({ store, keyring, random, lock }),
    lease: {
      runId: 'aa'.repeat(16) as RunId,
      leaseUntil,
      lockMode: 'governance',
      retentionClass: 'standard',
    },
  };
}

/** Contents of all sorts: compressible, random, tiny and large. Different for every index. */
export function makeContents(seed: string | number, count: number, largest = 40_000): Buffer[] {
  const random = new SeededRandom(`contents ${seed}`);
  return Array.from({ length: count }, (_, index) => {
    const [a = 0, b = 0, c = 0] = random.bytes(3);
    const length = 1 + ((a * 256 + b) % largest);
    const content =
      c % 2 === 0 ? Buffer.from(random.bytes(length)) : Buffer.alloc(length, `line ${index} of text\n`);
    return Buffer.concat([content, Buffer.from(`#${index}`)]);
  });
}

/** The pages in these objects, and in packs of pages that are not listed. */
export function createPageSource(
  store: ObjectStore,
  vault: VaultKeys,
  stored: readonly Pick<StoredPack, 'packId' | 'kind' | 'versionId'>[],
  policy?: PagePackReaderPolicy,
): PageSource {
  const find = (packId: PackId) => {
    const pack = stored.find((one) => one.packId === packId);
    const name = pack?.kind === 'container' ? containerName(packId) : pageName(packId);
    return { packId, name, ...(pack !== undefined && { versionId: pack.versionId }) };
  };
  return new PagePackReader(store, vault, new PackReader(store, vault), find, policy);
}
