/** Two calls at once; for every other `n` the second one goes first, as a double in memory does what it hears first. */
export async function bothWays<A, B>(
  n: number,
  one: () => Promise<A>,
  other: () => Promise<B>,
): Promise<[A, B]> {
  if (n % 2 === 0) return Promise.all([one(), other()]);
  const second = other();
  return Promise.all([one(), second]);
}
