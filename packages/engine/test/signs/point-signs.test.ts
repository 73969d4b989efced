import { expect, test } from 'vitest';
import type { PointCounts, PointRow } from '../../src/ports/catalog/points.ts';
import type { PointId } from '../../src/ids.ts';
import { findSuspicions, type PointSign, signThresholds } from '../../src/signs/point-signs.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { passOnSigns } from '../../src/maintenance/pass-on-signs.ts';
import { FakeClock, MemoryCatalog, MemoryObjectStore, pointRow } from '../../src/testing/index.ts';

const mebibyte = 2 ** 20;
const dayMinutes = 1_440;

/** A day of a resource of 1,000 files and 100 MiB, of which little changes, and which compresses to a third. */
function dayOf(day: number, counts: Partial<PointCounts> = {}, change: Partial<PointRow> = {}): PointRow {
  const isFirst = day === 0;
  return pointRow(day * dayMinutes, {
    type: isFirst ? 'full' : 'incremental',
    basePointId: isFirst ? undefined : pointRow((day - 1) * dayMinutes).pointId,
    counts: {
      files: 1000,
      filesChanged: isFirst ? 1000 : 20,
      filesRemoved: 0,
      logicalBytes: 100 * mebibyte,
      readBytes: 0,
      newBytes: isFirst ? 100 * mebibyte : 2 * mebibyte,
      storedBytes: isFirst ? 33 * mebibyte : 0.7 * mebibyte,
      ...counts,
    },
    ...change,
  });
}

const quietDays = [0, 1, 2, 3].map((day) => dayOf(day));
/** Everything is encrypted in place. */
const encrypted = { filesChanged: 820, newBytes: 82 * mebibyte, storedBytes: 82 * mebibyte };

function signsOf(point: PointRow, before: readonly PointRow[] = quietDays): readonly PointSign[] {
  return findSuspicions([...before, point]).get(point.pointId)?.signs ?? [];
}

test('a week of points that go one by one forgets no signs: what comes after is clean when the month is over', async () => {
  const catalog = new MemoryCatalog();
  const dayMs = dayMinutes * 60_000;
  const first = dayOf(0).sourceTime.getTime();
  const attack = dayOf(4, encrypted).pointId;
  const suspect: number[] = [];
  for (let day = 0; day < 40; day += 1) {
    const now = new Date(first + day * dayMs);
    const row = dayOf(day, day === 4 ? encrypted : {});
    await catalog.points.put({ ...row, expiresAt: new Date(row.sourceTime.getTime() + 6.5 * dayMs) });
    const due = await Array.fromAsync(catalog.points.listExpiring({ to: now }));
    for (const point of due) {
      await passOnSigns(catalog, point.resourceArn, now);
      await catalog.points.remove(point.pointId);
    }
    const suspicion = findSuspicions(await Array.fromAsync(catalog.points.list(row.resourceArn))).get(
      row.pointId,
    );
    if (suspicion === undefined) continue;
    expect(suspicion).toMatchObject({ since: { pointId: attack }, sinceSigns: [{ sign: 'changed' }, {}] });
    suspect.push(day);
  }

  expect(suspect).toEqual(Array.from({ length: 30 }, (_, at) => at + 4));
});

test('points that expire leave the signs that only they have on one that stays', async () => {
  const catalog = new MemoryCatalog();
  const attack = dayOf(4, encrypted);
  const stays = dayOf(5);
  const store = new MemoryObjectStore({ clock: new FakeClock(stays.sourceTime) });
  for (const row of [...quietDays, attack]) await catalog.points.put({ ...row, expiresAt: row.sourceTime });
  await catalog.points.put({ ...stays, expiresAt: dayOf(100).sourceTime });

  const { expired, failures } = await expirePoints({ store, catalog });

  expect({ expired, failures: failures.messages }).toEqual({ expired: 5, failures: [] });
  const left = await Array.fromAsync(catalog.points.list(stays.resourceArn));
  expect(findSuspicions(left).get(stays.pointId)?.since.pointId).toBe(attack.pointId);
});

test('thirty of a thousand points that expire cost one look at their resource, and one more for what a hold kept then', async () => {
  const catalog = new MemoryCatalog();
  const hours = Array.from({ length: 1000 }, (_, hour) => dayOf(5 + hour / 24));
  const store = new MemoryObjectStore({ clock: new FakeClock(hours[30]?.sourceTime ?? '') });
  const attack = dayOf(4, encrypted);
  const due = [...quietDays, ...hours.slice(0, 24), attack];
  for (const row of due) await catalog.points.put({ ...row, expiresAt: row.sourceTime });
  for (const row of hours.slice(24)) await catalog.points.put({ ...row, expiresAt: dayOf(100).sourceTime });
  const { points } = catalog;
  let looks = 0;
  const list: typeof points.list = async function* (arn) {
    looks += 1;
    // The hold on the point with signs ends behind the first look.
    for await (const row of points.list(arn))
      yield looks === 1 && row.pointId === attack.pointId ? { ...row, holds: ['hold'] as never } : row;
  };
  const counted = new Proxy(points, { get: (of, name) => (name === 'list' ? list : bound(of, name)) });

  const { expired } = await expirePoints({ store, catalog: { points: counted } });

  expect(expired).toBe(due.length);
  expect(looks).toBe(2);
  const left = await Array.fromAsync(points.list(attack.resourceArn));
  expect(findSuspicions(left).get(hours[24]?.pointId as PointId)?.since.pointId).toBe(attack.pointId);
});

function bound(of: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(of, name);
  return typeof value === 'function' ? (value.bind(of) as unknown) : value;
}

test('a name that every full has is a sign once: not anew on each that is the oldest by then', async () => {
  const catalog = new MemoryCatalog();
  const dayMs = dayMinutes * 60_000;
  const marks = { known: 1, renamed: 0, knownExamples: ['README_DECRYPT.txt'], renamedExamples: [] };
  const suspect: number[] = [];
  for (let day = 0; day < 40; day += 1) {
    const row = dayOf(day, {}, { type: 'full', basePointId: undefined, marks });
    const now = row.sourceTime;
    await catalog.points.put({ ...row, expiresAt: new Date(now.getTime() + 6.5 * dayMs) });
    for (const point of await Array.fromAsync(catalog.points.listExpiring({ to: now }))) {
      await passOnSigns(catalog, point.resourceArn, now);
      await catalog.points.remove(point.pointId);
    }
    const points = await Array.fromAsync(catalog.points.list(row.resourceArn));
    if (findSuspicions(points).has(row.pointId)) suspect.push(day);
  }

  expect(suspect).toEqual(Array.from({ length: 30 }, (_, day) => day));
});

test('signs that another call notes while the points are listed stay noted', async () => {
  const catalog = new MemoryCatalog();
  const dayMs = dayMinutes * 60_000;
  const [attack, second, last] = [dayOf(4, encrypted), dayOf(5, encrypted), dayOf(6)];
  const now = new Date(last.sourceTime.getTime() + dayMs);
  for (const row of [...quietDays, attack, second])
    await catalog.points.put({ ...row, expiresAt: last.sourceTime });
  await catalog.points.put({ ...last, expiresAt: new Date(now.getTime() + dayMs) });
  const { points } = catalog;
  const slowly: Pick<typeof points, 'find' | 'noteSigns' | 'list'> = {
    find: async (pointId) => points.find(pointId),
    noteSigns: async (...options) => points.noteSigns(...options),
    async *list(arn) {
      const [newest, ...others] = await Array.fromAsync(points.list(arn));
      if (newest !== undefined) yield newest;
      await passOnSigns(catalog, attack.resourceArn, now);
      await points.remove(attack.pointId);
      yield* others.filter(({ pointId }) => pointId !== attack.pointId);
    },
  };

  await passOnSigns({ points: slowly as typeof points }, second.resourceArn, now);

  const noted = (await points.find(last.pointId))?.keptSigns?.map(({ pointId }) => pointId);
  expect(noted).toEqual([attack.pointId, second.pointId]);
});

test('of points with signs that go, one that stays for long keeps the first and the last', async () => {
  const catalog = new MemoryCatalog();
  const hours = Array.from({ length: 100 }, (_, hour) =>
    dayOf(5 + hour / 24, encrypted, { basePointId: quietDays[3]?.pointId }),
  );
  const [first, last] = [hours[0] as PointRow, hours.at(-1) as PointRow];
  const stays = dayOf(10);
  for (const row of [...quietDays, ...hours]) await catalog.points.put({ ...row, expiresAt: row.sourceTime });
  await catalog.points.put({ ...stays, expiresAt: dayOf(100).sourceTime });

  for (const point of hours) {
    await passOnSigns(catalog, point.resourceArn, stays.sourceTime);
    await catalog.points.remove(point.pointId);
  }
  const after = [dayOf(12), dayOf(36), dayOf(40)];
  const suspicions = findSuspicions([
    ...(await Array.fromAsync(catalog.points.list(stays.resourceArn))),
    ...after,
  ]);

  expect((await catalog.points.find(stays.pointId))?.keptSigns).toHaveLength(2);
  expect(after.map(({ pointId }) => suspicions.get(pointId)?.since.pointId)).toEqual([
    first.pointId,
    last.pointId,
    undefined,
  ]);
});

test('says nothing of days like all others', () => {
  expect(findSuspicions([...quietDays, dayOf(4)]).size).toBe(0);
});

test('sees files that were encrypted in place', () => {
  expect(signsOf(dayOf(4, encrypted))).toEqual([
    { sign: 'changed', share: 0.82, usual: 0.02 },
    { sign: 'incompressible', share: 1, usual: expect.closeTo(0.33, 2) as number },
  ]);
});

test('sees files that were encrypted under other names', () => {
  const renamed = {
    filesChanged: 1000,
    filesRemoved: 1000,
    newBytes: 100 * mebibyte,
    storedBytes: 100 * mebibyte,
  };
  const marks = {
    known: 3,
    renamed: 997,
    knownExamples: ['README_DECRYPT.txt'],
    renamedExamples: ['a.xlsx.x7'],
  };

  expect(signsOf(dayOf(4, renamed, { marks }))).toEqual([
    { sign: 'removed', share: 1, usual: 0 },
    { sign: 'incompressible', share: 1, usual: expect.any(Number) as number },
    { sign: 'names', files: 3, examples: ['README_DECRYPT.txt'] },
    { sign: 'renamed', files: 997, examples: ['a.xlsx.x7'] },
  ]);
});

const fullOf = (day: number, newBytes: number): PointRow =>
  dayOf(
    day,
    { newBytes, storedBytes: newBytes / 3, filesChanged: 1000 },
    { type: 'full', basePointId: undefined },
  );

test('sees in a full what was encrypted since the last one, once there were enough to compare with', () => {
  const days = [fullOf(0, 100 * mebibyte), ...[1, 2, 3].map((day) => fullOf(day, 2 * mebibyte))];
  const last = fullOf(4, 97 * mebibyte);

  expect(signsOf(last, days)).toEqual([{ sign: 'rewritten', share: 0.97, usual: 0.02 }]);
  expect(signsOf(last, days.slice(0, 2))).toEqual([]);
});

test.for([
  ['owners or times of all files changed', { filesChanged: 1000, newBytes: 0, storedBytes: 1000 }],
  [
    'many files were added',
    {
      files: 9000,
      filesChanged: 8020,
      logicalBytes: 900 * mebibyte,
      newBytes: 800 * mebibyte,
      storedBytes: 250 * mebibyte,
    },
  ],
  ['some were deleted', { files: 700, filesRemoved: 300 }],
  ['a film was added', { files: 1001, filesChanged: 21, newBytes: 4 * mebibyte, storedBytes: 4 * mebibyte }],
] as const)('is not alarmed when %s', ([, counts]) => {
  expect(signsOf(dayOf(4, counts))).toEqual([]);
});

test('compares with what is usual for the resource: one that changes all over every day, and never compresses', () => {
  const busy = { filesChanged: 900, newBytes: 90 * mebibyte, storedBytes: 90 * mebibyte };
  const days = [dayOf(0, { storedBytes: 100 * mebibyte }), ...[1, 2, 3].map((day) => dayOf(day, busy))];

  expect(findSuspicions([...days, dayOf(4, busy)]).size).toBe(0);
});

test('says nothing of shares of a handful of files', () => {
  const few = signThresholds.leastFiles - 1;
  const before = quietDays.map((point) => ({ ...point, counts: { ...point.counts, files: few } }));

  expect(signsOf(dayOf(4, { files: few, filesChanged: few, newBytes: 90 * mebibyte }), before)).toEqual([]);
});

test('takes no later point for clean, as it has what was encrypted, until the attack is long ago', () => {
  const attack = dayOf(4, encrypted);
  const after = dayOf(5);
  const last = dayOf(4 + signThresholds.suspectDays - 1);
  const later = dayOf(4 + signThresholds.suspectDays);
  const container = pointRow(4 * dayMinutes + 1, { type: 'synthetic-full', counts: attack.counts });

  const found = findSuspicions([later, last, container, after, attack, ...quietDays]);

  expect([...found.keys()]).toEqual([attack, container, after, last].map(({ pointId }) => pointId));
  expect(found.get(after.pointId)).toMatchObject({
    signs: [],
    since: { pointId: attack.pointId },
    sinceSigns: [{ share: 0.82 }, {}],
  });
});

test('does not get used to an attack', () => {
  const attack = dayOf(4, encrypted);

  expect(
    findSuspicions([...quietDays, attack, dayOf(5, encrypted)]).get(dayOf(5).pointId)?.signs,
  ).toHaveLength(2);
});

test('sees what was encrypted since a container was made, which is the base then', () => {
  const counts = { ...quietDays[3]?.counts } as PointCounts;
  const container = pointRow(3 * dayMinutes + 1, { type: 'synthetic-full', counts });
  const attack = dayOf(4, { ...encrypted, storedBytes: 1 }, { basePointId: container.pointId });

  expect(signsOf(attack, [...quietDays, container])).toEqual([{ sign: 'changed', share: 0.82, usual: 0.02 }]);
});

/** Its base, the day before it, is not there. */
const ofGoneBase = (counts: Partial<PointCounts>): PointRow => dayOf(6, { storedBytes: 1, ...counts });

test('still sees it when retention has removed the base, and takes no growth since for it', () => {
  const [first, second, third] = quietDays as [PointRow, PointRow, PointRow];
  const before = [first, second, third];

  expect(signsOf(ofGoneBase(encrypted), before)).toMatchObject([{ sign: 'changed', share: 0.82 }, {}]);
  expect(signsOf(ofGoneBase({ filesChanged: 0, filesRemoved: 700, files: 9000 }), before)).toEqual([]);
});
