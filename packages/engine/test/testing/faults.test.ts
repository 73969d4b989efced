import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/errors.ts';
import { utf8 } from '../../src/bytes.ts';
import {
  allOf,
  FakeClock,
  type Fault,
  FaultPlan,
  MemoryChunkIndex,
  MemoryObjectStore,
  ProcessKilledError,
  withFaults,
} from '../../src/testing/index.ts';

function storeWith(...faults: readonly Fault[]) {
  const memory = new MemoryObjectStore({ clock: new FakeClock() });
  const plan = new FaultPlan(faults);
  return { memory, plan, store: withFaults(memory, plan) };
}

const x = utf8('x');

describe('planned faults', () => {
  test('let every other call pass and count all of them', async () => {
    const { plan, store } = storeWith();

    await store.put('a', x);
    await store.get('a');
    await allOf(store.listVersions(''));

    expect(plan.calls()).toBe(3);
    expect(plan.calls('put')).toBe(1);
  });

  test.each(['fail-before', 'throttle'] as const)('%s keeps the call from happening', async (kind) => {
    const { memory, store } = storeWith({ kind, call: 1 });

    await expect(store.put('a', x)).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(memory.requests('put')).toBe(0);
    await store.put('a', x);
  });

  test('fail-after lets the call happen and hides its answer', async () => {
    const { memory, store } = storeWith({ kind: 'fail-after', call: 2, method: 'put' });
    await store.put('a', x);

    await expect(store.put('b', x)).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(Buffer.from(await memory.get('b'))).toEqual(x);
  });

  test('time-out lets the call arrive after its caller gave up', async () => {
    const { memory, store } = storeWith({ kind: 'time-out', call: 1 });

    await expect(store.put('a', x)).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await allOf(memory.listVersions(''))).toEqual([]);
    await store.now();

    expect(Buffer.from(await memory.get('a'))).toEqual(x);
  });

  test('duplicate makes the call twice and answers once', async () => {
    const { memory, store } = storeWith({ kind: 'duplicate', call: 1 });

    const stored = await store.put('a', x);

    expect(memory.requests('put')).toBe(2);
    expect((await allOf(memory.listVersions(''))).map((one) => one.versionId)).toEqual([stored.versionId]);
  });

  test('tear writes the first half and hides it', async () => {
    const { memory, store } = storeWith({ kind: 'tear', call: 1 }, { kind: 'tear', call: 3 });

    await expect(store.put('a', [utf8('abc'), utf8('def')])).rejects.toBeInstanceOf(StoreUnavailableError);
    await store.put('b', x);
    await expect(store.now()).rejects.toBeInstanceOf(StoreUnavailableError);

    expect(Buffer.from(await memory.get('a')).toString()).toBe('abc');
    expect(memory.requests('now')).toBe(1);
  });

  test('a fault can last for several calls', async () => {
    const { store } = storeWith({ kind: 'throttle', call: 2, method: 'now', times: 2 });

    await store.now();
    await expect(store.now()).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.now()).rejects.toBeInstanceOf(StoreUnavailableError);
    await store.now();
  });

  test.each([
    { kind: 'kill', happens: false },
    { kind: 'kill-after', happens: true },
  ] as const)(
    '$kind ends the process at that call, for every port of the plan',
    async ({ kind, happens }) => {
      const { memory, plan, store } = storeWith({ kind, call: 2 });
      const index = withFaults(new MemoryChunkIndex(), plan);
      await index.find([]);

      await expect(store.put('a', x)).rejects.toBeInstanceOf(ProcessKilledError);
      await expect(index.find([])).rejects.toBeInstanceOf(ProcessKilledError);
      await expect(allOf(store.listVersions(''))).rejects.toBeInstanceOf(ProcessKilledError);

      expect(plan.killed).toBe(true);
      expect(await allOf(memory.listVersions(''))).toHaveLength(happens ? 1 : 0);
    },
  );

  test('a list can break off after its first item', async () => {
    const { store } = storeWith({ kind: 'fail-after', call: 1, method: 'listVersions' });
    await store.put('a', x);
    await store.put('b', x);
    const seen: string[] = [];

    const reading = (async () => {
      for await (const version of store.listVersions('')) seen.push(version.name);
    })();

    await expect(reading).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(seen).toEqual(['a']);
  });

  test('reach the uploads that a store returns', async () => {
    const { store } = storeWith({ kind: 'fail-after', call: 1, method: 'complete' });
    const upload = await store.startMultipart('a');
    await upload.addPart(x);

    await expect(upload.complete()).rejects.toBeInstanceOf(StoreUnavailableError);

    const again = store.resumeMultipart(upload.state());
    expect(await again.complete()).toMatchObject({ name: 'a', bytes: 1 });
  });
});
