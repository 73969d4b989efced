import type { FoundResource, RecordedQuote, ResourceArn, ResourceRow, Resources } from '@holdfast/engine';
import { indexKeys, resourceCodec, rowKeys } from './dynamo-items.ts';
import type { DynamoTable } from './dynamo-table.ts';

export class DynamoResources implements Resources {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async put({ arn, kind, plan, partOf, problem, seenAt, tags }: FoundResource): Promise<void> {
    const row = { arn, kind, plan, partOf, problem, seenAt, tags };
    await this.#table.update({
      key: rowKeys.resource(arn),
      set: { ...resourceCodec.encode(row), ...indexKeys.resource(arn) },
      remove: (['partOf', 'problem', 'tags'] as const).filter((name) => row[name] === undefined),
    });
  }

  async find(arn: ResourceArn): Promise<ResourceRow | undefined> {
    const item = await this.#table.find(rowKeys.resource(arn));
    // An item of `last…` fields alone belongs to a resource that discovery has not seen, or that was removed.
    return item?.['arn'] === undefined ? undefined : resourceCodec.decode(item);
  }

  async *list(startAfter?: ResourceArn): AsyncIterable<ResourceRow> {
    const from = startAfter ?? 'arn:';
    for await (const item of this.#table.query({ index: 'GSI1', partition: 'RESOURCES', from, to: 'arn;' })) {
      const row = resourceCodec.decode(item);
      // DynamoDB's ranges include both of their ends.
      if (row.arn !== startAfter) yield row;
    }
  }

  async noteQuote(arn: ResourceArn, quote: RecordedQuote): Promise<void> {
    await this.#table.update({ key: rowKeys.resource(arn), set: resourceCodec.encode({ quote }) });
  }

  async remove(arn: ResourceArn): Promise<void> {
    await this.#table.remove(rowKeys.resource(arn));
  }
}
