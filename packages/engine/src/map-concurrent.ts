/**
 * Applies `work` to items with at most `limit` running at once and yields the results in the order of the items.
 * The first failure ends the iteration; work that was started is left to settle.
 * Memory: at most `limit` items and results.
 */
export async function* mapConcurrent<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // A later item may fail before an earlier one is awaited; without this it would be an unhandled rejection.
    result.catch(() => {});
    running.push(result);
    if (running.length >= limit) yield await (running.shift() as Promise<Result>);
  }
  for (const result of running) yield await result;
}

/** Applies `work` to every item with at most `limit` running at once, and waits for all of them. */
export async function forEachConcurrent<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for await (const _ of mapConcurrent(items, limit, work));
}
