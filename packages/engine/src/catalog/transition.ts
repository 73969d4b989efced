import type { HoldId } from '../ids.ts';

/** A statement about one field of a row. A field that is absent is neither below nor above anything. */
export type FieldTest<Value> =
  | { readonly kind: 'one-of'; readonly values: readonly Value[] }
  | { readonly kind: 'absent' }
  | { readonly kind: 'below' | 'at-most' | 'above' | 'at-least'; readonly bound: Value }
  /** A set that has this member and no other, or others as well. */
  | { readonly kind: 'only' | 'among-others'; readonly member: HoldId };

/** All its tests have to pass, and the row has to be there. */
export type Condition<Row> = { readonly [Field in keyof Row]?: FieldTest<NonNullable<Row[Field]>> };

export interface RowChange<Row> {
  /** A value that is undefined leaves its field as it is. */
  readonly set?: Partial<Row>;
  readonly unset?: readonly (keyof Row & string)[];
  readonly addHolds?: readonly HoldId[];
  readonly takeHold?: HoldId;
}

/** A change and its condition, tested and made in one atomic step. */
export interface TransitionStep<Row> {
  readonly when: Condition<Row>;
  readonly change: RowChange<Row>;
}

/**
 * A row's way from one state to another, as data: a catalog that can only write under a condition makes that condition
 * of it, one that has the row before it asks {@link takeStep}. So both decide alike.
 */
export interface Transition<Row, Outcome> {
  /** Their conditions exclude one another. None at all: the row is only looked at. */
  readonly steps: readonly TransitionStep<Row>[];
  /** Makes the answer to the caller from the row as it is afterwards, after a step or none. */
  readonly outcome: (row: Row | undefined) => Outcome;
}

export const absent = { kind: 'absent' } as const;

export function oneOf<Value>(...values: readonly Value[]): FieldTest<Value> {
  return { kind: 'one-of', values };
}

export function below<Value>(bound: Value): FieldTest<Value> {
  return { kind: 'below', bound };
}

export function atMost<Value>(bound: Value): FieldTest<Value> {
  return { kind: 'at-most', bound };
}

export function above<Value>(bound: Value): FieldTest<Value> {
  return { kind: 'above', bound };
}

export function atLeast<Value>(bound: Value): FieldTest<Value> {
  return { kind: 'at-least', bound };
}

export function meets<Row extends object>(when: Condition<Row>, row: Row): boolean {
  return Object.entries<FieldTest<unknown> | undefined>(when).every(
    ([field, test]) => test === undefined || passes(test, Reflect.get(row, field)),
  );
}

/** The row after the first step whose condition holds; the same object where there is none. */
export function takeStep<Row extends object>(row: Row, steps: readonly TransitionStep<Row>[]): Row {
  const step = steps.find(({ when }) => meets(when, row));
  return step === undefined ? row : applyChange(row, step.change);
}

/** Drops fields that are undefined, which a spread would write over those of a row. */
export function definedOnly<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}

function applyChange<Row extends object>(
  row: Row,
  { set, unset = [], addHolds, takeHold }: RowChange<Row>,
): Row {
  const fields = { ...row, ...definedOnly(set ?? {}) } as Record<string, unknown>;
  const holds = (fields['holds'] ?? []) as readonly HoldId[];
  if (addHolds !== undefined && addHolds.length > 0)
    fields['holds'] = [...new Set([...holds, ...addHolds])].sort();
  if (takeHold !== undefined) fields['holds'] = holds.filter((hold) => hold !== takeHold);
  for (const field of unset) delete fields[field];
  return fields as Row;
}

function passes(test: FieldTest<unknown>, value: unknown): boolean {
  if (test.kind === 'absent') return value === undefined;
  if (value === undefined) return false;
  switch (test.kind) {
    case 'one-of':
      return test.values.some((wanted) => order(value, wanted) === 0);
    case 'below':
      return order(value, test.bound) < 0;
    case 'at-most':
      return order(value, test.bound) <= 0;
    case 'above':
      return order(value, test.bound) > 0;
    case 'at-least':
      return order(value, test.bound) >= 0;
    case 'only':
      return membersOf(value).has(test.member) && membersOf(value).size === 1;
    case 'among-others':
      return membersOf(value).has(test.member) && membersOf(value).size > 1;
  }
}

function membersOf(value: unknown): ReadonlySet<HoldId> {
  return new Set(value as readonly HoldId[]);
}

/** Dates by their time, texts by their code units. */
function order(value: unknown, other: unknown): number {
  const [a, b] = [comparable(value), comparable(other)];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function comparable(value: unknown): number | string {
  return value instanceof Date ? value.getTime() : (value as number | string);
}
