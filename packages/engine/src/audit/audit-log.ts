import { safety } from '../model/safety.ts';
import { isOfKind, StoreUnavailableError } from '../errors.ts';
import { defaultRetryPolicy, waitBeforeAttempt } from '../packs/retry.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import {
  auditEntryName,
  auditHash,
  encodeAuditEntry,
  type AuditEntry,
  type AuditEvent,
} from './audit-entry.ts';
import { findAuditHead, findEntry, type AuditHead } from './find-audit-head.ts';
import { dayMs } from '../model/time.ts';

/** Writers that append at the same moment make an attempt futile; so many futile attempts are a fault. */
const attempts = 20;

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

/**
 * Appends to the vault's audit log: one hash chain for each resource, and one for the vault. Any number of writers may
 * append at once. Costs the search for the chain's end, a read and a write; for one who has appended to the chain before,
 * a listing of what others added since, and a write.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  /** Of each chain the last entry that was written here, or is about to be. */
  readonly #written = new Map<string, Promise<AuditHead | undefined>>();

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /**
   * Records an event. Repeating it at once, because the answer was lost, records it once; much later, when other entries
   * have followed, it may be recorded again under the same id.
   * @returns the entry's place.
   */
  async append(record: AuditRecord): Promise<AuditHead> {
    const before = this.#written.get(record.chain);
    // One after the other: at once they would take each other's names, and wait before every new attempt.
    const written = this.#appendBehind(record, before);
    this.#written.set(
      record.chain,
      written.catch(() => before),
    );
    return written;
  }

  async #appendBehind(
    { chain, id, by, event }: AuditRecord,
    before: Promise<AuditHead | undefined> | undefined,
  ): Promise<AuditHead> {
    const { store, lockMode } = this.#options;
    const known = await before;
    for (let attempt = 1; ; attempt++) {
      await waitBeforeAttempt(attempt, this.#options, defaultRetryPolicy);
      try {
        const head = await findAuditHead(store, chain, known);
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
