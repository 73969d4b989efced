/** The counters of a state. */
type CountersOf<State> = {
  readonly [Name in keyof State as State[Name] extends number ? Name : never]: number;
};

/** Adds what one call or part counted to what others did, counter by counter. What is no number stays as it was. */
export function addCounts<State extends object>(before: State, did: CountersOf<State>): State {
  const added = did as Readonly<Record<string, number>>;
  const sums = Object.entries(before).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'number' ? value + (added[name] ?? 0) : value,
  ]);
  return Object.fromEntries(sums) as State;
}
