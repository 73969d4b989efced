import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../bytes.ts';
import { concernsOne, StoredBytesDamagedError } from '../errors.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { BegunWrite, RestoreTarget, WriteOutcome } from '../ports/restore-target.ts';
import type { OverwriteRule } from '../model/machines/restore-request.ts';

export interface RestoreTargetUnderTest {
  readonly target: RestoreTarget;
  /** Reads the content under a path, as text. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Has the target refuse all entries of a folder, while it takes others. */
  readonly refuse: (folder: string) => Promise<void>;
  readonly remove: () => Promise<void>;
  /** Uploads that are under way. @default of a target that has none */
  readonly countUploads?: () => Promise<number>;
}

export interface RestoreTargetContractOptions {
  readonly name: string;
  /** An empty target, made anew for every test. */
  readonly make: () => Promise<RestoreTargetUnderTest>;
  readonly cleanUp?: () => Promise<void>;
  /** The part after which a target that writes over several calls may stop. @default any */
  readonly partBytes?: number;
}

const rules = ['never', 'if-different', 'always'] as const satisfies readonly OverwriteRule[];

function entryOf(path: string, content: string): SourceEntry {
  return {
    path: utf8(path),
    kind: 'object',
    size: Buffer.byteLength(content),
    modifiedMs: Date.UTC(2026, 0, 1),
    changeToken: '"token"',
    attributes: {},
    userMetadata: {},
    tags: {},
  };
}

async function* contentOf(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  if (text !== '') yield utf8(text);
}

async function* brokenContent(error: Error): AsyncGenerator<Uint8Array> {
  yield* contentOf('half');
  throw error;
}

/** Sentences of the {@link RestoreTarget} port, as tests. */
export function restoreTargetContract(options: RestoreTargetContractOptions): void {
  describe(`${options.name} as a restore target`, () => {
    let made: RestoreTargetUnderTest;
    const write = async (path: string, content: string, rule: OverwriteRule): Promise<unknown> =>
      made.target.write(entryOf(path, content), contentOf(content), rule);

    beforeEach(async () => {
      made = await options.make();
      return options.cleanUp;
    });

    test('keeps, compares or replaces what is there, as the rule says', async () => {
      expect(await write('a', 'old', 'never')).toBe('written');

      expect(await write('a', 'new', 'never')).toBe('kept');
      expect(await made.read('a')).toBe('old');
      expect(await write('a', 'new', 'if-different')).toBe('written');
      expect(await write('a', 'newer', 'always')).toBe('written');
      expect(await made.read('a')).toBe('newer');
    });

    const partBytes = options.partBytes ?? 1000;
    const large = 'abcdefghij'.repeat(Math.ceil(partBytes / 4));

    async function* behind(bytes: number, breaksAt = Infinity): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      const piece = Math.ceil(partBytes / 16);
      for (let at = bytes; at < large.length; at += piece) {
        if (at >= breaksAt) throw new RangeError('the content broke off');
        yield utf8(large.slice(at, at + piece));
      }
    }

    /** Stops as often as the target lets it, and goes on from what the call before said. */
    async function writeLarge(
      path: string,
      rule: OverwriteRule,
      from?: BegunWrite,
    ): Promise<{ readonly outcome: WriteOutcome; readonly calls: number }> {
      let begun = from;
      for (let calls = 1; ; calls += 1) {
        const outcome = await made.target.write(entryOf(path, large), behind(begun?.bytes ?? 0), rule, {
          from: begun,
          shouldStop: () => true,
          remember: async () => Promise.resolve(),
        });
        if (typeof outcome === 'string') return { outcome, calls };
        expect(outcome.bytes).toBeGreaterThan(begun?.bytes ?? 0);
        begun = JSON.parse(JSON.stringify(outcome)) as BegunWrite;
        if (from === undefined && path === 'a') expect(await made.read(path)).toBeUndefined();
      }
    }

    test.each(rules)('has an entry that outgrows a call whole, and not before (%s)', async (rule) => {
      const { outcome, calls } = await writeLarge('a', rule);

      expect(outcome).toBe('written');
      expect(await made.read('a')).toBe(large);
      if (options.partBytes !== undefined) expect(calls).toBe(3);
      expect((await made.countUploads?.()) ?? 0).toBe(0);
    });

    test('goes on from what was told, when the call that told it broke off', async () => {
      const told: BegunWrite[] = [];
      const broken = made.target.write(entryOf('a', large), behind(0, 2 * partBytes), 'never', {
        remember: async (begun) => {
          await Promise.resolve();
          told.push(begun);
        },
      });
      await expect(broken).rejects.toThrow('the content broke off');

      expect(await made.read('a')).toBeUndefined();
      expect((await writeLarge('a', 'never', told.at(-1))).outcome).toBe('written');

      expect(await made.read('a')).toBe(large);
      expect((await made.countUploads?.()) ?? 0).toBe(0);
    });

    test('finds the same content over any number of calls, and what differs', async () => {
      await made.target.write(entryOf('same', large), behind(0), 'never');
      await made.target.write(entryOf('other', large), contentOf(large.toUpperCase()), 'never');

      expect((await writeLarge('same', 'never')).outcome).toBe('same');
      expect((await writeLarge('other', 'never')).outcome).toBe('kept');
    });

    test('leaves nothing of a large entry whose own fault breaks it off', async () => {
      const error = new StoredBytesDamagedError('a pack', 'for a test');
      async function* damaged(): AsyncGenerator<Uint8Array> {
        yield* behind(partBytes);
        throw error;
      }
      const broken = made.target.write(entryOf('a', large), damaged(), 'always', {
        remember: async () => Promise.resolve(),
      });

      await expect(broken).rejects.toBe(error);

      expect(await made.read('a')).toBeUndefined();
      expect((await made.countUploads?.()) ?? 0).toBe(0);
    });

    test.each(rules)('has an entry whole or not at all (%s)', async (rule) => {
      const error = new RangeError('the content broke off');

      await expect(made.target.write(entryOf('a', 'halfwhole'), brokenContent(error), rule)).rejects.toBe(
        error,
      );

      expect(await made.read('a')).toBeUndefined();
      expect(await write('a', 'halfwhole', rule)).toBe('written');
    });

    test.each(rules)('refuses one entry as one, and takes the next (%s)', async (rule) => {
      await made.refuse('b/');

      const refusal: unknown = await write('b/c', 'x', rule).catch((error: unknown) => error);

      expect(concernsOne(refusal)).toBe(true);
      expect(await made.target.accepts(entryOf('b/c', 'x'), rule)).toBe(false);
      expect(await made.target.accepts(entryOf('d/c', 'x'), rule)).toBe(true);
      expect(await made.read('d/c')).toBeUndefined();
      expect(await write('d/c', 'x', rule)).toBe('written');
    });

    test.each(rules)('that is gone says so of everything (%s)', async (rule) => {
      await made.remove();

      const failure: unknown = await write('a', 'x', rule).catch((error: unknown) => error);

      expect(failure).toBeInstanceOf(Error);
      expect(concernsOne(failure)).toBe(false);
      await expect(made.target.accepts(entryOf('a', 'x'), rule)).rejects.toThrow();
    });

    test.each(rules)('has names as it says: in a tree nothing lies below a file (%s)', async (rule) => {
      await write('a', 'file', rule);

      const below = await write('a/b', 'x', rule).catch((error: unknown) => error);

      expect(await made.read('a')).toBe('file');
      if (made.target.naming === 'flat') expect(below).toBe('written');
      else expect(concernsOne(below)).toBe(true);
    });

    test.each(['../x', 'a/../../x', '/x', 'a//b', './a'])(
      'takes %j for a name, or refuses it as one',
      async (path) => {
        const outcome = await write(path, 'x', 'always').catch((error: unknown) => error);

        if (outcome !== 'written') expect(concernsOne(outcome)).toBe(true);
      },
    );

    test('finishes without anything written, too', async () => {
      expect(await made.target.finish()).toEqual([]);
    });
  });
}
