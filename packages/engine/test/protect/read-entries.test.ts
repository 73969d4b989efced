import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { SourceEntryError } from '../../src/errors.ts';
import type { FileSource, OpenedEntry, SourceEntry } from '../../src/ports/file-source.ts';
import { readEntries } from '../../src/protect/read-entries.ts';
import { toStream } from '../../src/to-stream.ts';

const listed = Array.from({ length: 300 }, (_, at): SourceEntry => ({
  path: utf8(String(at).padStart(3, '0')),
  kind: 'object',
  size: 1,
  modifiedMs: 0,
  changeToken: '1',
  attributes: {},
  userMetadata: {},
  tags: {},
}));

/** A source that answers when as many are asked for at once as will ever be. */
class PatientSource {
  asked = 0;
  most = 0;

  open = async (entry: SourceEntry): Promise<OpenedEntry> => {
    this.asked += 1;
    this.most = Math.max(this.most, this.asked);
    // Whoever asks for another one does so before this.
    await new Promise((resolve) => setImmediate(resolve));
    this.asked -= 1;
    return { entry, content: toStream([utf8('x')]) };
  };
}

test.each([
  { size: 1, readAhead: undefined, most: 64 },
  { size: 4 * 2 ** 20, readAhead: undefined, most: 16 },
  { size: 1, readAhead: { entries: 16, entryBytes: 8, bytes: 100 }, most: 16 },
  { size: 8, readAhead: { entries: 16, entryBytes: 8, bytes: 100 }, most: 12 },
  { size: 9, readAhead: { entries: 16, entryBytes: 8, bytes: 100 }, most: 0 },
])('$most entries of $size bytes are read at once, in their order', async ({ size, readAhead, most }) => {
  const source = new PatientSource();
  const portions = readEntries(
    toStream([listed.map((entry) => ({ action: 'read', listed: { ...entry, size } }) as const)]),
    {
      source: source as unknown as FileSource,
      readTags: false,
      rangeOf: () => undefined,
      readAhead,
    },
  );

  const paths: Uint8Array[] = [];
  for await (const portion of portions)
    for (const outcome of portion) if (outcome.outcome === 'opened') paths.push(outcome.listed.path);

  expect(paths).toEqual(listed.map(({ path }) => path));
  expect(source.most).toBe(most);
});

test.each([
  { size: 1, most: 16 },
  { size: 8, most: 12 },
  { size: 9, most: 0 },
])('$most entries of $size bytes that a source gives at once are held at a time', async ({ size, most }) => {
  let given = 0;
  const held: number[] = [];
  const source = {
    open: new PatientSource().open,
    openNow: (entry: SourceEntry): OpenedEntry => {
      given += 1;
      return { entry, content: toStream([]), whole: utf8('x') };
    },
  };
  const portions = readEntries(
    toStream([listed.map((entry) => ({ action: 'read', listed: { ...entry, size } }) as const)]),
    {
      source: source as unknown as FileSource,
      readTags: false,
      rangeOf: () => undefined,
      readAhead: { entries: 16, entryBytes: 8, bytes: 100 },
    },
  );

  const paths: Uint8Array[] = [];
  for await (const portion of portions) {
    held.push(given);
    given = 0;
    for (const outcome of portion) paths.push(outcome.outcome === 'opened' ? outcome.listed.path : utf8('?'));
  }

  expect(paths).toEqual(listed.map(({ path }) => path));
  expect(Math.max(...held)).toBe(most);
});

test('an entry that a source cannot give at once is asked for again, and fails with its reason', async () => {
  const refusal = new SourceEntryError('denied', '000', 'may not be read');
  const source = {
    openNow: () => {
      throw refusal;
    },
    open: async () => Promise.reject(refusal),
  };
  const portions = readEntries(
    toStream([listed.slice(0, 2).map((entry) => ({ action: 'read', listed: entry }) as const)]),
    { source: source as unknown as FileSource, readTags: false, rangeOf: () => undefined },
  );

  const outcomes = (await Array.fromAsync(portions)).flat();

  expect(outcomes).toMatchObject([
    { outcome: 'failed', error: refusal },
    { outcome: 'failed', error: refusal },
  ]);
});
