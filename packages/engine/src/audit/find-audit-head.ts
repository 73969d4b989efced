import type { ObjectStore } from '../ports/object-store.ts';
import { ifThere } from '../if-there.ts';
import {
  auditChainPrefix,
  auditEntryName,
  auditEntryNumber,
  auditHash,
  decodeAuditEntry,
  ifReadable,
} from './audit-entry.ts';

/** Entries that may be missing before one that is still taken for the end of its chain. */
const mostMissing = 1_000;
/** Entries that are read in their order before the search looks ahead: the names in one answer of S3. */
export const entriesInOrder = 1_000;
/**
 * The greatest number that the search looks ahead to. What lies behind is read in its order, so that whoever puts objects
 * where the search looks, some dozens of them, leaves room for more than five thousand million entries.
 */
const farthestLook = entriesInOrder * 2 ** 22;

/** The last entry of a chain. */
export interface AuditHead {
  readonly n: number;
  readonly sha256: string;
  /** Empty where the object of that name is no entry. */
  readonly id: string;
}

type ReadableStore = Pick<ObjectStore, 'get' | 'listVersions'>;

interface Followed {
  /** Number of the last entry that was read. */
  readonly last: number;
  /** No entry is within reach behind it. */
  readonly ended: boolean;
}

/**
 * Finds the last entry of a chain. Costs a listing of up to 1,000 entries; of a longer chain two of them, and a listing
 * of one name for each time that its length, in thousands, is doubled and halved again.
 *
 * What others put there must not stop those who write the log, and is for `audit verify` to report: the entry after an
 * unreadable one names the hash of its bytes; objects that cannot be entries for their names are passed over.
 * The head always is an object behind which {@link mostMissing} numbers are free. It is the first such one, so that what
 * lies beyond is passed over, unless the chain has {@link entriesInOrder} entries and somebody put objects under the very
 * numbers that the search looks at: then it can be one of those, up to {@link farthestLook}.
 * @param after - an entry that is known to exist, so that the search begins behind it: it may end before such an object.
 */
export async function findAuditHead(
  store: ReadableStore,
  chain: string,
  after?: AuditHead,
): Promise<AuditHead | undefined> {
  const known = after?.n ?? 0;
  let { last, ended } = await followEntries(store, chain, known);
  /** A number behind the last entry that none has. */
  let free: number | undefined;
  while (!ended) {
    // The chain goes on behind a hole.
    if (free !== undefined && free <= last) free = undefined;
    const ahead = numberAhead(last, free);
    if (ahead === undefined) ({ last, ended } = await followEntries(store, chain, last));
    else if (await hasEntry(store, chain, ahead)) last = ahead;
    else free = ahead;
  }
  return last === known ? after : findEntry(store, chain, last);
}

/** Finds an entry by its number. */
export async function findEntry(
  store: ReadableStore,
  chain: string,
  n: number,
): Promise<AuditHead | undefined> {
  const name = auditEntryName(chain, n);
  // The oldest version: a second one under the name is somebody's forgery, which `audit verify` reports.
  const bytes = await ifThere(store.get(name));
  const entry = bytes && ifReadable(() => decodeAuditEntry(bytes, name));
  return bytes && { n, sha256: auditHash(bytes), id: entry?.id ?? '' };
}

/** @returns `undefined` where entries are to be read in their order. */
function numberAhead(last: number, free: number | undefined): number | undefined {
  if (free !== undefined) return free - last <= entriesInOrder ? undefined : Math.floor((last + free) / 2);
  let ahead = entriesInOrder;
  while (ahead <= last) ahead *= 2;
  return ahead > farthestLook ? undefined : ahead;
}

async function hasEntry(store: ReadableStore, chain: string, n: number): Promise<boolean> {
  const name = auditEntryName(chain, n);
  // A name comes before all others that begin with it.
  for await (const first of store.listVersions(name)) return first.name === name;
  return false;
}

/** Reads entries in their order, up to the chain's end or as many as one answer has. */
async function followEntries(store: ReadableStore, chain: string, from: number): Promise<Followed> {
  const startAfter = from === 0 ? undefined : auditEntryName(chain, from);
  let last = from;
  let entries = 0;
  for await (const { name } of store.listVersions(auditChainPrefix(chain), { startAfter })) {
    const n = auditEntryNumber(name);
    if (n === undefined) continue;
    if (n > last + mostMissing) break;
    last = n;
    entries += 1;
    if (entries === entriesInOrder) return { last, ended: false };
  }
  return { last, ended: true };
}
