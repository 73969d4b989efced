import { hash } from 'node:crypto';
import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { BackupError, InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import { parseVaultJson } from '../keys/parse-vault-json.ts';
import type { ResourceArn } from '../ids.ts';
import { resourceKeyOf } from '../points/point-id.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();
const text = z.string().max(4_096);

/** The chain of events that belong to no resource: configuration, and holds on tags. */
export const vaultChain = 'vault';

/** Holds ids, names and times; never a key, never content. */
export const AuditEvent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('commit'),
    point: text,
    run: text,
    type: text,
    plan: text,
    rootSha256: sha256,
    expiresAt: time,
  }),
  z.object({ kind: z.literal('prolong'), point: text, expiresAt: time, reasons: z.array(text) }),
  z.object({ kind: z.literal('expire'), point: text, expiresAt: time }),
  z.object({
    kind: z.literal('hold-set'),
    hold: text,
    scope: z.record(z.string(), text),
    reason: text,
  }),
  z.object({ kind: z.literal('hold-released'), hold: text, reason: text }),
  z.object({
    kind: z.literal('restore-started'),
    restore: text,
    point: text,
    target: text,
  }),
  z.object({
    kind: z.literal('restore-ended'),
    restore: text,
    state: text,
    files: z.int().nonnegative().optional(),
    bytes: z.int().nonnegative().optional(),
  }),
  z.object({
    kind: z.literal('configuration'),
    sha256,
    configuration: z.record(z.string(), z.unknown()),
  }),
]);
export type AuditEvent = z.infer<typeof AuditEvent>;

/**
 * One link of a chain (docs/format.md, section 10): JSON that anybody can read. Its worth comes from the store, which
 * refuses to delete it, and from the hash of the link before.
 */
export const AuditEntry = z.object({
  formatVersion: z.literal(1),
  /** A resource's ARN, or {@link vaultChain}. */
  chain: text,
  /** Position in the chain, from 1. */
  n: z.int().positive(),
  /** SHA-256 of the object of entry n - 1; null for the first. */
  previous: sha256.nullable(),
  /** By the store's clock. */
  at: time,
  /** Names the event: one that was recorded twice, because an answer was lost, has one id. */
  id: text,
  /** An ARN, or a name on a machine without AWS. */
  by: text,
  event: AuditEvent,
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** @throws {@link InvalidInputError} it could not be read again: a text is too long. */
export function encodeAuditEntry(entry: AuditEntry): Uint8Array {
  const { error } = AuditEntry.safeParse(entry);
  if (error !== undefined) {
    const what = z.prettifyError(error).replaceAll('\n', ' ');
    throw new InvalidInputError(`"${entry.id}" cannot be put on the audit log: ${what}`, { cause: error });
  }
  return utf8(`${JSON.stringify(entry, undefined, 1)}\n`);
}

/** Reads an entry whatever its object's name. @throws {@link StoredBytesDamagedError} it is not an entry. */
export function parseAuditEntry(bytes: Uint8Array, name: string): AuditEntry {
  return parseVaultJson(AuditEntry, bytes, name);
}

/** @throws {@link StoredBytesDamagedError} it is not an entry, or not the one of that name. */
export function decodeAuditEntry(bytes: Uint8Array, name: string): AuditEntry {
  const entry = parseAuditEntry(bytes, name);
  if (auditEntryName(entry.chain, entry.n) !== name) {
    throw new StoredBytesDamagedError(name, `it is entry ${entry.n} of the chain of ${entry.chain}`);
  }
  return entry;
}

export const auditPrefixes = { chains: 'audit/chains/', checkpoints: 'audit/checkpoints/' } as const;

export function auditChainPrefix(chain: string): string {
  const key = chain === vaultChain ? vaultChain : resourceKeyOf(chain as ResourceArn);
  return `${auditPrefixes.chains}${key}/`;
}

/**
 * Name of an entry. Two writers that append at the same time want the same name, and the store lets one of them have
 * it: that keeps a chain a chain without a lock.
 */
export function auditEntryName(chain: string, n: number): string {
  return `${auditChainPrefix(chain)}${String(n).padStart(10, '0')}`;
}

/** The hash by which a later object names this one. */
export function auditHash(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** @returns `undefined` for a name that no entry has. */
export function auditEntryNumber(name: string): number | undefined {
  const digits = /\/(\d{10})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Parses an object of the log for those who write the log, whom nothing that others put there may stop.
 * @returns `undefined` where the object is not what its name says; `audit verify` reports it.
 */
export function ifReadable<Result>(parse: () => Result): Result | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return undefined;
  }
}
