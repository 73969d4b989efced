import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auditEntryName, vaultChain, type AuditEvent } from '../../src/audit/audit-entry.ts';
import {
  checkpointName,
  parseCheckpoint,
  putCheckpoint,
  type AuditCheckpoint,
} from '../../src/audit/audit-checkpoint.ts';
import { AuditLog } from '../../src/audit/audit-log.ts';
import { verifyAudit, type AuditOutcome } from '../../src/audit/verify-audit.ts';
import { utf8 } from '../../src/bytes.ts';
import { InvalidInputError } from '../../src/errors.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { FaultPlan, withFaults } from '../../src/testing/faults.ts';
import { MemoryObjectStore } from '../../src/testing/memory-object-store.ts';
import { MemoryWorkStore } from '../../src/testing/memory-work-store.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';

const dayMs = 86_400_000;
const photos = 'arn:aws:s3:::photos';
const films = 'arn:aws:s3:::films';

function eventOf(n: number): AuditEvent {
  return { kind: 'expire', point: `point-${n}`, expiresAt: '2026-01-01T00:00:00.000Z' };
}

class Scene {
  readonly clock = new FakeClock();
  readonly store = new MemoryObjectStore({ clock: this.clock });
  readonly random = new SeededRandom('audit');
  readonly work = new MemoryWorkStore();

  options(store: ObjectStore = this.store, progressName = 'progress') {
    const { clock, random, work } = this;
    return { store, clock, random, work, progressName, lockMode: 'compliance' as const };
  }

  async append(chain: string, n: number, store?: ObjectStore): Promise<void> {
    await new AuditLog(this.options(store)).append({
      chain,
      id: `${chain}-${n}`,
      by: 'test',
      event: eventOf(n),
    });
  }

  /** Days of entries in two chains, each day with a checkpoint. */
  static async withDays(days: number): Promise<Scene> {
    const scene = new Scene();
    for (let day = 1; day <= days; day++) {
      await scene.append(photos, day);
      if (day % 2 === 1) await scene.append(films, day);
      await putCheckpoint(scene.options());
      scene.clock.advance(dayMs);
    }
    return scene;
  }

  /** Goes round the product: the bytes of a name are others from now on. */
  async replace(name: string, body: Uint8Array): Promise<void> {
    await this.remove(name);
    this.store.plantVersion(name, body);
  }

  async remove(name: string): Promise<void> {
    const { versionId } = await this.store.head(name);
    this.clock.advance(1_000 * dayMs);
    await this.store.removeVersion(name, versionId);
    this.clock.advance(-1_000 * dayMs);
  }

  async verify(): Promise<AuditOutcome> {
    return verifyAudit(this.store);
  }
}

function kindsOf({ problems }: AuditOutcome): string[] {
  return problems.map(({ problem }) => problem);
}

async function headsOf(scene: Scene, day: string): Promise<AuditCheckpoint['heads']> {
  const name = checkpointName(day);
  return parseCheckpoint(await scene.store.get(name), name).heads;
}

test('a log that nobody touched verifies', async () => {
  const scene = await Scene.withDays(5);

  expect(await scene.verify()).toEqual({
    chains: 2,
    entries: 8,
    checkpoints: 5,
    newest: { date: '2026-01-05', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    problems: [],
  });
});

test('entries are locked, whatever becomes of what they tell of', async () => {
  const scene = await Scene.withDays(1);

  const { versionId, lock } = await scene.store.head(auditEntryName(photos, 1));

  expect(lock).toEqual({ mode: 'compliance', until: new Date('2027-02-05T00:00:00.000Z') });
  await expect(scene.store.removeVersion(auditEntryName(photos, 1), versionId)).rejects.toThrow('locked');
});

test('any number of writers at once make one chain, and lose nothing', async () => {
  const scene = new Scene();

  await Promise.all(Array.from({ length: 12 }, async (_, n) => scene.append(photos, n)));

  const points = new Set<string>();
  const outcome = await verifyAudit(scene.store, { onEntry: ({ id }) => points.add(id) });
  expect(outcome).toMatchObject({ chains: 1, entries: 12, problems: [] });
  expect(points.size).toBe(12);
});

test('an event is recorded once, whatever goes wrong with any one call', async () => {
  for (const kind of ['fail-before', 'fail-after', 'time-out', 'duplicate'] as const) {
    for (let call = 1, calls = 1; call <= calls; call++) {
      const scene = new Scene();
      await scene.append(photos, 1);
      const faults = new FaultPlan([{ kind, call }]);

      await scene.append(photos, 2, withFaults(scene.store, faults));
      // The step that records it runs again.
      await scene.append(photos, 2);

      calls = faults.calls();
      expect({ kind, call, ...(await scene.verify()) }).toMatchObject({ entries: 2, problems: [] });
    }
  }
});

test('who appends again looks for what others have added since, and reads nothing else', async () => {
  const scene = new Scene();
  const log = new AuditLog(scene.options());
  const append = async (n: number) =>
    log.append({ chain: photos, id: `${photos}-${n}`, by: 'test', event: eventOf(n) });
  await append(1);
  scene.store.resetCounters();

  await append(2);
  expect(await append(2)).toMatchObject({ n: 2 });

  expect(scene.store.requests('get')).toBe(0);
  expect(scene.store.requests('listVersions')).toBe(2);
  await scene.append(photos, 3);
  expect(await append(4)).toMatchObject({ n: 4 });
  expect(await scene.verify()).toMatchObject({ entries: 4, problems: [] });
});

test('what one writer appends at once to a chain is written one after the other, past one that is refused', async () => {
  const scene = new Scene();
  const log = new AuditLog(scene.options());
  const texts = ['a', 'b', 'x'.repeat(5_000), 'c', 'd'];
  const records = [photos, films].flatMap((chain) =>
    texts.map((hold) => ({ chain, id: `${hold} of ${chain}`, hold })),
  );

  const outcomes = await Promise.allSettled(
    records.map(async ({ hold, ...rest }) =>
      log.append({ ...rest, by: 'test', event: { kind: 'hold-released', hold, reason: 'none' } }),
    ),
  );

  const places = outcomes.map((one) => (one.status === 'fulfilled' ? one.value.n : undefined));
  expect(places.slice(0, texts.length)).toEqual([1, 2, undefined, 3, 4]);
  expect(places.slice(texts.length)).toEqual([1, 2, undefined, 3, 4]);
  expect(scene.store.requests('put')).toBe(8);
  expect(await scene.verify()).toMatchObject({ entries: 8, problems: [] });
});

test('an event that could not be read again is refused before it is written', async () => {
  const scene = new Scene();
  const event = { kind: 'hold-released', hold: 'a hold', reason: 'x'.repeat(5_000) } as const;
  const log = new AuditLog(scene.options());

  await expect(log.append({ chain: photos, id: 'too long', by: 'test', event })).rejects.toThrow(
    InvalidInputError,
  );

  expect(await scene.verify()).toMatchObject({ entries: 0, problems: [] });
});

describe('a log that somebody touched', () => {
  test('shows an entry that was removed from the middle', async () => {
    const scene = await Scene.withDays(5);
    await scene.remove(auditEntryName(photos, 3));

    const outcome = await scene.verify();

    expect(outcome.problems).toContainEqual({
      problem: 'removed',
      name: auditEntryName(photos, 4),
      message: 'entries 3 to 3 before it are not there',
    });
  });

  test('shows an end that was cut off, by the checkpoints', async () => {
    const scene = await Scene.withDays(5);
    await scene.remove(auditEntryName(photos, 5));

    const { problems } = await scene.verify();

    expect(problems).toEqual([
      {
        problem: 'removed',
        name: checkpointName('2026-01-05'),
        message: `entry 5 of ${photos} that it has seen is not there; the last one is 4`,
      },
    ]);
  });

  test('shows a chain that is gone as a whole', async () => {
    const scene = await Scene.withDays(3);
    for (let n = 1; n <= 2; n++) await scene.remove(auditEntryName(films, n));

    expect((await scene.verify()).problems).toEqual([
      expect.objectContaining({
        problem: 'removed',
        message: `the chain of ${films} that it names is not there`,
      }),
    ]);
  });

  test('shows two entries that changed places', async () => {
    const scene = await Scene.withDays(5);
    const [a, b] = [auditEntryName(photos, 2), auditEntryName(photos, 3)];
    const [bytesA, bytesB] = [await scene.store.get(a), await scene.store.get(b)];
    await scene.replace(a, bytesB);
    await scene.replace(b, bytesA);

    expect(kindsOf(await scene.verify()).filter((kind) => kind === 'reordered')).toHaveLength(2);
  });

  test('shows a version that was written over another', async () => {
    const scene = await Scene.withDays(2);
    scene.store.plantVersion(auditEntryName(photos, 1), utf8('{}'));

    expect((await scene.verify()).problems).toMatchObject([
      { problem: 'rewritten', name: auditEntryName(photos, 1) },
    ]);
  });

  test('shows a checkpoint that was removed or exchanged', async () => {
    const scene = await Scene.withDays(4);
    const second = checkpointName('2026-01-02');
    const bytes = await scene.store.get(second);
    await scene.remove(second);
    expect(kindsOf(await scene.verify())).toEqual(['removed']);

    scene.store.plantVersion(
      second,
      utf8(Buffer.from(bytes).toString().replace('00:00:00.000Z', '00:00:01.000Z')),
    );
    expect(kindsOf(await scene.verify())).toEqual(['changed']);
  });

  test('shows any flipped bit of any entry or checkpoint', async () => {
    const scene = await Scene.withDays(3);
    const names = [
      ...[1, 2, 3].map((n) => auditEntryName(photos, n)),
      ...['2026-01-01', '2026-01-02'].map(checkpointName),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(), fc.nat(7), async (name, at, bit) => {
        const bytes = await scene.store.get(name);
        const changed = bytes.slice();
        changed[at % bytes.length] = (changed[at % bytes.length] ?? 0) ^ (1 << bit);
        await scene.replace(name, changed);

        expect((await scene.verify()).problems).not.toEqual([]);

        await scene.replace(name, bytes);
        expect((await scene.verify()).problems).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('shows a point whose commit is not in it', async () => {
    const scene = await Scene.withDays(1);
    const name = `points/${'a'.repeat(32)}/20260101T000000Z-0123456789abcdef`;
    scene.store.plantVersion(name, utf8('root'));
    expect((await scene.verify()).problems).toEqual([]);

    scene.clock.advance(2 * 3_600_000);

    expect((await scene.verify()).problems).toEqual([
      { problem: 'unrecorded', name, message: expect.stringContaining('20260101T000000Z-0123456789abcdef') },
    ]);
  });
});

describe('a checkpoint', () => {
  test('is written once a day, however often it is asked for', async () => {
    const scene = new Scene();
    await scene.append(vaultChain, 1);
    const first = await putCheckpoint(scene.options());
    await scene.append(vaultChain, 2);

    expect(await putCheckpoint(scene.options())).toEqual(first);
    expect(await Promise.all([putCheckpoint(scene.options()), putCheckpoint(scene.options())])).toEqual([
      first,
      first,
    ]);
  });

  test('costs requests for what has grown, and one or two for each other chain', async () => {
    const scene = await Scene.withDays(3);
    for (let n = 4; n < 40; n++) await scene.append(photos, n);
    scene.store.resetCounters();

    await putCheckpoint(scene.options());

    expect(scene.store.requests('listVersions')).toBeLessThanOrEqual(6);
    expect(scene.store.requests('get')).toBeLessThanOrEqual(4);
  });
});

describe('a checkpoint that is written over calls without time', () => {
  const hurry = { shouldStop: () => true };
  const chainNames = Array.from({ length: 5 }, (_, n) => `arn:aws:s3:::bucket-${n}`);

  async function withChains(entries = 1): Promise<Scene> {
    const scene = new Scene();
    for (const chain of chainNames) for (let n = 1; n <= entries; n++) await scene.append(chain, n);
    return scene;
  }

  async function callUntilDone(options: ReturnType<Scene['options']>): Promise<number> {
    for (let calls = 1; ; calls++) if ((await putCheckpoint(options, hurry)).done) return calls;
  }

  test('has every chain once, one a call, as one call would have them', async () => {
    const [scene, other] = [await withChains(2), await withChains(2)];

    const calls = await callUntilDone(scene.options());
    await putCheckpoint(other.options());

    expect(calls).toBe(chainNames.length);
    expect(await headsOf(scene, '2026-01-01')).toEqual(await headsOf(other, '2026-01-01'));
    expect((await scene.verify()).problems).toEqual([]);
  });

  test('comes to the same when every call is made twice', async () => {
    const scene = await withChains();
    const both = async () =>
      Promise.all([putCheckpoint(scene.options(), hurry), putCheckpoint(scene.options(), hurry)]);

    for (let done = false; !done;) done = (await both()).every((step) => step.done);

    expect(new Set((await headsOf(scene, '2026-01-01')).map(({ chain }) => chain))).toEqual(
      new Set(chainNames),
    );
    expect(await headsOf(scene, '2026-01-01')).toHaveLength(chainNames.length);
  });

  test('is of the day on which it is done, and follows one that came between, with nothing taken back', async () => {
    const scene = await withChains();
    await putCheckpoint(scene.options(), hurry);
    await putCheckpoint(scene.options(), hurry);
    for (const chain of chainNames) await scene.append(chain, 2);
    await putCheckpoint(scene.options(scene.store, 'of another'));
    scene.clock.advance(dayMs);

    await callUntilDone(scene.options());

    expect((await headsOf(scene, '2026-01-02')).map(({ n }) => n)).toEqual(chainNames.map(() => 2));
    expect(await scene.verify()).toMatchObject({ checkpoints: 2, problems: [] });
  });

  test('is done when another writer has done it', async () => {
    const scene = await withChains();
    await putCheckpoint(scene.options(), hurry);
    const theirs = await putCheckpoint(scene.options(scene.store, 'of another'));

    expect(await putCheckpoint(scene.options(), hurry)).toEqual(theirs);
  });
});

describe('what somebody else puts into the log stops nobody who writes it, and is reported', () => {
  const later = utf8(JSON.stringify({ formatVersion: 2 }));

  test.each<[string, string, Uint8Array]>([
    ['an object with a name that no entry has', 'zzz', utf8('abc')],
    ['no entry, where the next one belongs', '0000000003', utf8('abc')],
    ['an entry of a later version, where the next one belongs', '0000000003', later],
    ['the last number that there is', '9999999999', utf8('abc')],
  ])('%s', async (_what, name, bytes) => {
    const scene = await Scene.withDays(2);
    const folder = auditEntryName(photos, 1).slice(0, -10);
    scene.store.plantVersion(`${folder}${name}`, bytes);

    for (const day of [3, 4, 5]) {
      await scene.append(photos, day);
      await putCheckpoint(scene.options());
      scene.clock.advance(dayMs);
    }

    const recorded: string[] = [];
    const outcome = await verifyAudit(scene.store, { onEntry: ({ id }) => recorded.push(id) });
    expect(recorded.filter((id) => id.startsWith(photos))).toEqual(
      [1, 2, 3, 4, 5].map((n) => `${photos}-${n}`),
    );
    expect(outcome.checkpoints).toBe(5);
    expect(new Set(outcome.problems.map((problem) => problem.name))).toEqual(new Set([`${folder}${name}`]));
  });

  test('an object behind which those who write a long chain go on, so that checkpoints have its new end', async () => {
    const scene = await Scene.withDays(1);
    for (let n = 2; n <= 2_400; n++) scene.store.plantVersion(auditEntryName(photos, n), utf8('abc'));
    scene.clock.advance(dayMs);
    await putCheckpoint(scene.options());
    scene.store.plantVersion(auditEntryName(photos, 4_000), utf8('abc'));
    await scene.append(photos, 2);
    scene.clock.advance(dayMs);

    await putCheckpoint(scene.options());

    const [day, before] = [0, 1].map((ago) =>
      new Date(scene.clock.now().getTime() - ago * dayMs).toISOString().slice(0, 10),
    );
    const headOf = async (date = '') => (await headsOf(scene, date)).find((head) => head.chain === photos)?.n;
    expect(await headOf(before)).toBe(2_400);
    expect(await headOf(day)).toBe(4_001);
  });

  test.each([`${'0'.repeat(32)}/0000000001`, `${'0'.repeat(32)}/zzz`, '0'])(
    'no chain: %s',
    async (inChains) => {
      const scene = await Scene.withDays(2);
      const name = `audit/chains/${inChains}`;
      scene.store.plantVersion(name, utf8('abc'));

      await putCheckpoint(scene.options());

      const outcome = await scene.verify();
      expect(outcome.checkpoints).toBe(3);
      expect(new Set(outcome.problems.map((problem) => problem.name))).toEqual(new Set([name]));
      const newest = await scene.store.get(checkpointName(outcome.newest?.date ?? ''));
      expect(parseCheckpoint(newest, 'it').heads).toMatchObject([
        { chain: photos, n: 2 },
        { chain: films, n: 1 },
      ]);
    },
  );

  test('the first entry of a chain that cannot be read any more', async () => {
    const scene = await Scene.withDays(2);
    await scene.replace(auditEntryName(photos, 1), utf8('abc'));

    await putCheckpoint(scene.options());

    expect((await scene.verify()).checkpoints).toBe(3);
  });

  test('checkpoints of days to come, and one that is none', async () => {
    const scene = await Scene.withDays(2);
    const { date, sha256 } = (await scene.verify()).newest as { date: string; sha256: string };
    const forged = { formatVersion: 1, date: '2099-01-01', at: '2099-01-01T00:00:00Z', heads: [] };
    scene.store.plantVersion(
      checkpointName('2099-01-01'),
      utf8(JSON.stringify({ ...forged, previous: { date, sha256 } })),
    );
    scene.store.plantVersion(checkpointName(scene.clock.now().toISOString().slice(0, 10)), utf8('abc'));

    // The day whose name is taken has none, and says so.
    await expect(putCheckpoint(scene.options())).rejects.toThrow('is damaged');
    scene.clock.advance(dayMs);
    await putCheckpoint(scene.options());

    const outcome = await scene.verify();
    expect(outcome.checkpoints).toBe(4);
    expect(kindsOf(outcome)).toEqual(['changed', 'removed']);
  });
});
