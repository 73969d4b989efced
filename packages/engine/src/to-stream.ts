export async function* toStream<Item>(items: readonly Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items;
}
