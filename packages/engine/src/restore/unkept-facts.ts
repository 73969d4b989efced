import { type FactCount, FactCounts } from '../fact-counts.ts';
import type { UnkeptFact } from '../model/machines/restore-report.ts';

/** How many restored entries lack a fact, and one of them. */
export type UnkeptCount = FactCount<UnkeptFact>;

/** Counts facts that a target could not keep: nothing is changed in silence. */
export class UnkeptFacts extends FactCounts<UnkeptFact> {}
