import { distance } from 'fastest-levenshtein';

/** The name that was probably meant: it differs in no more than a third of its letters. */
export function findNearest(word: string, names: Iterable<string>): string | undefined {
  let nearest: { readonly name: string; readonly far: number } | undefined;
  for (const name of names) {
    const far = distance(word, name);
    if (far <= name.length / 3 && far < (nearest?.far ?? Infinity)) nearest = { name, far };
  }
  return nearest?.name;
}
