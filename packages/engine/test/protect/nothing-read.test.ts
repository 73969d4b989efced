import { describe, expect, test } from 'vitest';
import { NothingReadError } from '../../src/errors.ts';
import { Harness, minute } from '../runs/harness.ts';

function withFiles(seed: string): Harness {
  const harness = new Harness(seed);
  for (const path of ['a', 'b', 'c']) harness.source.plant(path, `content of ${path}`);
  harness.clock.advance(minute);
  return harness;
}

function denyAll({ source }: Harness): void {
  for (const path of ['a', 'b', 'c']) source.trap(path, 'deny');
}

describe('a run that can read nothing of what was listed', () => {
  test.each([undefined, { files: 1, bytes: 1e9 }])(
    'makes no point and says why, with the remedy (shards of %j)',
    async (limits) => {
      const harness = withFiles('denied');
      denyAll(harness);

      const backup = harness.backUp('full', limits === undefined ? {} : { limits });

      await expect(backup).rejects.toThrow(NothingReadError);
      await expect(backup).rejects.toThrow(
        /none of the 3 entries that .* could be read, and no point was made: "a" may not be read; allow reading it$/,
      );
      expect(await harness.committed()).toEqual([]);
      const [run] = await Array.fromAsync(harness.catalog.runs.list({}));
      expect(run).toMatchObject({ state: 'failed', error: { name: 'NothingReadError' } });
    },
  );

  test('leaves the point before it as the newest', async () => {
    const harness = withFiles('again');
    const { root } = await harness.backUp('full');
    for (const path of ['a', 'b', 'c']) harness.source.plant(path, 'another content');
    denyAll(harness);
    harness.clock.advance(minute);

    await expect(harness.backUp('incremental')).rejects.toThrow(NothingReadError);

    expect((await harness.committed()).map(({ point }) => point)).toEqual([root.point]);
  });

  test.each(['vanish', undefined] as const)('is not one of a source that is empty (%s)', async (trap) => {
    const harness = new Harness('empty');
    if (trap !== undefined) {
      harness.source.plant('a', '1');
      harness.source.trap('a', trap);
    }

    const { root, state } = await harness.backUp('full');

    expect(root.unread).toEqual({ carried: 0, missing: 0 });
    expect(state).toBe(trap === undefined ? 'completed' : 'completed-with-warnings');
  });

  test('is one that finds directories alone, whose content it may not read', async () => {
    const harness = new Harness('directories');
    harness.source.plant('folder/', '', { kind: 'directory' });
    harness.source.plant('folder/file', 'content', { kind: 'file' });
    harness.source.trap('folder/file', 'deny');

    await expect(harness.backUp('full')).rejects.toThrow(NothingReadError);
  });
});

describe('a point', () => {
  test('is degraded while it carries or lacks entries, and clean once they have been read', async () => {
    const harness = withFiles('degraded');
    await harness.backUp('full');
    harness.source.plant('a', 'another content');
    harness.source.plant('new', 'content');
    for (const path of ['a', 'new']) harness.source.trap(path, 'deny');
    harness.clock.advance(minute);

    const degraded = await harness.backUp('incremental');
    for (const path of ['a', 'new']) harness.source.untrap(path);
    const clean = await harness.backUp('incremental');

    expect(degraded).toMatchObject({
      state: 'degraded',
      root: {
        unread: { carried: 1, missing: 1 },
        warningList: [
          { path: 'a', unread: 'carried' },
          { path: 'new', unread: 'missing' },
        ],
      },
    });
    expect(clean).toMatchObject({ state: 'completed', root: { unread: { carried: 0, missing: 0 } } });
    expect((await harness.committed()).map(({ unread }) => unread)).toEqual([
      { carried: 0, missing: 0 },
      { carried: 1, missing: 1 },
      { carried: 0, missing: 0 },
    ]);
  });

  test('passes what it lacks on to the container that is made of it', async () => {
    const harness = withFiles('container');
    harness.source.trap('b', 'deny');
    await harness.backUp('full');

    const { root, state } = await harness.backUp('synthetic-full');

    expect(state).toBe('degraded');
    expect(root).toMatchObject({ type: 'synthetic-full', unread: { carried: 0, missing: 1 } });
  });
});
