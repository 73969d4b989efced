/** Names of the records in which all workers of a deployment share rates of calls, and turns. */
export type SharedName = 'read-block' | 'write-block' | 'copy-images';

/**
 * Small records that are lost without harm. An adapter has to prove that of several callers who replace the same record
 * one succeeds.
 */
export interface SharedRecords {
  /** @returns the record, plain JSON, and a token for what it was when it was read; `undefined` before the first. */
  find(name: SharedName): Promise<{ readonly record: unknown; readonly version: number } | undefined>;
  /**
   * Replaces a record. After a failure it may have happened.
   * @param version - of the record as it was read. @returns `changed` when it is another one by now.
   */
  replace(name: SharedName, version: number | undefined, record: object): Promise<'replaced' | 'changed'>;
}
