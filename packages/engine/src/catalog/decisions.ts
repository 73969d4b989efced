import { CatalogConflictError } from '../errors.ts';

/** Most attempts at a decision, which is taken anew when the rows changed while it was taken. */
export const decisionsMost = 10;

export function rowsChanged(what: string): CatalogConflictError {
  return new CatalogConflictError(
    `the rows of ${what} changed ${decisionsMost} times meanwhile; try again later`,
  );
}
