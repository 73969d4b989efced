import { meets, type Condition, type FieldTest, type HoldId } from '@holdfast/engine';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { conditionOf } from '../src/catalog/dynamo-rows.ts';

interface Row {
  readonly id: string;
  readonly until?: Date;
  readonly state?: string;
  readonly holds?: readonly HoldId[];
}

const until = fc.integer({ min: 0, max: 3 }).map((day) => new Date(Date.UTC(2026, 0, 1 + day)));
const state = fc.constantFrom('writing', 'live', 'deleting');
const holdId = fc.constantFrom('h1', 'h2', 'h3') as fc.Arbitrary<HoldId>;
const row: fc.Arbitrary<Row> = fc.record(
  { id: fc.constant('1'), until, state, holds: fc.uniqueArray(holdId, { minLength: 1 }) },
  { requiredKeys: ['id'] },
);
const absent = fc.constant({ kind: 'absent' as const });
const timeTest = fc.oneof(
  absent,
  fc.record({ kind: fc.constantFrom('below', 'at-most', 'above', 'at-least'), bound: until }),
) as fc.Arbitrary<FieldTest<Date>>;
const stateTest = fc.oneof(
  absent,
  fc.record({ kind: fc.constant('one-of'), values: fc.uniqueArray(state, { minLength: 1 }) }),
) as fc.Arbitrary<FieldTest<string>>;
const holdsTest = fc.oneof(
  absent,
  fc.record({ kind: fc.constantFrom('only', 'among-others'), member: holdId }),
) as fc.Arbitrary<FieldTest<readonly HoldId[]>>;
const when: fc.Arbitrary<Condition<Row>> = fc.record(
  { until: timeTest, state: stateTest, holds: holdsTest },
  { requiredKeys: [] },
);

test('a condition means to DynamoDB what it means to a catalog that has the row before it', () => {
  fc.assert(
    fc.property(row, when, (one, condition) => {
      expect(evaluate(conditionOf(condition), one)).toBe(meets(condition, one));
    }),
    { numRuns: 2000 },
  );
});

/** What DynamoDB says of a condition, as far as the catalog uses its language. */
function evaluate(
  { when: text, values }: { readonly when: string; readonly values: Record<string, unknown> },
  { id, ...fields }: Row,
): boolean {
  const item: Record<string, unknown> = {
    PK: id,
    ...fields,
    ...(fields.until && { until: fields.until.toISOString() }),
    ...(fields.holds && { holds: new Set(fields.holds) }),
  };
  return text.split(' AND ').every((term) => {
    const [, call, name = '', operand = ''] = /^(\w+)\(#(\w+)(?:, :(\w+))?\)$/.exec(term) ?? [];
    if (call === 'attribute_exists') return item[name] !== undefined;
    if (call === 'attribute_not_exists') return item[name] === undefined;
    if (call === 'contains')
      return (item[name] as ReadonlySet<unknown> | undefined)?.has(values[operand]) ?? false;
    const [, field = '', comparator, list = ''] = /^#(\w+) (IN|[<>=]+) (.+)$/.exec(term) ?? [];
    const operands = [...list.matchAll(/:(\w+)/g)].map(([, one = '']) => values[one]);
    return compare(comparator, item[field], operands);
  });
}

function compare(comparator: string | undefined, value: unknown, operands: readonly unknown[]): boolean {
  const [first] = operands;
  // Of an attribute that is absent, only that it differs is true.
  if (value === undefined) return comparator === '<>';
  if (value instanceof Set && first instanceof Set) {
    const isSame = value.size === first.size && value.isSubsetOf(first);
    return comparator === '=' ? isSame : !isSame;
  }
  const [a, b] = [value as string, first as string];
  switch (comparator) {
    case 'IN':
      return operands.includes(value);
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    default:
      throw new Error(`the test knows no ${comparator}`);
  }
}
