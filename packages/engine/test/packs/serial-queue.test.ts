import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedCache } from '../../src/packs/bounded-cache.ts';
import { SerialQueue } from '../../src/packs/serial-queue.ts';

describe('a serial queue', () => {
  test('runs one work at a time, in order, and goes on after a failure', async () => {
    const queue = new SerialQueue();
    const log: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };

    const results = await Promise.allSettled([
      queue.run(work('a')),
      queue.run(work('b', true)),
      queue.run(() => 'c'),
    ]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('runs at once when it is idle, and again when it has become so', async () => {
    const queue = new SerialQueue();

    expect(queue.run(() => 1)).toBe(1);
    await queue.run(async () => Promise.resolve());
    await new Promise((resolve) => setImmediate(resolve));
    expect(queue.run(() => 2)).toBe(2);
  });
});

test('a bounded cache never weighs more than its limit and gives up what was used longest ago', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: fc.nat(9), weight: fc.integer({ min: 0, max: 6 }), put: fc.boolean() }), {
        maxLength: 50,
      }),
      (steps) => {
        const cache = new BoundedCache<number, number>(10);
        /** Used last at the end. */
        let model: { key: number; weight: number }[] = [];
        for (const { key, weight, put } of steps) {
          const known = model.find((item) => item.key === key);
          if (put) {
            cache.set(key, key, weight);
            model = [...model.filter((item) => item.key !== key), { key, weight }];
            while (model.reduce((sum, item) => sum + item.weight, 0) > 10) model.shift();
          } else {
            expect(cache.get(key)).toBe(known?.key);
            if (known !== undefined) model = [...model.filter((item) => item.key !== key), known];
          }
          expect(cache.weight).toBe(model.reduce((sum, item) => sum + item.weight, 0));
        }
      },
    ),
  );
});
