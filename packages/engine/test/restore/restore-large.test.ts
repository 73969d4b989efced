import { beforeAll, describe, expect, test } from 'vitest';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import type { OverwriteRule } from '../../src/model/machines/restore-request.ts';
import type { Root } from '../../src/points/root.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import {
  restoreRange,
  type RestoreOutcome,
  type RestoreRangeOptions,
} from '../../src/restore/restore-range.ts';
import {
  FaultPlan,
  MemoryTarget,
  MemoryUploads,
  ProcessKilledError,
  withFaults,
} from '../../src/testing/index.ts';
import { describeState, Harness, stateOf, type State } from '../runs/harness.ts';
import { someOf } from '../thoroughness.ts';

const mebibyte = 2 ** 20;
const partBytes = mebibyte;
/** Small enough that reading ahead does not hide where a call begins. */
const fetch = { windowBytes: mebibyte / 2, windowItems: 100, cacheBytes: mebibyte, runsAtOnce: 1 };

let harness: Harness;
let root: Root;
let wanted: State;
beforeAll(async () => {
  harness = new Harness('restore large');
  harness.source.plant('a', 'small');
  harness.source.plant('b', harness.random.bytes(100));
  harness.source.plant('large', harness.random.bytes(5_500_003));
  harness.source.plant('of whole parts', harness.random.bytes(5 * partBytes));
  harness.source.plant('z', 'small as well');
  ({ root } = await harness.backUp('full'));
  wanted = await harness.snapshotOfSource();
});

/** Restores all, as often as it takes: from where a call says that it stopped, or from what was remembered last. */
class Calls {
  readonly uploads = new MemoryUploads();
  readonly target: MemoryTarget;
  plan: FaultPlan;
  /** What the work store has. */
  #remembered: RestoreOutcome | undefined;
  #counted: RestoreOutcome[] = [];
  readonly #options: Partial<RestoreRangeOptions>;

  constructor(options: Partial<RestoreRangeOptions> = {}, plan = new FaultPlan()) {
    this.#options = options;
    this.plan = plan;
    const uploads = new Proxy(this.uploads, {
      get: (target, name) => Reflect.get(withFaults(target, this.plan), name) as unknown,
    });
    this.target = new MemoryTarget(undefined, undefined, { uploads, bytes: partBytes });
  }

  /** @returns whether all is restored. */
  async once(): Promise<boolean> {
    const { plan } = this;
    const before = this.#remembered;
    const memory = withFaults(
      {
        put: async (soFar: RestoreOutcome) => {
          this.#remembered = soFar;
          return Promise.resolve();
        },
      },
      plan,
    );
    const reader = new PointReader(withFaults<ObjectStore>(harness.store, plan), await harness.keys(), root);
    const outcome = await restoreRange(reader, {
      range: before?.next === undefined ? {} : { from: before.next },
      begun: before?.begun,
      target: this.target,
      overwrite: 'never',
      shouldStop: () => true,
      remember: async (soFar) => memory.put(sum(before, soFar)),
      fetch,
      ...this.#options,
    });
    await memory.put(sum(before, outcome));
    this.#counted.push(outcome);
    return outcome.next === undefined;
  }

  async all(): Promise<RestoreOutcome> {
    for (let left = 100; left > 0; left -= 1) if (await this.once()) break;
    return this.#remembered as RestoreOutcome;
  }

  get count(): number {
    return this.#counted.length;
  }
}

function sum(before: RestoreOutcome | undefined, outcome: RestoreOutcome): RestoreOutcome {
  const counts = { files: 0, bytes: 0, written: 0, kept: 0, same: 0 };
  for (const name of Object.keys(counts) as (keyof typeof counts)[])
    counts[name] = (before?.[name] ?? 0) + outcome[name];
  return { ...outcome, ...counts, failed: [...(before?.failed ?? []), ...outcome.failed] };
}

/** Bytes that are read of the vault's packs in each call. */
function readBytesOf(store: ObjectStore): { store: ObjectStore; take: () => number } {
  let bytes = 0;
  const proxy = new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (property !== 'get') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      return async (...args: Parameters<ObjectStore['get']>) => {
        const body = await target.get(...args);
        if (args[0].startsWith('packs/')) bytes += body.length;
        return body;
      };
    },
  });
  return { store: proxy, take: () => [bytes, (bytes = 0)][0] as number };
}

const everything = {
  files: 5,
  written: 5,
  kept: 0,
  same: 0,
  failed: [],
  bytes: 5 + 100 + 5_500_003 + 5 * partBytes + 13,
};

describe('an object that outgrows a call', () => {
  test('is restored part by part over any number of calls, and counted once', async () => {
    const calls = new Calls();

    const outcome = await calls.all();

    expect(outcome).toMatchObject(everything);
    expect(describeState(stateOf(calls.target))).toEqual(describeState(wanted));
    expect(calls.count).toBeGreaterThan(10);
    expect(calls.uploads.open).toEqual([]);
  });

  test('cannot be seen before it is whole', async () => {
    const calls = new Calls();
    const seen = () => calls.target.entries.map(({ entry }) => Buffer.from(entry.path).toString());

    for (let call = 1; call <= 4; call += 1) await calls.once();

    expect(seen()).toEqual(['a', 'b']);
    expect(calls.uploads.open).toHaveLength(1);
  });

  test('is read once, but for the chunks between two calls', async () => {
    const { store, take } = readBytesOf(harness.store);
    const reader = new PointReader(store, await harness.keys(), root);
    const target = new MemoryTarget(undefined, undefined, { uploads: new MemoryUploads(), bytes: partBytes });
    let read = 0;
    let at: Pick<RestoreOutcome, 'next' | 'begun'> = {};
    do {
      at = await restoreRange(reader, {
        range: at.next === undefined ? {} : { from: at.next },
        begun: at.begun,
        target,
        overwrite: 'never',
        shouldStop: () => true,
        fetch,
      });
      const ofCall = take();
      expect(ofCall).toBeLessThan(partBytes + 4 * mebibyte);
      read += ofCall;
    } while (at.next !== undefined);

    expect(read).toBeLessThan(4 * everything.bytes);
  });

  test.each<OverwriteRule>(['never', 'always'])(
    'is restored all the same when a call dies, whichever of its writes was the last (%s)',
    async (overwrite) => {
      const dry = new Calls({ overwrite });
      await dry.all();
      const total = dry.plan.calls();

      for (const kind of ['kill', 'kill-after'] as const) {
        for (const call of someOf(total, 20, kind.length)) {
          const where = `${kind} at call ${call} of ${total}`;
          const calls = new Calls({ overwrite }, new FaultPlan([{ kind, call }]));
          await expect(calls.all(), where).rejects.toThrow(ProcessKilledError);

          // The process is gone, the uploads are as it left them.
          const again = await resumed(calls);

          expect(again.failed, where).toEqual([]);
          expect(again.files, where).toBe(5);
          expect(describeState(stateOf(again.target)), where).toEqual(describeState(wanted));
          // One that was begun and never told of holds nothing.
          for (const open of again.uploads.open) expect(await again.uploads.giveUp(open), where).toBe(0);
        }
      }
    },
  );

  test('whose chunk is damaged is given up, named, and the others are restored', async () => {
    const damaging = new Harness('damaged large');
    damaging.source.plant('large', damaging.random.bytes(9_000_000));
    damaging.source.plant('z', 'fine');
    const point = await damaging.backUp('full');
    const reader = await damaging.open(point.root.point);
    let runs = 0;
    const broken = new Proxy(reader, {
      get: (target, property) =>
        property === 'readRun'
          ? async (...args: Parameters<PointReader['readRun']>) => {
              runs += 1;
              const answers = await target.readRun(...args);
              return runs === 3
                ? answers.map(() => new StoredBytesDamagedError('a pack', 'for a test'))
                : answers;
            }
          : (Reflect.get(target, property, target) as unknown),
    });
    const uploads = new MemoryUploads();
    const target = new MemoryTarget(undefined, undefined, { uploads, bytes: partBytes });

    const outcome = await restoreRange(broken, {
      range: {},
      target,
      overwrite: 'never',
      fetch,
      remember: async () => Promise.resolve(),
    });

    expect(outcome).toMatchObject({
      files: 2,
      written: 1,
      failed: [{ path: 'large', name: 'StoredBytesDamagedError' }],
    });
    expect(uploads.open).toEqual([]);
  });
});

/** Goes on without faults from what a killed process left. */
async function resumed(calls: Calls): Promise<RestoreOutcome & Pick<Calls, 'target' | 'uploads'>> {
  calls.plan = new FaultPlan();
  const outcome = await calls.all();
  return { ...outcome, target: calls.target, uploads: calls.uploads };
}

describe('content that nobody wants', () => {
  test('is not read, when there is much of it', async () => {
    const large = new Harness('unwanted');
    large.source.plant('large', large.random.bytes(60_000_000));
    large.source.plant('z', 'wanted');
    const point = await large.backUp('full');
    const { store, take } = readBytesOf(large.store);
    const target = new MemoryTarget();
    target.deny('large');

    const outcome = await restoreRange(new PointReader(store, await large.keys(), point.root), {
      range: {},
      target,
      overwrite: 'never',
    });

    expect(outcome).toMatchObject({ files: 2, written: 1, failed: [{ path: 'large' }] });
    expect(take()).toBeLessThan(40_000_000);
  });
});
