/** A stretch of a disk that its table names. */
export interface Partition {
  /** As Linux counts them: logical partitions of an MBR begin at 5. */
  readonly number: number;
  readonly offset: number;
  /** The size of the part that is on the disk. */
  readonly bytes: number;
  /** A GUID of GPT, or two hexadecimal digits of an MBR. */
  readonly type: string;
  /** The name that GPT has; empty in an MBR. */
  readonly name: string;
  /** As Linux calls it in `PARTUUID`: the GUID that GPT has, or the disk's signature and the number; absent without one. */
  readonly uuid: string | undefined;
}

export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr';
  readonly sectorBytes: number;
  readonly partitions: readonly Partition[];
  /** Faults of the table that did not keep it from being read. */
  readonly notices: readonly string[];
}
