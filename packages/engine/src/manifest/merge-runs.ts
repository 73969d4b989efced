/**
 * Merges sorted runs into one sorted sequence and combines items that compare equal. Holds one item a run.
 * @param runs - each ascending by `compare`; items of one run may be equal.
 * @param combine - makes one item of two that are equal, the one from the earlier run first.
 */
export async function* mergeRuns<Item>(
  runs: readonly (Iterable<Item> | AsyncIterable<Item>)[],
  compare: (a: Item, b: Item) => number,
  combine: (a: Item, b: Item) => Item,
): AsyncGenerator<Item> {
  const iterators = runs.map((run) => iteratorOf(run));
  const order = (a: Head<Item>, b: Head<Item>): number => compare(a.item, b.item) || a.run - b.run;
  const heap: Head<Item>[] = [];
  try {
    for (let from = 0; from < iterators.length; from += startsAtOnce) {
      const started = iterators
        .slice(from, from + startsAtOnce)
        .map((iterator, at) => pull(iterator, from + at));
      for (const head of await Promise.all(started)) if (head !== undefined) push(heap, head, order);
    }
    let [current] = heap;
    if (current === undefined) return;
    let item = current.item;
    await replaceTop(heap, iterators, order);
    for ([current] = heap; current !== undefined; [current] = heap) {
      if (compare(item, current.item) === 0) {
        item = combine(item, current.item);
      } else {
        yield item;
        item = current.item;
      }
      await replaceTop(heap, iterators, order);
    }
    yield item;
  } finally {
    await Promise.allSettled(iterators.map(async (iterator) => iterator.return?.()));
  }
}

/** Runs whose first item is read at the same time. */
const startsAtOnce = 16;

interface Head<Item> {
  readonly item: Item;
  readonly run: number;
}

type AnyIterator<Item> = Iterator<Item> | AsyncIterator<Item>;
type Order<Item> = (a: Head<Item>, b: Head<Item>) => number;

function iteratorOf<Item>(run: Iterable<Item> | AsyncIterable<Item>): AnyIterator<Item> {
  return Symbol.asyncIterator in run ? run[Symbol.asyncIterator]() : run[Symbol.iterator]();
}

async function pull<Item>(iterator: AnyIterator<Item>, run: number): Promise<Head<Item> | undefined> {
  const result = await iterator.next();
  return result.done === true ? undefined : { item: result.value, run };
}

/** Puts the next item of the run that the least item came from in its place. */
async function replaceTop<Item>(
  heap: Head<Item>[],
  iterators: readonly AnyIterator<Item>[],
  order: Order<Item>,
): Promise<void> {
  const [top] = heap;
  const iterator = top && iterators[top.run];
  const next = iterator && (await pull(iterator, top.run));
  const moved = next ?? heap.pop();
  if (moved !== undefined && (next !== undefined || heap.length > 0)) sink(heap, moved, order);
}

function push<Item>(heap: Head<Item>[], head: Head<Item>, order: Order<Item>): void {
  let at = heap.push(head) - 1;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || order(parent, head) <= 0) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = head;
}

/** Puts an item at the top and lets it sink to its place. */
function sink<Item>(heap: Head<Item>[], head: Head<Item>, order: Order<Item>): void {
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    if (left === undefined) break;
    const right = heap[2 * at + 2];
    const useRight = right !== undefined && order(right, left) < 0;
    const child = useRight ? right : left;
    if (order(head, child) <= 0) break;
    heap[at] = child;
    at = 2 * at + (useRight ? 2 : 1);
  }
  heap[at] = head;
}
