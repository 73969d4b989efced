import {
  blockSourceContract,
  catalogContract,
  chunkIndexContract,
  FakeClock,
  keyringContract,
  MemoryBlockSource,
  MemoryCatalog,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  MemorySnapshotWriter,
  MemoryTarget,
  MemoryUploads,
  objectStoreContract,
  restoreTargetContract,
  MemorySharedRecords,
  SeededRandom,
  sharedRecordsContract,
  snapshotWriterContract,
} from '../../src/testing/index.ts';

objectStoreContract({
  name: 'the memory store',
  make: async () => {
    const store = new MemoryObjectStore({ clock: new FakeClock() });
    return {
      store,
      plantVersion: async (name, body) => store.plantVersion(name, body),
      plantMarker: async (name) => void store.plantMarker(name),
    };
  },
});

catalogContract({
  name: 'the memory catalog',
  make: async () => {
    const catalog = new MemoryCatalog();
    return { catalog, plantPack: async (row) => catalog.plantPack(row) };
  },
});

chunkIndexContract({ name: 'the memory index', make: async () => new MemoryChunkIndex() });

for (const naming of ['flat', 'tree'] as const) {
  restoreTargetContract({
    name: `the memory target (${naming})`,
    partBytes: 1000,
    make: async () => {
      const uploads = new MemoryUploads();
      const target = new MemoryTarget(undefined, naming, { uploads, bytes: 1000 });
      return {
        target,
        countUploads: async () => uploads.open.length,
        read: async (path) => {
          const content = target.find(path)?.content;
          return content && Buffer.from(content).toString();
        },
        refuse: async (path) => target.deny(path),
        remove: async () => target.break('it is gone'),
      };
    },
  });
}

blockSourceContract({
  name: 'the memory block source',
  make: async () => {
    const source = new MemoryBlockSource(new FakeClock(), { blockBytes: 512 });
    return {
      source,
      blockBytes: 512,
      makeVolume: async (blocks) => source.makeVolume(blocks * 512),
      write: async (volume, index, bytes) => source.write(volume, index, bytes),
      trim: async (volume, index) => source.trim(volume, index),
      takeSnapshot: async (volume) => source.takeSnapshot(volume),
      removeSnapshot: async (snapshot) => source.removeSnapshot(snapshot),
    };
  },
});

let seed = 0;
keyringContract({
  name: 'the memory keyring',
  make: async () => new MemoryKeyring(new SeededRandom(seed++)),
});

sharedRecordsContract({ name: 'memory', make: async () => new MemorySharedRecords() });

snapshotWriterContract({
  name: 'the memory writer',
  make: async () => {
    const writer = new MemorySnapshotWriter();
    const blocksOf = (id: string): ReadonlyMap<number, Uint8Array> | undefined => {
      const snapshot = writer.snapshots.get(id);
      if (snapshot?.state !== 'completed') return undefined;
      const { parent } = snapshot.order;
      return new Map([...(parent === undefined ? [] : (blocksOf(parent) ?? [])), ...snapshot.blocks]);
    };
    return {
      writer,
      blockBytes: 4096,
      blocksOf: async (id) => Promise.resolve(blocksOf(id)),
      remove: async (id) => void writer.snapshots.delete(id),
    };
  },
});
