import type { PointChoice } from '@holdfast/engine';
import { parseTime } from '../terminal/parse-time.ts';

/** A point by the name of its resource: `photos@2026-11-23`, `photos@latest` or `photos@latest-clean`. */
export interface PointName {
  readonly resource: string;
  /** As it is written behind the `@`. */
  readonly which: string;
  /** Absent where that is neither a time nor one of the words. */
  readonly choice?: PointChoice;
}

export const pointNameForms = '@latest, @latest-clean, @2026-11-23 or @2026-11-23T02:00:00Z';

/** Takes a name apart at its last `@`, which may also be a part of the resource's own name. */
export function parsePointName(text: string): PointName | undefined {
  const at = text.lastIndexOf('@');
  if (at < 1) return undefined;
  const [resource, which] = [text.slice(0, at), text.slice(at + 1)];
  return { resource, which, choice: choiceOf(which) };
}

function choiceOf(which: string): PointChoice | undefined {
  if (which === 'latest') return {};
  if (which === 'latest-clean') return { isClean: true };
  const time = parseTime(which, 'end');
  return time && { time };
}

/** A choice in a sentence about a point that is not there: `has no clean point of 2026-11-23T23:59:59.999Z or before`. */
export function choiceText({ time, isClean = false }: PointChoice): string {
  return `${isClean ? 'clean ' : ''}point${time === undefined ? '' : ` of ${time.toISOString()} or before`}`;
}
