/** How often things happen, each in ten-thousandths: of calls, or of days. */
export const chances = {
  crash: 4,
  before: 15,
  after: 15,
  late: 10,
  twice: 15,
  land: 500,
  stall: 10,
  run: 8_500,
  twoMaintainers: 2_000,
  hold: 1_200,
  release: 1_500,
  damage: 500,
  loseTables: 2,
  leaveUnfinished: 1_000,
} as const;

/** How many of everything happened. */
export interface WalkReport {
  days: number;
  calls: number;
  runs: number;
  committed: number;
  faults: number;
  crashes: number;
  stalls: number;
  lateCalls: number;
  refusals: number;
  holds: number;
  prolonged: number;
  tablesLost: number;
  restored: number;
}

/** A report of nothing. */
export function emptyReport(): WalkReport {
  return {
    days: 0,
    calls: 0,
    runs: 0,
    committed: 0,
    faults: 0,
    crashes: 0,
    stalls: 0,
    lateCalls: 0,
    refusals: 0,
    holds: 0,
    prolonged: 0,
    tablesLost: 0,
    restored: 0,
  };
}
