type CountersOf<State> = {
  readonly [Name in keyof State as State[Name] extends number ? Name : never]: number;
};

/** Adds the counters of one call or part to those of others. Fields that are no numbers stay as they were before. */
export function addCounts<State extends object>(before: State, did: CountersOf<State>): State {
  const added = did as Readonly<Record<string, number>>;
  const sums = Object.entries(before).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'number' ? value + (added[name] ?? 0) : value,
  ]);
  return Object.fromEntries(sums) as State;
}
