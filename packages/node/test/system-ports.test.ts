import { expect, test, vi } from 'vitest';

import { systemClock, systemRandom } from '../src/index.ts';

test('tells the time of this machine, and durations that only grow', () => {
  const before = Date.now();
  const now = systemClock.now().getTime();
  const started = systemClock.elapsedMs();

  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
  expect(systemClock.elapsedMs()).toBeGreaterThanOrEqual(started);
});

test('sleeps for as long as it is asked to', async () => {
  vi.useFakeTimers();
  try {
    let awake = false;
    const sleeping = systemClock.sleep(60_000).then(() => (awake = true));

    await vi.advanceTimersByTimeAsync(59_999);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await sleeping;

    expect(awake).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('wakes with the reason of the signal, and leaves no timer behind', async () => {
  vi.useFakeTimers();
  try {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(new RangeError('enough'));

    await expect(sleeping).rejects.toThrow('enough');
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toThrow('enough');
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('gives as many random bytes as it is asked for, never the same', () => {
  const one = systemRandom.bytes(32);

  expect(one).toHaveLength(32);
  expect(one).not.toEqual(systemRandom.bytes(32));
  expect(systemRandom.bytes(0)).toHaveLength(0);
});
