import { beforeAll, describe, expect, test } from 'vitest';
import type { PointId } from '../../src/ids.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../../src/manifest/file-entry.ts';
import { decodeFileKey, entryKey, pathKeys } from '../../src/manifest/tuple-key.ts';
import { SourceEntryError } from '../../src/errors.ts';
import { equalBytes, utf8 } from '../../src/bytes.ts';
import { maxPlainBytes } from '../../src/packs/frame.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { SourceEntry } from '../../src/ports/file-source.ts';
import type {
  BegunWrite,
  RestoredContent,
  RestoreTarget,
  WriteOptions,
} from '../../src/ports/restore-target.ts';
import type { OverwriteRule } from '../../src/model/machines/restore-request.ts';
import { restoreRange, type RestoreOutcome } from '../../src/restore/restore-range.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { countReferences, Harness, minute, packMapOf } from '../runs/harness.ts';
import { PatternBytes, PatternSource } from './pattern-source.ts';

const gibibyte = 2 ** 30;

/** A target that holds nothing: it checks every byte against the version that the entry says it is. */
class CheckingTarget implements RestoreTarget {
  readonly naming = 'flat';
  readonly written: { path: string; version: number; bytes: number }[] = [];
  readonly #expected = new PatternBytes(maxPlainBytes.chunk);
  readonly #stopAfter: number;

  /** @param stopAfter - bytes that a call takes, and then some, of which it gives the last ones back. */
  constructor(stopAfter = Infinity) {
    this.#stopAfter = stopAfter;
  }

  async write(
    { path, size, attributes }: SourceEntry,
    content: RestoredContent,
    _rule: OverwriteRule,
    { from }: WriteOptions = {},
  ): Promise<'written' | BegunWrite> {
    const version = Number(attributes['version']);
    let at = from?.bytes ?? 0;
    const stopAt = at + this.#stopAfter;
    for await (const piece of content) {
      if (!equalBytes(piece, this.#expected.of(version, at, piece.length)))
        throw new Error(`wrong bytes from ${at} on`);
      at += piece.length;
      if (at >= stopAt) return { bytes: at - 5, state: null };
    }
    expect(at).toBe(size);
    this.written.push({ path: Buffer.from(path).toString(), version, bytes: at });
    return 'written';
  }

  async accepts(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async finish(): Promise<[]> {
    return Promise.resolve([]);
  }
}

class LargeHarness extends Harness {
  readonly patterns = new PatternSource(this.clock);

  async backUpPatterns(type: BackupType): Promise<CommittedPoint> {
    return this.backUp(type, { source: this.patterns });
  }

  async restored(point: PointId): Promise<CheckingTarget['written']> {
    const target = new CheckingTarget();
    const { failed } = await restoreRange(await this.open(point), { range: {}, target, overwrite: 'never' });
    expect(failed).toEqual([]);
    return target.written;
  }

  /** Restores over calls that take at least so many bytes each. */
  async restoredInCalls(point: PointId, stopAfter: number) {
    const target = new CheckingTarget(stopAfter);
    const reader = await this.open(point);
    let at: Pick<RestoreOutcome, 'next' | 'begun'> = {};
    let calls = 0;
    do {
      const range = at.next === undefined ? {} : { from: at.next };
      at = await restoreRange(reader, { range, begun: at.begun, target, overwrite: 'never' });
      calls += 1;
    } while (at.next !== undefined);
    return { calls, written: target.written };
  }

  async findFile(point: PointId, path: string): Promise<FileEntry | undefined> {
    const entry = await (await this.open(point)).manifest.find(entryKey(utf8(path)));
    return entry && decodeFileEntry(entry, 'a test');
  }

  /** Counts and pack map must agree with the manifest, whatever was mended. */
  async expectConsistent(point: PointId): Promise<void> {
    const reader = await this.open(point);
    const files: FileEntry[] = [];
    for await (const entry of reader.manifest.range()) {
      if (decodeFileKey(entry.key, 'a test').offset === undefined)
        files.push(decodeFileEntry(entry, 'a test'));
    }
    const mapped = (await packMapOf(reader)).map(
      ({ packId, references, liveBytes }) => [packId, { references, liveBytes }] as const,
    );
    expect(new Map(mapped)).toEqual(await countReferences(reader));
    expect(reader.root.counts).toMatchObject({
      files: files.length,
      logicalBytes: files.reduce((sum, { entry }) => sum + entry.size, 0),
    });
  }
}

describe('an object of 2.1 GiB', () => {
  const size = Math.floor(2.1 * gibibyte);
  let harness: LargeHarness;
  let first: CommittedPoint;
  beforeAll(async () => {
    harness = new LargeHarness('large');
    harness.patterns.write('a', 1, 10);
    harness.patterns.write('m/large', 2, size);
    harness.patterns.write('z', 3, 10);
    first = await harness.backUpPatterns('full');
  });

  test('is read in stretches of 1 GiB', () => {
    const ranges = harness.patterns.opened.filter(({ path }) => path === 'm/large');

    expect(ranges.map(({ offset, length }) => [offset, length])).toEqual([
      [0, gibibyte],
      [gibibyte, gibibyte],
      [2 * gibibyte, size - 2 * gibibyte],
    ]);
  });

  test('has extents that do not cross a multiple of 1 GiB', async () => {
    const reader = await harness.open(first.root.point);
    const offsets: number[] = [];
    for await (const entry of reader.manifest.range(pathKeys(utf8('m/large')))) {
      if (decodeFileKey(entry.key, 'a test').offset !== undefined)
        offsets.push(decodeExtent(entry, 'a test').offset);
    }

    expect(offsets).toEqual([0, gibibyte, 2 * gibibyte]);
  });

  test('comes back as it was', async () => {
    expect(first.root.counts).toMatchObject({ files: 3, logicalBytes: size + 20, readBytes: size + 20 });
    expect(await harness.restored(first.root.point)).toContainEqual({
      path: 'm/large',
      version: 2,
      bytes: size,
    });
    await harness.expectConsistent(first.root.point);
  });

  test('comes back over any number of calls, wherever they stopped', async () => {
    const { calls, written } = await harness.restoredInCalls(first.root.point, 400 * 2 ** 20);

    expect(calls).toBe(6);
    expect(written).toContainEqual({ path: 'm/large', version: 2, bytes: size });
    expect(written).toHaveLength(3);
  });

  test('is not read again while it does not change', async () => {
    const before = harness.patterns.opened.length;

    const { root } = await harness.backUpPatterns('incremental');

    expect(harness.patterns.opened).toHaveLength(before);
    expect(root).toMatchObject({
      manifest: first.root.manifest,
      counts: { files: 3, filesChanged: 0, storedBytes: 0 },
    });
  });
});

async function withBase(bytes: number): Promise<{ harness: LargeHarness; base: PointId }> {
  const harness = new LargeHarness('mixture');
  harness.patterns.write('a', 1, 10);
  harness.patterns.write('large', 1, bytes);
  const { root } = await harness.backUpPatterns('full');
  harness.clock.advance(minute);
  return { harness, base: root.point };
}

async function expectCarried(
  harness: LargeHarness,
  { root }: CommittedPoint,
  base: PointId,
  bytes: number,
): Promise<void> {
  expect(await harness.findFile(root.point, 'large')).toMatchObject({ carriedFrom: base, mustRead: true });
  expect(await harness.restored(root.point)).toEqual([
    { path: 'a', version: 1, bytes: 10 },
    { path: 'large', version: 1, bytes },
  ]);
  await harness.expectConsistent(root.point);
}

async function expectLeftOut(harness: LargeHarness, { root }: CommittedPoint): Promise<void> {
  expect(await harness.restored(root.point)).toEqual([{ path: 'a', version: 1, bytes: 10 }]);
  expect(
    (await Array.fromAsync((await harness.open(root.point)).manifest.range(pathKeys(utf8('large'))))).length,
  ).toBe(0);
  await harness.expectConsistent(root.point);
}

describe('a large object that its workers do not see alike', () => {
  const size = gibibyte + 1_000;
  const small = 5_000;

  test('is carried from the base when it changed between two stretches, and read by the next run', async () => {
    const { harness, base } = await withBase(small);
    harness.patterns.write('large', 2, size);
    harness.patterns.beforeOpen = (path, range) => {
      if (path === 'large' && range?.offset === gibibyte) harness.patterns.write('large', 3, small);
    };

    const second = await harness.backUpPatterns('incremental');

    expect(second.state).toBe('degraded');
    expect(second.root.warningList.map(({ path, reason }) => `${path} ${reason}`)).toContain('large changed');
    await expectCarried(harness, second, base, small);

    harness.patterns.beforeOpen = () => undefined;
    const third = await harness.backUpPatterns('incremental');
    expect(third.root.warnings).toBe(0);
    expect(await harness.restored(third.root.point)).toContainEqual({
      path: 'large',
      version: 3,
      bytes: small,
    });
    await harness.expectConsistent(third.root.point);
  });

  test('is carried when one of them goes by an older listing; goes as a whole; shrinks as a whole', async () => {
    const { harness, base } = await withBase(size);
    harness.patterns.write('b', 1, 10);
    // "b" is opened first: by then the stretches have been cut by a listing that shows the object as the base has it.
    harness.patterns.beforeOpen = (path) => {
      if (path === 'b') harness.patterns.write('large', 2, size);
    };
    const limits = { files: 1, bytes: 2 * gibibyte };
    const second = await harness.backUp('incremental', { source: harness.patterns, limits });
    harness.patterns.remove('b');

    expect(second.state).toBe('degraded');
    expect(await harness.findFile(second.root.point, 'large')).toMatchObject({
      carriedFrom: base,
      mustRead: true,
    });
    await harness.expectConsistent(second.root.point);
    expect(await harness.restored(second.root.point)).toContainEqual({
      path: 'large',
      version: 1,
      bytes: size,
    });

    harness.patterns.remove('large');
    const third = await harness.backUpPatterns('differential');
    expect(third.root).toMatchObject({ base, warnings: 0, counts: { filesRemoved: 1 } });
    await expectLeftOut(harness, third);

    harness.patterns.write('large', 2, small);
    const fourth = await harness.backUpPatterns('differential');
    expect(fourth.root).toMatchObject({ base, warnings: 0 });
    expect(await harness.restored(fourth.root.point)).toContainEqual({
      path: 'large',
      version: 2,
      bytes: small,
    });
    await harness.expectConsistent(fourth.root.point);
  });

  test('is removed when it was gone before any of it was read', async () => {
    const { harness } = await withBase(small);
    harness.patterns.write('large', 2, size);
    harness.patterns.beforeOpen = (path) => {
      if (path === 'large') harness.patterns.remove('large');
    };

    const second = await harness.backUpPatterns('incremental');

    expect(
      second.root.warningList.some(({ path, reason }) => path === 'large' && reason === 'vanished'),
    ).toBe(true);
    await expectLeftOut(harness, second);
  });

  test('is left out of a first point', async () => {
    const harness = new LargeHarness('first');
    harness.patterns.write('a', 1, 10);
    harness.patterns.write('large', 1, size);
    harness.patterns.beforeOpen = (path, range) => {
      if (path === 'large' && range?.offset === gibibyte) harness.patterns.remove('large');
    };

    const first = await harness.backUpPatterns('full');

    expect(first.state).toBe('degraded');
    await expectLeftOut(harness, first);
  });

  test('stays whole in a full after it went into an archive class', async () => {
    const { harness } = await withBase(size);
    harness.patterns.beforeOpen = (path) => {
      if (path === 'large') throw new SourceEntryError('archived', path, 'is in an archive class');
    };

    const { root } = await harness.backUpPatterns('full');

    expect(root).toMatchObject({
      unread: { carried: 0, missing: 0 },
      counts: { readBytes: 10 },
      warnings: 1,
    });
    expect(await harness.restored(root.point)).toContainEqual({ path: 'large', version: 1, bytes: size });
    await harness.expectConsistent(root.point);
  });
});
