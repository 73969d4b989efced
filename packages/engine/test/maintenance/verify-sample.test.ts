import { expect, test } from 'vitest';
import { CredentialsRefusedError } from '../../src/errors.ts';
import type { ResourceArn } from '../../src/ids.ts';
import { isInSample, verifySample } from '../../src/maintenance/verify-sample.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import { sweepPartitions, type PackRow } from '../../src/ports/catalog/packs.ts';
import { day, Harness } from '../runs/harness.ts';

const limits = { files: 3, bytes: 2 ** 30 };
const everyDays = 7;

async function withPoint(): Promise<Harness> {
  const harness = new Harness('sample');
  for (let file = 0; file < 30; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(500));
  await harness.backUp('full', { limits });
  await harness.catalog.resources.put({
    arn: harness.arn,
    kind: 's3-bucket',
    plan: 'daily',
    seenAt: harness.clock.now(),
  });
  return harness;
}

async function verifyDay(harness: Harness, date: Date) {
  const keys = await harness.keys();
  const total = { packs: 0, resources: 0, damaged: 0, messages: [] as string[] };
  for (let partition = 0; partition < sweepPartitions; partition += 1) {
    const { report, state } = await verifySample(harness, keys, { partition, day: date, everyDays });
    expect(state).toBeUndefined();
    expect(report.failures.messages).toEqual([]);
    total.packs += report.packs;
    total.resources += report.resources;
    total.damaged += report.damaged;
    total.messages.push(...report.messages);
  }
  return total;
}

function daysFrom(harness: Harness, count: number): Date[] {
  return Array.from({ length: count }, (_, index) => new Date(harness.clock.now().getTime() + index * day));
}

test('every pack and every resource has its turn on one day of a round', async () => {
  const harness = await withPoint();
  const packs = harness.catalog.packRows().length;
  let [seen, resources] = [0, 0];

  for (const date of daysFrom(harness, everyDays)) {
    const report = await verifyDay(harness, date);
    expect(report.damaged).toBe(0);
    seen += report.packs;
    resources += report.resources;
  }

  expect(packs).toBeGreaterThan(8);
  expect(seen).toBe(packs);
  expect(resources).toBe(1);
});

test('the sample of a day is the same at any time of it, and another on the next', () => {
  const ids = Array.from({ length: 200 }, (_, index) => (index * 7_919).toString(16).padStart(8, '0'));
  const sampleAt = (time: string): string[] => ids.filter((id) => isInSample(id, new Date(time), 30));

  expect(sampleAt('2026-03-01T00:00:00Z')).toEqual(sampleAt('2026-03-01T23:59:59Z'));
  expect(sampleAt('2026-03-01T00:00:00Z')).not.toEqual(sampleAt('2026-03-02T00:00:00Z'));
});

test('refused credentials end a sample: no pack counts as failed or damaged for them', async () => {
  const harness = await withPoint();
  const keys = await harness.keys();
  harness.store.get = async () => Promise.reject(new CredentialsRefusedError('they have expired'));

  const verifying = Array.from({ length: sweepPartitions }, async (_, partition) =>
    verifySample(harness, keys, { partition, day: harness.clock.now(), everyDays: 1 }),
  );

  await expect(Promise.all(verifying)).rejects.toBeInstanceOf(CredentialsRefusedError);
  await Promise.allSettled(verifying);
  expect(harness.catalog.packRows().filter(({ damaged }) => damaged === true)).toEqual([]);
});

test('a damaged pack is found on its day, named, and marked', async () => {
  const harness = await withPoint();
  const row = harness.catalog.packRows().find(({ kind }) => kind === 'chunks') as PackRow;
  const name = objectNameOf(row);
  const bytes = await harness.store.get(name);
  harness.clock.advance(1_000 * day);
  await harness.store.removeVersion(name, row.versionId ?? '');
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  harness.catalog.plantPack({ ...row, versionId: harness.store.plantVersion(name, bytes) });

  const reports = [];
  for (const date of daysFrom(harness, everyDays)) reports.push(await verifyDay(harness, date));

  expect(reports.reduce((sum, { damaged }) => sum + damaged, 0)).toBe(1);
  expect(reports.flatMap(({ messages }) => messages)[0]).toContain(name);
  expect((await Array.fromAsync(harness.catalog.packs.listDamaged())).map(({ packId }) => packId)).toEqual([
    row.packId,
  ]);
});

test('a root that is gone before its time is found', async () => {
  const harness = await withPoint();
  const [point] = await Array.fromAsync(harness.catalog.points.list(harness.arn));
  if (point === undefined) throw new Error('no point');
  const now = harness.clock.now();
  harness.clock.set('2100-01-01T00:00:00Z');
  await harness.store.removeVersion(point.rootName, point.rootVersionId);
  harness.clock.set(now);

  let damaged = 0;
  for (const date of daysFrom(harness, everyDays)) damaged += (await verifyDay(harness, date)).damaged;

  expect(damaged).toBe(1);
});

test('what is too large, or frozen, is passed over and counted', async () => {
  const harness = await withPoint();
  await harness.backUp('synthetic-full', { limits });
  const keys = await harness.keys();
  const row = harness.catalog.packRows().find(({ kind }) => kind === 'container') as PackRow;
  const partition = Number.parseInt(row.packId.slice(-1), 16);
  const options = { partition, day: harness.clock.now(), everyDays: 1 };

  const whole = await verifySample(harness, keys, options);
  const limited = await verifySample(harness, keys, { ...options, largestBytes: (row.bytes ?? 0) - 1 });

  expect(whole.report.passedOver).toBe(0);
  expect(limited.report).toMatchObject({ packs: whole.report.packs - 1, passedOver: 1, damaged: 0 });
  const name = objectNameOf(row);
  const bytes = await harness.store.get(name);
  harness.clock.advance(1_000 * day);
  await harness.store.removeVersion(name, row.versionId ?? '');
  const versionId = harness.store.plantVersion(name, bytes, { storageClass: 'DEEP_ARCHIVE' });
  harness.catalog.plantPack({ ...row, versionId });

  const frozen = await verifySample(harness, keys, { ...options, day: harness.clock.now() });

  expect(frozen.report).toMatchObject({ passedOver: 1, damaged: 0, failures: { count: 0 } });
});

/** A vault with one container in a class, and a look at its partition on each of some days. */
async function withContainer(storageClass: string) {
  const harness = await withPoint();
  await harness.backUp('synthetic-full', { limits });
  const keys = await harness.keys();
  const planted = harness.catalog.packRows().find(({ kind }) => kind === 'container') as PackRow;
  const name = objectNameOf(planted);
  const bytes = await harness.store.get(name);
  harness.clock.advance(1_000 * day);
  await harness.store.removeVersion(name, planted.versionId ?? '');
  const lockedUntil = new Date(harness.clock.now().getTime() + 5_000 * day);
  const plant = (content: Uint8Array, until = lockedUntil): void => {
    const lock = { mode: 'compliance', until } as const;
    const versionId = harness.store.plantVersion(name, content, { storageClass, lock });
    harness.catalog.plantPack({ ...planted, versionId, lockedUntil });
  };
  plant(bytes);
  const partition = Number.parseInt(planted.packId.slice(-1), 16);
  const lookOn = async (date: Date) => (await verifySample(harness, keys, { partition, day: date })).report;
  return { harness, name, bytes, lockedUntil, plant, lookOn, packId: planted.packId };
}

test('a container whose class is dear to read is looked at every day, and read once in years', async () => {
  const { harness, name, bytes, lookOn } = await withContainer('GLACIER_IR');
  let reads = 0;
  const get = harness.store.get.bind(harness.store);
  harness.store.get = async (read, options) => {
    if (read === name) reads += 1;
    return get(read, options);
  };
  const heads = harness.store.requests('head');

  let read = 0;
  for (const date of daysFrom(harness, 365)) {
    const before = reads;
    await lookOn(date);
    if (reads > before) read += 1;
  }

  expect(bytes.length).toBeGreaterThan(0);
  expect(read).toBeLessThanOrEqual(1);
  expect(harness.store.requests('head') - heads).toBeGreaterThanOrEqual(365);
});

test('a container in the standard class is read once in thirty days', async () => {
  const { harness, lookOn } = await withContainer('STANDARD');

  const others = harness.catalog.packRows().filter(({ kind }) => kind !== 'container').length;
  let packs = 0;
  for (const date of daysFrom(harness, 30)) packs += (await lookOn(date)).packs;

  expect(packs).toBeGreaterThanOrEqual(1);
  expect(packs).toBeLessThanOrEqual(others + 1);
});

test.each([
  {
    what: 'that has lost bytes',
    change: ({ plant, bytes }: Awaited<ReturnType<typeof withContainer>>) => plant(bytes.subarray(1)),
    says: /it has \d+ bytes, the catalog says \d+/,
    isMarked: true,
  },
  {
    what: 'whose lock was shortened',
    change: ({ plant, bytes, lockedUntil }: Awaited<ReturnType<typeof withContainer>>) =>
      plant(bytes, new Date(lockedUntil.getTime() - day)),
    says: /should be locked until/,
    isMarked: false,
  },
])('a container $what is found on any day, without being read', async ({ change, says, isMarked }) => {
  const scene = await withContainer('GLACIER_IR');
  change(scene);
  const [first, second] = daysFrom(scene.harness, 2) as [Date, Date];

  const reports = [await scene.lookOn(first), await scene.lookOn(second)];

  for (const { damaged, messages } of reports) {
    expect(damaged).toBe(1);
    expect(messages[0]).toMatch(says);
  }
  const marked = await Array.fromAsync(scene.harness.catalog.packs.listDamaged());
  expect(marked.map(({ packId }) => packId)).toEqual(isMarked ? [scene.packId] : []);
});

test('a call that runs out of time goes on behind the packs that it has verified', async () => {
  const harness = await withPoint();
  const keys = await harness.keys();
  const packs = harness.catalog.packRows().length;
  const options = { day: harness.clock.now(), everyDays: 1 };
  let seen = 0;

  for (let partition = 0; partition < sweepPartitions; partition += 1) {
    let state: Awaited<ReturnType<typeof verifySample>>['state'];
    let turns = 0;
    do {
      let asked = 0;
      const step = await verifySample(harness, keys, {
        ...options,
        partition,
        shouldStop: () => (asked += 1) > 1,
        state,
      });
      state = step.state;
      seen += step.report.packs;
      turns += 1;
    } while (state !== undefined && turns < packs + 2);
  }

  expect(seen).toBe(packs);
});

test('a call that runs out of time goes on behind the resources whose histories it has verified', async () => {
  const harness = await withPoint();
  const keys = await harness.keys();
  const packs = harness.catalog.packRows().length;
  const names = Array.from({ length: 200 }, (_, index) => `arn:aws:s3:::bucket-${index}` as ResourceArn);
  for (const arn of names)
    await harness.catalog.resources.put({
      arn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt: harness.clock.now(),
    });
  const options = { day: harness.clock.now(), everyDays: 1, shouldStop: () => true };
  const seen = { packs: 0, resources: 0, calls: 0 };

  for (let partition = 0; partition < sweepPartitions; partition += 1) {
    let state: Awaited<ReturnType<typeof verifySample>>['state'];
    do {
      const step = await verifySample(harness, keys, { ...options, partition, state });
      state = step.state;
      seen.packs += step.report.packs;
      seen.resources += step.report.resources;
      seen.calls += 1;
    } while (state !== undefined && seen.calls < 1_000);
  }

  expect(seen).toMatchObject({ packs, resources: names.length + 1 });
  expect(seen.calls).toBeGreaterThan(sweepPartitions * 3);
});
