import { beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../bytes.ts';
import { concernsOne } from '../errors.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { OverwriteRule, RestoreTarget } from '../ports/restore-target.ts';

/** A target, and what is seen of it from outside. */
export interface RestoreTargetUnderTest {
  readonly target: RestoreTarget;
  /** The content of what is there under a path, as text. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Has the target refuse all entries of a folder, while it takes others. */
  readonly refuse: (folder: string) => Promise<void>;
  /** Takes the target away. */
  readonly remove: () => Promise<void>;
}

/** What the suite needs to know of an adapter. */
export interface RestoreTargetContractOptions {
  readonly name: string;
  /** An empty target, made anew for every test. */
  readonly make: () => Promise<RestoreTargetUnderTest>;
  readonly cleanUp?: () => Promise<void>;
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
    const write = async (path: string, content: string, rule: OverwriteRule): Promise<string> =>
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
