import { CatalogConflictError } from '../errors.ts';

/** How often a decision is taken anew because the rows changed while it was taken. */
export const decisionsMost = 10;

/** Others were faster, every time. */
export function rowsChanged(what: string): CatalogConflictError {
  return new CatalogConflictError(
    `the rows of ${what} changed ${decisionsMost} times meanwhile; try again later`,
  );
}
