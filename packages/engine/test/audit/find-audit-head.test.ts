import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { auditChainPrefix, auditEntryNumber } from '../../src/audit/audit-entry.ts';
import { AuditLog } from '../../src/audit/audit-log.ts';
import { findAuditHead } from '../../src/audit/find-audit-head.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import { utf8 } from '../../src/bytes.ts';
import { ObjectNotFoundError } from '../../src/errors.ts';
import type { ObjectStore, ObjectVersion } from '../../src/ports/object-store.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { MemoryObjectStore } from '../../src/testing/memory-object-store.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const chain = 'arn:aws:s3:::photos';
const prefix = auditChainPrefix(chain);
const namesInAnAnswer = 1_000;
/** Where the search looks in a long chain: a thousand, doubled again and again. */
const lookedAt = Array.from({ length: 24 }, (_, power) => namesInAnAnswer * 2 ** power);

/** A bucket with nothing but names of one chain: an answer has up to 1,000, and is asked for when the one before is used up. */
class ListedChain implements Pick<ObjectStore, 'get' | 'listVersions'> {
  readonly #names: readonly string[];
  readonly askedFor = new Set<string>();
  requests = 0;
  namesRead = 0;

  constructor(numbers: Iterable<number>, others: readonly string[] = []) {
    const names = Array.from(numbers, nameOf);
    this.#names = [...names, ...others.map((name) => prefix + name)].sort();
  }

  async *listVersions(wanted: string, { startAfter = '' } = {}): AsyncGenerator<ObjectVersion> {
    const start = this.#indexOf(startAfter > wanted ? startAfter : wanted);
    this.askedFor.add(wanted);
    this.requests += 1;
    let listed = 0;
    for (let at = start; ; at += 1) {
      const name = this.#names[at];
      if (name?.startsWith(wanted) !== true) return;
      if (name === startAfter) continue;
      if (listed > 0 && listed % namesInAnAnswer === 0) this.requests += 1;
      listed += 1;
      this.namesRead += 1;
      yield { name, versionId: '1', bytes: 3, storedAt: new Date(0) };
    }
  }

  async get(name: string): Promise<Uint8Array> {
    if (this.#names[this.#indexOf(name)] !== name) throw new ObjectNotFoundError(name);
    return utf8('abc');
  }

  /** Of the first name that is not before this one. */
  #indexOf(name: string): number {
    let [from, to] = [0, this.#names.length];
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      if ((this.#names[middle] ?? '') < name) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function nameOf(n: number): string {
  return prefix + String(n).padStart(10, '0');
}

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}

async function headOf(store: ListedChain, after?: number): Promise<number | undefined> {
  const known = after === undefined ? undefined : { n: after, sha256: '', id: '' };
  return (await findAuditHead(store, chain, known))?.n;
}

/** The end by its definition: the last entry that is reached in steps over fewer than 1,000 missing ones. */
function endOf(numbers: readonly number[]): number | undefined {
  let last = 0;
  for (const n of numbers.toSorted((a, b) => a - b)) if (n <= last + 1_000) last = n;
  return last === 0 ? undefined : last;
}

test('the end of a chain is found, however long it is', async () => {
  for (const n of [1, 2, 999, 1_000, 1_001, 1_999, 2_000, 2_001, 2_999, 3_000, 3_001, 7_500, 64_000, 70_123])
    expect(await headOf(new ListedChain(upTo(n)))).toBe(n);
  expect(await headOf(new ListedChain([]))).toBeUndefined();
});

test('the end of a chain of less than 1,000 entries costs one request', async () => {
  for (const n of [0, 1, 500, 999]) {
    const store = new ListedChain(upTo(n));

    await headOf(store);

    expect(store.requests).toBe(1);
  }
});

test('the end of a long chain costs a request for each time that it is doubled, and for each that this is halved', async () => {
  for (const thousands of [2, 8, 32, 128]) {
    const store = new ListedChain(upTo(thousands * namesInAnAnswer - 300));

    await headOf(store);

    expect(store.requests).toBeLessThanOrEqual(2 * Math.log2(thousands) + 2);
    expect(store.namesRead).toBeLessThan(2_100);
  }
});

test('what was added to a chain behind an entry that is known costs one request', async () => {
  const store = new ListedChain(upTo(50_300));

  expect(await headOf(store, 50_000)).toBe(50_300);

  expect(store.requests).toBe(1);
  expect(store.namesRead).toBe(300);
});

test('an entry that is known stays the end when none follows', async () => {
  const known = { n: 5_000, sha256: 'a hash', id: 'an id' };

  expect(await findAuditHead(new ListedChain(upTo(5_000)), chain, known)).toBe(known);
});

test('the end is the one that reading all entries in their order finds, whatever holes of up to 999 a chain has', async () => {
  const stretch = fc.record({
    entries: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 4_000 })),
    missing: fc.integer({ min: 0, max: 999 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(stretch, { maxLength: 8 }), fc.nat(), async (stretches, pick) => {
      const numbers: number[] = [];
      let next = 1;
      for (const { entries, missing } of stretches) {
        next += missing;
        for (let n = 0; n < entries; n++) numbers.push(next++);
      }
      const known = numbers[pick % Math.max(1, numbers.length)];

      expect(await headOf(new ListedChain(numbers))).toBe(endOf(numbers));
      expect(await headOf(new ListedChain(numbers), known)).toBe(endOf(numbers) ?? known);
    }),
    { seed: 61, numRuns: 100 },
  );
});

test('the end is never before the one that reading in order finds, and 1,000 numbers behind it are free, whatever lies beyond', async () => {
  const far = fc.array(
    fc.oneof(
      fc.constantFrom(...lookedAt),
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 1, max: 9_999_999_999 }),
    ),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6_000 }), far, async (n, planted) => {
      const numbers = [...new Set([...upTo(n), ...planted])];

      const store = new ListedChain(numbers);
      const head = (await headOf(store)) ?? 0;

      const end = endOf(numbers) ?? 0;
      expect(head).toBeGreaterThanOrEqual(end);
      expect(numbers).toContain(head);
      expect(numbers.some((one) => one > head && one <= head + 1_000)).toBe(false);
      const beyond = planted.filter((one) => one > end);
      if (!beyond.some((one) => store.askedFor.has(nameOf(one)))) expect(head).toBe(end);
    }),
    { seed: 62, numRuns: 150 },
  );
});

test('entries that are missing where the search looks do not hide those behind them', async () => {
  const missing = new Set([2_000, 3_000, 4_000, 8_000, 16_000, 24_000, 28_000, 30_000, 32_000]);
  const store = new ListedChain(upTo(40_000).filter((n) => !missing.has(n)));

  expect(await headOf(store)).toBe(40_000);
});

test('a hole of 1,000 is the end of what comes before it', async () => {
  const behind = upTo(500).map((n) => 3_210 + 1_000 + n);

  expect(await headOf(new ListedChain([...upTo(3_210), ...behind]))).toBe(3_210);
  expect(await headOf(new ListedChain([...upTo(3_211), ...behind]))).toBe(4_710);
});

test('names that no entry has are not counted, wherever they are', async () => {
  const others = upTo(1_500).flatMap((n) => [`000000${n}`, `0000002000${n}`, `0000003700-${n}`, `zzz${n}`]);

  expect(await headOf(new ListedChain(upTo(3_700), others))).toBe(3_700);
});

test('objects far behind the end of a short chain are passed over, wherever they are', async () => {
  const store = new ListedChain([...upTo(999), ...lookedAt.slice(1), 9_999_999_999]);

  expect(await headOf(store)).toBe(999);
});

test('objects where the search looks leave room for five thousand million entries', async () => {
  const store = new ListedChain([...upTo(1_500), ...lookedAt, 9_999_999_999]);

  const head = await headOf(store);

  expect(head).toBeLessThan(4_200_000_000);
  expect(store.requests).toBeLessThan(30);
});

test('objects far behind the end of a long chain stop nobody who writes it, and are reported', async () => {
  const clock = new FakeClock();
  const store = new MemoryObjectStore({ clock });
  const log = new AuditLog({ store, clock, random: new SeededRandom('head'), lockMode: 'compliance' });
  const planted = [...upTo(1_000), ...lookedAt.slice(1), 9_999_999_999];
  for (const n of planted) store.plantVersion(nameOf(n), utf8('abc'));
  const event = { kind: 'hold-released', hold: 'a hold', reason: 'none' } as const;

  const places: number[] = [];
  for (const id of ['one', 'two', 'three'])
    places.push((await log.append({ chain, id, by: 'test', event })).n);

  const recorded: string[] = [];
  const { problems } = await verifyAudit(store, { onEntry: ({ id }) => recorded.push(id) });
  expect(recorded).toEqual(['one', 'two', 'three']);
  expect(places).toEqual([1, 2, 3].map((n) => (places[0] ?? 0) - 1 + n));
  const reported = new Set(problems.map(({ name }) => auditEntryNumber(name)));
  expect([...reported]).toEqual(expect.arrayContaining(planted));
});

test('an entry is recorded once in a long chain too', async () => {
  const clock = new FakeClock();
  const store = new MemoryObjectStore({ clock });
  const log = new AuditLog({ store, clock, random: new SeededRandom('head'), lockMode: 'compliance' });
  for (const n of upTo(2_345)) store.plantVersion(nameOf(n), utf8('abc'));
  const record = {
    chain,
    id: 'one',
    by: 'test',
    event: { kind: 'hold-released', hold: 'a hold', reason: 'none' },
  } as const;

  const first = await log.append(record);

  expect(first.n).toBe(2_346);
  expect(await log.append(record)).toEqual(first);
});
