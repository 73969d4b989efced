import { DiskDamagedError } from '../errors.ts';
import { concatenated } from '../source/concatenated.ts';
import { Fields } from '../source/fields.ts';
import type { LogRecord } from './xfs-log-records.ts';

const operationBytes = 12;
const transactionHeaderBytes = 16;
const flags = { start: 1, commit: 2, continues: 4, wasContinued: 8, end: 16, unmount: 32 } as const;

/** A change that was committed, as it is logged: pieces of which the first says what it is. */
export interface LogItem {
  readonly type: number;
  /** The record that its transaction began in. A block or inode that has a later one is newer than the change. */
  readonly lsn: bigint;
  readonly pieces: readonly Uint8Array[];
}

interface OpenItem {
  /** The number of pieces that it says it has. */
  readonly total: number;
  /** Each in the parts that it is logged in. */
  readonly pieces: Uint8Array[][];
}

interface Transaction {
  readonly lsn: bigint;
  hasHeader: boolean;
  readonly items: OpenItem[];
}

/**
 * Changes of transactions that were committed, transaction by transaction.
 * @throws {@link DiskDamagedError} records do not fit together.
 */
export function* listCommitted(records: readonly LogRecord[]): Generator<readonly LogItem[]> {
  const open = new Map<number, Transaction>();
  for (const { lsn, operations, content } of records) {
    const fields = new Fields(content, 'a record of the log', 'big');
    let at = 0;
    for (let operation = 0; operation < operations; operation += 1) {
      const [id, length, flag] = [fields.u32(at), fields.u32(at + 4), fields.u8(at + 9)];
      const piece = fields.slice(at + operationBytes, length);
      at += operationBytes + length;
      const transaction = open.get(id);
      if (transaction === undefined) {
        // Others began before all that has to be replayed.
        if ((flag & flags.start) !== 0) open.set(id, { lsn, hasHeader: false, items: [] });
      } else if ((flag & (flags.commit | flags.unmount)) !== 0) {
        open.delete(id);
        if ((flag & flags.commit) !== 0) yield itemsOf(transaction);
      } else if ((flag & flags.start) !== 0) throw damaged('begins a transaction twice');
      else if (piece.length > 0) addPiece(transaction, piece, (flag & flags.wasContinued) !== 0);
    }
  }
}

function addPiece(transaction: Transaction, piece: Uint8Array, isRest: boolean): void {
  const { items } = transaction;
  if (!transaction.hasHeader) {
    // It comes in two parts where a record ended in it.
    if (piece.length > transactionHeaderBytes) throw damaged('has a transaction without a header');
    transaction.hasHeader = isRest || piece.length === transactionHeaderBytes;
    return;
  }
  const item = items.at(-1);
  if (isRest) {
    const last = item?.pieces.at(-1);
    if (last === undefined) throw damaged('goes on with what did not begin');
    last.push(piece);
    return;
  }
  if (item === undefined || item.pieces.length === item.total)
    items.push({ total: new Fields(piece, 'a change in the log').u16(2), pieces: [[piece]] });
  else item.pieces.push([piece]);
}

function itemsOf({ lsn, items }: Transaction): readonly LogItem[] {
  return items.map(({ total, pieces: logged }) => {
    const pieces = logged.map(joined);
    const [first = new Uint8Array()] = pieces;
    if (pieces.length !== total) throw damaged(`has ${pieces.length} of ${total} pieces of a change`);
    return { type: new Fields(first, 'a change in the log').u16(0), lsn, pieces };
  });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : concatenated(parts);
}

function damaged(what: string): DiskDamagedError {
  return new DiskDamagedError(`the log of XFS ${what}`);
}
