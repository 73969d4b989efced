import { safety } from '../model/safety.ts';
import { isOfKind, StoreUnavailableError } from '../errors.ts';
import { defaultRetryPolicy, waitBeforeAttempt } from '../packs/retry.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import { ifThere } from '../if-there.ts';
import {
  auditChainPrefix,
  auditEntryName,
  auditEntryNumber,
  auditHash,
  decodeAuditEntry,
  encodeAuditEntry,
  ifReadable,
  type AuditEntry,
  type AuditEvent,
} from './audit-entry.ts';
import { dayMs } from '../model/time.ts';

/** Writers that append at the same moment make an attempt futile; so many futile attempts are a fault. */
const attempts = 20;
/** Entries that may be missing before one that is still taken for the end of its chain. */
const mostMissing = 1_000;

export interface AuditLogOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly lockMode: ObjectLock['mode'];
}

export interface AuditRecord {
  /** A resource's ARN, or `vaultChain`. */
  readonly chain: string;
  /** Names the event; the same for a repetition. */
  readonly id: string;
  readonly by: string;
  readonly event: AuditEvent;
}

/** The last entry of a chain. */
export interface AuditHead {
  readonly n: number;
  readonly sha256: string;
  /** Empty where the object of that name is no entry. */
  readonly id: string;
}

/**
 * Appends to the vault's audit log: one hash chain for each resource, and one for the vault. Any number of writers may
 * append at once. Costs a listing of the chain (one request for 1,000 entries), a read and a write.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /**
   * Records an event. Repeating it at once, because the answer was lost, records it once; much later, when other entries
   * have followed, it may be recorded again under the same id.
   * @returns the entry's place.
   */
  async append({ chain, id, by, event }: AuditRecord): Promise<AuditHead> {
    const { store, lockMode } = this.#options;
    for (let attempt = 1; ; attempt++) {
      await waitBeforeAttempt(attempt, this.#options, defaultRetryPolicy);
      try {
        const head = await findAuditHead(store, chain);
        if (head?.id === id) return head;
        const now = await store.now();
        const n = (head?.n ?? 0) + 1;
        const entry: AuditEntry = {
          formatVersion: 1,
          chain,
          n,
          previous: head?.sha256 ?? null,
          at: now.toISOString(),
          id,
          by,
          event,
        };
        return await this.#put(entry, {
          mode: lockMode,
          until: new Date(now.getTime() + safety.auditKeepDays * dayMs),
        });
      } catch (error) {
        const another = isOfKind(error, 'taken', 'unavailable');
        if (!another || attempt === attempts) throw error;
      }
    }
  }

  async #put(entry: AuditEntry, lock: ObjectLock): Promise<AuditHead> {
    const { store } = this.#options;
    const name = auditEntryName(entry.chain, entry.n);
    const bytes = encodeAuditEntry(entry);
    const mine = { n: entry.n, sha256: auditHash(bytes), id: entry.id };
    try {
      await store.put(name, bytes, { lock });
      return mine;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // It may have been written all the same, and others may have followed it since.
      const stored = await findEntry(store, entry.chain, entry.n);
      if (stored?.id === entry.id) return { ...mine, sha256: stored.sha256 };
      throw error;
    }
  }
}

/**
 * Finds the last entry of a chain. What others put there must not stop those who write the log, and is for
 * `audit verify` to report: the entry after an unreadable one names the hash of its bytes; objects that cannot be
 * entries, for their names or because too many are missing before them, are passed over.
 * @param after - an entry that is known to exist, so that the listing begins behind it.
 */
export async function findAuditHead(
  store: ObjectStore,
  chain: string,
  after?: AuditHead,
): Promise<AuditHead | undefined> {
  const startAfter = after === undefined ? undefined : auditEntryName(chain, after.n);
  let last = after?.n ?? 0;
  const listed = store.listVersions(auditChainPrefix(chain), {
    startAfter,
  });
  for await (const { name } of listed) {
    const n = auditEntryNumber(name);
    if (n !== undefined && n <= last + mostMissing) last = n;
  }
  return last === (after?.n ?? 0) ? after : findEntry(store, chain, last);
}

async function findEntry(store: ObjectStore, chain: string, n: number): Promise<AuditHead | undefined> {
  const name = auditEntryName(chain, n);
  // The oldest version: a second one under the name is somebody's forgery, which `audit verify` reports.
  const bytes = await ifThere(store.get(name));
  const entry = bytes && ifReadable(() => decodeAuditEntry(bytes, name));
  return bytes && { n, sha256: auditHash(bytes), id: entry?.id ?? '' };
}
