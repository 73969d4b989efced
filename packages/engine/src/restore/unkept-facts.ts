import { type FactCount, FactCounts } from '../fact-counts.ts';
import type { UnkeptFact } from '../model/machines/restore-report.ts';

export type UnkeptCount = FactCount<UnkeptFact>;

/** Counts facts that a target could not keep: nothing is changed in silence. */
export class UnkeptFacts extends FactCounts<UnkeptFact> {}
