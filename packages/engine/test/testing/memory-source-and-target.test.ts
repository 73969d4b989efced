import { describe, expect, test } from 'vitest';
import { RestorePathError, SourceUnavailableError, TargetUnavailableError } from '../../src/errors.ts';
import { utf8 } from '../../src/bytes.ts';
import type { SourceEntry } from '../../src/ports/file-source.ts';
import { allOf, FakeClock, MemorySource, MemoryTarget, SeededRandom } from '../../src/testing/index.ts';

const pathOf = (entry: SourceEntry): string => Buffer.from(entry.path).toString();

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of content) text += Buffer.from(piece).toString();
  return text;
}

async function* contentOf(text: string): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield utf8(text);
}

async function* broken(): AsyncIterable<Uint8Array> {
  yield* contentOf('ne');
  throw new Error('gone');
}

describe('the memory source', () => {
  test('lists in byte order within a range, without what a listing does not show', async () => {
    const source = new MemorySource(new FakeClock());
    for (const path of ['b', 'a/2', 'a/1', 'c']) source.plant(path, 'x', { tags: { t: '1' } });

    const listed = await allOf(source.list({ from: utf8('a/2'), to: utf8('c') }));

    expect(listed.map(pathOf)).toEqual(['a/2', 'b']);
    expect(listed[0]?.tags).toEqual({});
    expect(await source.findSplit({ from: utf8('a/2') })).toEqual(utf8('b'));
  });

  test('opens what was listed, in pieces that are good only until the next one', async () => {
    const source = new MemorySource(new FakeClock(), 3);
    source.plant('a', '01234567', { attributes: { 'content-type': 'x' } });
    const [entry] = (await allOf(source.list({}))) as [SourceEntry];

    const opened = await source.open(entry);
    const kept = await allOf(opened.content);

    expect(opened.entry.attributes).toEqual({ 'content-type': 'x' });
    expect(await textOf((await source.open(entry, { offset: 2, length: 4 })).content)).toBe('2345');
    expect(kept[0]).not.toEqual(utf8('012'));
  });

  test.each([
    { trap: 'vanish', reason: 'vanished' },
    { trap: 'change', reason: 'changed' },
    { trap: 'deny', reason: 'denied' },
  ] as const)('can make an entry $trap between listing and opening', async ({ trap, reason }) => {
    const source = new MemorySource(new FakeClock());
    const entry = source.plant('a', 'x');
    source.trap('a', trap);

    await expect(source.open(entry)).rejects.toMatchObject({ name: 'SourceEntryError', reason });
  });

  test('can break off in the middle, or as a whole', async () => {
    const source = new MemorySource(new FakeClock(), 2);
    const entry = source.plant('a', '0123');
    source.trap('a', 'break-midway');
    await expect(textOf((await source.open(entry)).content)).rejects.toMatchObject({ reason: 'unreadable' });

    source.break('it is gone');

    await expect(source.open(entry)).rejects.toBeInstanceOf(SourceUnavailableError);
    await expect(allOf(source.list({}))).rejects.toBeInstanceOf(SourceUnavailableError);
  });

  test('gives equal content an equal change token', () => {
    const source = new MemorySource(new FakeClock());

    expect(source.plant('a', 'x').changeToken).toBe(source.plant('b', 'x').changeToken);
    expect(source.plant('a', 'x').changeToken).not.toBe(source.plant('a', 'y').changeToken);
  });
});

describe('the memory target', () => {
  const entry = new MemorySource(new FakeClock()).plant('a', 'new');

  test('follows the overwrite rules', async () => {
    const target = new MemoryTarget();
    target.plant(entry, 'old');

    expect(await target.write(entry, contentOf('new'), 'never')).toBe('kept');
    expect(await target.write(entry, contentOf('new'), 'if-different')).toBe('written');
    expect(await target.write(entry, contentOf('new'), 'if-different')).toBe('same');
    expect(await target.write({ ...entry, tags: { a: 'b' } }, contentOf('new'), 'if-different')).toBe(
      'written',
    );
    expect(await target.write(entry, contentOf('new'), 'always')).toBe('written');
    expect(Buffer.from(target.find('a')?.content ?? []).toString()).toBe('new');
  });

  test('has nothing of an entry whose content breaks off', async () => {
    const target = new MemoryTarget();

    await expect(target.write(entry, broken(), 'always')).rejects.toThrow('gone');

    expect(target.entries).toEqual([]);
  });

  test('refuses paths and can break as a whole', async () => {
    const target = new MemoryTarget((path) => (path.length > 0 ? 'not here' : undefined));
    await expect(target.write(entry, contentOf('x'), 'always')).rejects.toBeInstanceOf(RestorePathError);

    target.break('it is full');

    await expect(target.finish()).rejects.toBeInstanceOf(TargetUnavailableError);
  });
});

describe('time and chance in tests', () => {
  test('a sleep moves time on and is recorded', async () => {
    const clock = new FakeClock('2026-01-01T00:00:00Z');

    await clock.sleep(1500);

    expect(clock.now()).toEqual(new Date('2026-01-01T00:00:01.500Z'));
    expect([clock.elapsedMs(), clock.sleeps]).toEqual([1500, [1500]]);
    await expect(clock.sleep(1, AbortSignal.abort())).rejects.toThrow();
  });

  test('the wall clock can be set without time passing', () => {
    const clock = new FakeClock();

    clock.set('2020-01-01T00:00:00Z');

    expect([clock.now().getUTCFullYear(), clock.elapsedMs()]).toEqual([2020, 0]);
  });

  test('a seed gives the same bytes every time, and never twice the same', () => {
    const one = new SeededRandom('seed');
    const two = new SeededRandom('seed');

    expect(one.bytes(16)).toEqual(two.bytes(16));
    expect(one.bytes(16)).not.toEqual(new SeededRandom('seed').bytes(16));
    expect(new SeededRandom('other').bytes(16)).not.toEqual(new SeededRandom('seed').bytes(16));
  });
});
