import type { SharedName, SharedRecords } from '../ports/shared-records.ts';

/** Records in memory, which workers of one test share. */
export class MemorySharedRecords implements SharedRecords {
  readonly #records = new Map<SharedName, { readonly record: object; readonly version: number }>();
  /** Times that records were read or replaced. */
  requests = 0;

  async find(name: SharedName): Promise<{ readonly record: unknown; readonly version: number } | undefined> {
    this.requests += 1;
    await Promise.resolve();
    return this.#records.get(name);
  }

  async replace(
    name: SharedName,
    version: number | undefined,
    record: object,
  ): Promise<'replaced' | 'changed'> {
    this.requests += 1;
    await Promise.resolve();
    if (this.#records.get(name)?.version !== version) return 'changed';
    this.#records.set(name, { record: structuredClone(record), version: (version ?? 0) + 1 });
    return 'replaced';
  }
}
