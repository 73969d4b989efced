import {
  type Condition,
  decisionsMost,
  type FieldTest,
  meets,
  type Rows,
  rowsChanged,
  type TransitionStep,
  type Transition,
} from '@holdfast/engine';
import type { Item } from './dynamo-batches.ts';
import type { RowCodec, RowKey } from './dynamo-items.ts';
import type { DynamoTable, ItemChange } from './dynamo-table.ts';

export interface RowKind<Row> {
  readonly codec: RowCodec<Row>;
  keyOf(id: string): RowKey;
  /** An absent row counts as one without fields, and its first change makes it. @default false */
  readonly isOptional?: boolean;
  /** Index keys that follow from a field: they come, change and go with it, in the same write. */
  readonly indexed: {
    readonly [Field in keyof Row & string]?: (id: string, value: NonNullable<Row[Field]>) => Item;
  };
}

/**
 * Rows of one kind in a DynamoDB table. Each step of a transition is one conditional write, whose condition is made
 * of the step's own data; a refusal is explained by a read.
 */
export class DynamoRows<Row extends object> implements Rows<Row> {
  protected readonly table: DynamoTable;
  protected readonly kind: RowKind<Row>;

  constructor(table: DynamoTable, kind: RowKind<Row>) {
    this.table = table;
    this.kind = kind;
  }

  async find(id: string): Promise<Row | undefined> {
    const key = await this.locate(id);
    return key && this.#read(key);
  }

  async insert(id: string, row: Row): Promise<'inserted' | 'taken'> {
    const verdict = await this.table.put(this.itemOf(id, row), { when: 'attribute_not_exists(#PK)' });
    return verdict === 'refused' ? 'taken' : 'inserted';
  }

  async change<Outcome>(id: string, { steps, outcome }: Transition<Row, Outcome>): Promise<Outcome> {
    const key = await this.locate(id);
    if (key === undefined) return outcome(undefined);
    let [step] = steps;
    if (step === undefined) return outcome(await this.#read(key));
    for (let decision = 0; decision < decisionsMost; decision++) {
      const item = await this.table.update(this.changeOf(id, key, step));
      if (item !== 'refused') return outcome(this.kind.codec.decode(item));
      const row = (await this.#read(key)) ?? (this.kind.isOptional === true ? ({} as Row) : undefined);
      // A step that holds of the row was refused, so the row has changed meanwhile: the step is tried again.
      step = row && steps.find(({ when }) => meets(when, row));
      if (step === undefined) return outcome(row);
    }
    throw rowsChanged(key.PK);
  }

  async remove(id: string, when?: Condition<Row>): Promise<void> {
    await this.table.remove(this.kind.keyOf(id), when && conditionOf(when));
  }

  protected async locate(id: string): Promise<RowKey | undefined> {
    return Promise.resolve(this.kind.keyOf(id));
  }

  protected itemOf(id: string, row: Row, key = this.kind.keyOf(id)): Item & RowKey {
    return { ...key, ...this.#indexKeys(id, row), ...this.kind.codec.encode(row) };
  }

  protected changeOf(id: string, key: RowKey, { when, change }: TransitionStep<Row>): ItemChange {
    const { set = {}, unset = [], addHolds = [], takeHold } = change;
    const held = addHolds.length === 0 ? {} : { holds: addHolds };
    return {
      key,
      set: { ...this.kind.codec.encode(set), ...this.#indexKeys(id, { ...set, ...held }) },
      remove: unset.flatMap((field) => [field, ...Object.keys(this.#indexKeys(id, { [field]: '' }))]),
      ...(addHolds.length > 0 && { add: { holds: new Set(addHolds) } }),
      ...(takeHold !== undefined && { take: { holds: new Set([takeHold]) } }),
      ...conditionOf(when, this.kind.isOptional),
    };
  }

  async #read(key: RowKey): Promise<Row | undefined> {
    const item = await this.table.find(key);
    return item && this.kind.codec.decode(item);
  }

  #indexKeys(id: string, fields: object): Item {
    const keys = Object.entries<((id: string, value: never) => Item) | undefined>(this.kind.indexed).map(
      ([field, keysOf]) => {
        const value: unknown = Reflect.get(fields, field);
        return value === undefined || keysOf === undefined ? {} : keysOf(id, value as never);
      },
    );
    return Object.assign({}, ...keys) as Item;
  }
}

/** A condition as DynamoDB reads it: the row is there, unless it is optional, and all tests hold. */
export function conditionOf<Row>(
  when: Condition<Row>,
  isOptional = false,
): { readonly when: string; readonly values: Item } {
  const tests = Object.entries<FieldTest<unknown> | undefined>(when).flatMap(([field, test]) =>
    test === undefined ? [] : [testOf(field, test)],
  );
  return {
    when: [...(isOptional ? [] : ['attribute_exists(#PK)']), ...tests.map(({ text }) => text)].join(' AND '),
    values: Object.fromEntries(
      tests.flatMap(({ operands }) =>
        Object.entries(operands).map(([name, value]) => [name, attributeOf(value)]),
      ),
    ),
  };
}

function attributeOf(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? new Set(value) : value;
}

/** A test as text, and the values that it refers to, by their names in DynamoDB without the colon. */
function testOf(field: string, test: FieldTest<unknown>): { readonly text: string; readonly operands: Item } {
  const name = `when_${field}`;
  switch (test.kind) {
    case 'absent':
      return { text: `attribute_not_exists(#${field})`, operands: {} };
    case 'one-of': {
      const names = test.values.map((_, index) => `${name}_${index}`);
      const text = `#${field} IN (${names.map((one) => `:${one}`).join(', ')})`;
      return { text, operands: Object.fromEntries(names.map((one, index) => [one, test.values[index]])) };
    }
    case 'below':
    case 'at-most':
    case 'above':
    case 'at-least':
      return { text: `#${field} ${comparators[test.kind]} :${name}`, operands: { [name]: test.bound } };
    case 'only':
      return { text: `#${field} = :${name}`, operands: { [name]: [test.member] } };
    case 'among-others':
      return {
        text: `contains(#${field}, :${name}_member) AND #${field} <> :${name}`,
        operands: { [name]: [test.member], [`${name}_member`]: test.member },
      };
  }
}

const comparators = { below: '<', 'at-most': '<=', above: '>', 'at-least': '>=' } as const;
