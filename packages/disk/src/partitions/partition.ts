/** A stretch of a disk that its table names. */
export interface Partition {
  /** As Linux counts them: logical partitions of an MBR begin at 5. */
  readonly number: number;
  readonly offset: number;
  /** What of it is on the disk. */
  readonly bytes: number;
  /** A GUID of GPT, or two hexadecimal digits of an MBR. */
  readonly type: string;
  /** Of GPT; empty in an MBR. */
  readonly name: string;
  /** Of GPT; absent in an MBR. */
  readonly uuid: string | undefined;
}

export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr';
  readonly sectorBytes: number;
  readonly partitions: readonly Partition[];
  /** What is not right with the table, but did not keep it from being read. */
  readonly notices: readonly string[];
}
