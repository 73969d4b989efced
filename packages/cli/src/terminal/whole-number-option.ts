import { UsageError } from './errors.ts';

/** What a number of an option stands for, and between which it may be; both included. */
export interface WholeNumberBounds {
  readonly unit: string;
  readonly least: number;
  readonly most: number;
}

/**
 * A whole number that a person wrote.
 * @throws {@link UsageError} it is none, or out of bounds.
 */
export function wholeNumberOption(
  option: string,
  text: string,
  { unit, least, most }: WholeNumberBounds,
): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number >= least && number <= most) return number;
  throw new UsageError(
    `--${option} "${text}" is not a number of ${unit}; write one from ${least} to ${most}`,
  );
}

/** `--limit`: how many rows to print. @default all that `standard` says */
export function limitOption(text: string | undefined, standard: number): number {
  return text === undefined
    ? standard
    : wholeNumberOption('limit', text, { unit: 'rows', least: 1, most: 999_999_999 });
}
