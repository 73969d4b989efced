import { createCipheriv } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { equalBytes, toHex, utf8 } from '../../src/bytes.ts';
import type { ChunkingPolicy } from '../../src/chunking/fastcdc.ts';
import { decodeExtent, type Extent } from '../../src/manifest/extent.ts';
import { decodeFileEntry } from '../../src/manifest/file-entry.ts';
import { decodeFileKey, entryKey, pathKeys } from '../../src/manifest/tuple-key.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { FileSource, OpenedEntry } from '../../src/ports/file-source.ts';
import { cutShard } from '../../src/protect/cut-shard.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import type { ReadAheadPolicy } from '../../src/protect/read-entries.ts';
import type { SharingPolicy } from '../../src/protect/share-content.ts';
import type { Shard, ShardDraft } from '../../src/protect/shards.ts';
import { backUpFiles } from '../../src/runs/back-up-files.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { MemorySource } from '../../src/testing/index.ts';
import { countReferences, Harness, minute, packMapOf } from '../runs/harness.ts';

const kibibyte = 2 ** 10;
/** All sizes are a thousandth of the usual ones: of chunks, parts, what is searched, what is read ahead, and pieces. */
const chunking: ChunkingPolicy = { minBytes: 256, averageBytes: kibibyte, maxBytes: 4 * kibibyte };
const policy: SharingPolicy = {
  sharedFromBytes: 16 * kibibyte,
  leastPartBytes: 4 * kibibyte,
  mostPartBytes: 16 * kibibyte,
  searchedBytes: 16 * kibibyte,
};
const readAhead: ReadAheadPolicy = { entries: 64, entryBytes: 8 * kibibyte, bytes: 64 * kibibyte };

/** Noise that takes no time to make. */
function noise(seed: number, kibibytes: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(kibibytes * kibibyte));
}

/** Called for each opening of the large content, numbered from 0: what the world does to it. */
type OnOpen = (opening: number, opened: () => Promise<OpenedEntry>) => Promise<OpenedEntry>;

/** Runs whose workers share large contents, one after the other: who was told of last comes first. */
class SharingHarness extends Harness {
  override readonly source = new MemorySource(this.clock, 64);

  constructor(content: Uint8Array) {
    super('sharing');
    this.source.plant('a', 'small');
    this.source.plant('large', content);
    this.source.plant('z', 'small, too');
  }

  async backUpShared(
    type: BackupType,
    onOpen: OnOpen = async (_, opened) => opened(),
  ): Promise<CommittedPoint> {
    return this.#backUpCut(type, this.#watched(onOpen), policy);
  }

  async backUpAlone(type: BackupType): Promise<CommittedPoint> {
    return this.#backUpCut(type, this.source);
  }

  async #backUpCut(type: BackupType, source: FileSource, shared?: SharingPolicy): Promise<CommittedPoint> {
    this.clock.advance(minute);
    return backUpFiles(this.services, this.request(type), {
      source,
      protectAll: async (plan, keys) => {
        const order: number[] = [];
        const waiting: Shard[] = [];
        const add = (drafts: readonly Omit<ShardDraft, 'files' | 'bytes'>[], behind?: number): void => {
          const numbered = drafts.map((draft, at) => ({ ...draft, index: order.length + at }));
          order.splice(
            behind === undefined ? 0 : order.indexOf(behind) + 1,
            0,
            ...numbered.map(({ index }) => index),
          );
          waiting.push(...numbered);
        };
        add([{ paths: {} }]);
        for (let given = waiting.pop(); given !== undefined; given = waiting.pop()) {
          const { index } = given;
          const limits = { files: 100, bytes: 2 ** 40, largeBytes: shared?.sharedFromBytes };
          const cut = given.stretch === undefined ? await cutShard(source, given.paths, limits) : undefined;
          if (cut?.rest !== undefined) add([{ paths: cut.rest }], index);
          const onRest = (rest?: ShardDraft): void => add(rest === undefined ? [] : [rest], index);
          const sharing = shared && { policy: shared, last: cut?.large, onRest };
          const shard = cut === undefined ? given : { ...cut.shard, index };
          const { listed } = cut ?? {};
          const options = { plan, keys, source, listed, sharing, chunking, readAhead, buffers: this.buffers };
          await protectShard(this.services, shard, options);
        }
        return order;
      },
    });
  }

  #watched(onOpen: OnOpen): FileSource {
    const { source } = this;
    let openings = 0;
    return {
      list: source.list.bind(source),
      now: source.now.bind(source),
      open: async (entry, range, signal) => {
        const opened = async () => source.open(entry, range, signal);
        return equalBytes(entry.path, utf8('large')) ? onOpen(openings++, opened) : opened();
      },
    };
  }

  async extentsOf({ root }: CommittedPoint): Promise<Extent[]> {
    const reader = await this.open(root.point);
    const entries = await Array.fromAsync(reader.manifest.range(pathKeys(utf8('large'))));
    return entries
      .filter(({ key }) => decodeFileKey(key, 'a test').offset !== undefined)
      .map((entry) => decodeExtent(entry, 'a test'));
  }

  async chunksOf(point: CommittedPoint): Promise<string[]> {
    return (await this.extentsOf(point)).flatMap(({ chunks }) => chunks.map(({ id }) => id));
  }

  /** The point has that content, and its pack map agrees with its manifest, whatever was mended. */
  async expectContent({ root }: CommittedPoint, content: Uint8Array | undefined): Promise<void> {
    const { state } = await this.restore(root.point);
    const restored = state.get(toHex(utf8('large')))?.content;
    expect(state.size).toBe(content === undefined ? 2 : 3);
    expect(restored === undefined || content === undefined ? restored : equalBytes(restored, content)).toBe(
      content && true,
    );
    const reader = await this.open(root.point);
    const mapped = (await packMapOf(reader)).map(
      ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
    );
    expect(new Map(mapped)).toEqual(await countReferences(reader));
    expect(root.counts).toMatchObject({
      files: state.size,
      logicalBytes: [...state.values()].reduce((sum, { entry }) => sum + entry.size, 0),
    });
  }
}

describe('a content that workers share', () => {
  const content = Buffer.concat([noise(1, 24), Buffer.alloc(6 * kibibyte), noise(2, 12)]);
  const edited = Buffer.concat([utf8('in front'), content.subarray(0, 20 * kibibyte), noise(3, 30)]);

  test('has the chunks of a content that one worker reads', async () => {
    const harness = new SharingHarness(content);

    const shared = await harness.backUpShared('full');
    const alone = await harness.backUpAlone('full');

    const extents = await harness.extentsOf(shared);
    expect(extents.length).toBeGreaterThan(2);
    expect(extents.map(({ offset }) => offset)).toEqual(
      extents.map(({ offset }) => offset).sort((one, other) => one - other),
    );
    expect(await harness.chunksOf(shared)).toEqual(await harness.chunksOf(alone));
    expect(alone.root.counts.newBytes).toBe(0);
    expect(shared.root.counts).toMatchObject({ filesChanged: 3, readBytes: content.length + 15 });
    await harness.expectContent(shared, content);
  });

  test.for(['alone', 'shared'] as const)('replaces what a base has that was read %s', async (before) => {
    const harness = new SharingHarness(content);
    await (before === 'alone' ? harness.backUpAlone('full') : harness.backUpShared('full'));
    harness.source.plant('large', edited);

    const shared = await harness.backUpShared('incremental');
    const alone = await harness.backUpAlone('full');

    expect((await harness.extentsOf(shared)).length).toBeGreaterThan(2);
    expect(await harness.chunksOf(shared)).toEqual(await harness.chunksOf(alone));
    expect(shared.root.counts).toMatchObject({ filesChanged: 1, filesRemoved: 0, readBytes: edited.length });
    await harness.expectContent(shared, edited);
  });

  test('is not opened while it is as the base has it, and gives the same manifest', async () => {
    const harness = new SharingHarness(content);
    const first = await harness.backUpShared('full');
    const before = harness.source.opened.length;

    const second = await harness.backUpShared('incremental');

    expect(harness.source.opened).toHaveLength(before);
    expect(second.root.manifest).toEqual(first.root.manifest);
  });

  test('is read by one where no place is found at which a chunk surely ends', async () => {
    const zeros = Buffer.alloc(40 * kibibyte);
    const harness = new SharingHarness(zeros);

    const point = await harness.backUpShared('full');

    expect(await harness.extentsOf(point)).toHaveLength(1);
    await harness.expectContent(point, zeros);
  });

  test('is shared behind a gap that has no such place', async () => {
    const sparse = Buffer.concat([Buffer.alloc(22 * kibibyte), noise(4, 30)]);
    const harness = new SharingHarness(sparse);

    const point = await harness.backUpShared('full');

    expect((await harness.extentsOf(point)).length).toBeGreaterThan(1);
    await harness.expectContent(point, sparse);
  });

  /** Openings: each worker but the last looks for the place where its part ends, and then reads the part. */
  const [first, reading, search, last] = [0, 1, 2, 4];

  test.for([first, reading, search, last])(
    'is carried from the base when it changes at opening %i',
    async (when) => {
      const harness = new SharingHarness(content);
      const base = await harness.backUpShared('full');
      harness.source.plant('large', edited);

      const point = await harness.backUpShared('incremental', async (opening, opened) => {
        if (opening === when) harness.source.plant('large', noise(5, 30));
        return opened();
      });

      const reader = await harness.open(point.root.point);
      const entry = await reader.manifest.find(entryKey(utf8('large')));
      const isMended = entry && decodeFileEntry(entry, 'a test').carriedFrom === base.root.point;
      // Before anything was read of it, one worker reads what is there now.
      expect(isMended === true ? 'carried' : when).toBe(when === first ? first : 'carried');
      await harness.expectContent(point, isMended === true ? content : noise(5, 30));
    },
  );

  test.for([first, last])('is left out of a first point when it changes at opening %i', async (when) => {
    const harness = new SharingHarness(content);

    const point = await harness.backUpShared('full', async (opening, opened) => {
      if (opening === when) harness.source.plant('large', edited);
      return opened();
    });

    await harness.expectContent(point, when === first ? edited : undefined);
    expect(point.state).toBe(when === first ? 'completed' : 'degraded');
  });

  test.for(['shorter', 'longer'] as const)(
    'is not taken when a part of it is %s than listed',
    async (how) => {
      const harness = new SharingHarness(content);
      await harness.backUpShared('full');
      harness.source.plant('large', edited);
      async function* distorted({ content: pieces }: OpenedEntry): OpenedEntry['content'] {
        let isFirst = true;
        for await (const piece of pieces) {
          if (how === 'shorter' && isFirst) yield piece.subarray(1);
          else yield piece;
          isFirst = false;
        }
        if (how === 'longer') yield utf8('more');
      }

      const point = await harness.backUpShared('incremental', async (opening, open) => {
        const opened = await open();
        return opening === 3 ? { ...opened, content: distorted(opened) } : opened;
      });

      expect(point.state).toBe('degraded');
      await harness.expectContent(point, content);
    },
  );

  test('is no part of any point when one of its workers fails', async () => {
    const harness = new SharingHarness(content);
    const base = await harness.backUpShared('full');
    harness.source.plant('large', edited);

    const failed = harness.backUpShared('incremental', async (opening, opened) => {
      if (opening === 3) throw new Error('the worker is out of memory');
      return opened();
    });

    await expect(failed).rejects.toThrow('out of memory');
    expect((await harness.committed()).map(({ point }) => point)).toEqual([base.root.point]);
    const again = await harness.backUpShared('incremental');
    await harness.expectContent(again, edited);
  });
});
