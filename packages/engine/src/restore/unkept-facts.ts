import { type FactCount, FactCounts } from '../fact-counts.ts';

/**
 * A fact of an entry that a target cannot hold as the point has it. `set-id`: the set-user-id and set-group-id bits;
 * `time`: of modification; `headers`: those of an object's content.
 */
export type UnkeptFact =
  | 'mode'
  | 'set-id'
  | 'owner'
  | 'time'
  | 'headers'
  | 'metadata'
  | 'tags'
  | 'storage-class';

/** How many restored entries lack a fact, and one of them. */
export type UnkeptCount = FactCount<UnkeptFact>;

/** Counts facts that a target could not keep: nothing is changed in silence. */
export class UnkeptFacts extends FactCounts<UnkeptFact> {}
