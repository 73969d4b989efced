/**
 * Retention classes, the shortest first, by the most days that their plans keep points. Packs of chunks carry theirs
 * in their name.
 */
export const mostDaysOfClass = { short: 14, standard: 100, long: Number.POSITIVE_INFINITY } as const;
export type RetentionClass = keyof typeof mostDaysOfClass;
export const retentionClasses = Object.keys(mostDaysOfClass) as readonly RetentionClass[];

/** The class of points that are kept for so many days: packs of neighbours in time lie together and die together. */
export function retentionClassOf(keepDays: number): RetentionClass {
  return retentionClasses.find((name) => keepDays <= mostDaysOfClass[name]) ?? 'long';
}

/**
 * Tells whether a run of one class may lease a pack of another: never one of a shorter class, because the vault's
 * policy caps the locks of each. Classes that are not known by name are leased by their own runs only.
 */
export function mayLeaseClass(ofRun: string, ofPack: string): boolean {
  const names: readonly string[] = retentionClasses;
  const [run, pack] = [names.indexOf(ofRun), names.indexOf(ofPack)];
  return ofRun === ofPack || (run !== -1 && pack > run);
}
