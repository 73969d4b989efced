import { expect, test } from 'vitest';
import { ShardQueue } from '../src/workers/shard-queue.ts';
import { startHere } from '../src/workers/start-here.ts';

const never = new Promise<never>(() => {});

async function* numbersTo(last: number): AsyncGenerator<number, void, undefined> {
  for (let at = 1; at <= last; at += 1) yield at;
}

test('does work that is over soon without the others', async () => {
  const done: number[] = [];

  await startHere(numbersTo(3), async (task) => void done.push(task), {
    patience: never,
    joinIn: async () => {
      throw new Error('nobody was to join in');
    },
  });

  expect(done).toEqual([1, 2, 3]);
});

test('shares the rest with others when patience has ended, and waits for its own part', async () => {
  const tasks = numbersTo(4);
  const first = Promise.withResolvers<void>();
  const [here, there]: [number[], number[]] = [[], []];

  await startHere(
    tasks,
    async (task) => {
      await first.promise;
      here.push(task);
    },
    {
      patience: Promise.resolve(),
      joinIn: async () => {
        for await (const task of tasks) there.push(task);
        first.resolve();
      },
    },
  );

  expect({ here, there }).toEqual({ here: [1], there: [2, 3, 4] });
});

test('ends the tasks of the others when its own part fails', async () => {
  const tasks = numbersTo(Infinity);
  const damaged = new Error('damaged');

  const run = startHere(tasks, async () => Promise.reject(damaged), {
    patience: Promise.resolve(),
    joinIn: async () => {
      for await (const task of tasks) void task;
    },
  });

  await expect(run).rejects.toBe(damaged);
});

test('fails as the others fail, after the task that it is at', async () => {
  const first = Promise.withResolvers<void>();
  const done: number[] = [];

  const run = startHere(
    numbersTo(2),
    async (task) => {
      await first.promise;
      done.push(task);
    },
    {
      patience: Promise.resolve(),
      joinIn: async () => {
        setImmediate(first.resolve);
        throw new Error('a worker died');
      },
    },
  );

  await expect(run).rejects.toThrow('a worker died');
  expect(done).toEqual([1]);
});

test('fails with a listing of its own that fails while the others wait for what follows', async () => {
  const tasks = new ShardQueue().shards();
  const vanished = new Error('the directory vanished');
  const waits = Promise.withResolvers<void>();

  const run = startHere(tasks, async () => waits.promise, {
    patience: Promise.resolve(),
    joinIn: async () => {
      const next = tasks.next();
      waits.reject(vanished);
      await next;
    },
  });

  await expect(run).rejects.toBe(vanished);
});

test('fails with a listing of the others that fails while its own part waits for what follows', async () => {
  const tasks = new ShardQueue().shards();
  await tasks.next();

  const run = startHere(tasks, async () => {}, {
    patience: Promise.resolve(),
    joinIn: async () => {
      await tasks.return();
      throw new Error('a worker died');
    },
  });

  await expect(run).rejects.toThrow('a worker died');
});
