import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { ObjectExistsError } from '../errors.ts';
import { parseVaultJson } from '../keys/parse-vault-json.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { auditEntryNumber, auditHash, auditPrefixes, decodeAuditEntry, ifReadable } from './audit-entry.ts';
import { auditKeepDays, findAuditHead, type AuditLogOptions } from './audit-log.ts';

const dayMs = 86_400_000;
/** Entries that are looked at to learn whose chain it is. */
const entriesLookedThrough = 20;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const date = z.iso.date();

/** Where every chain stood on a day: shows that a chain lost its end, or is gone as a whole. */
export const AuditCheckpoint = z.object({
  formatVersion: z.literal(1),
  date,
  at: z.iso.datetime(),
  /** The checkpoint before; null for the first. */
  previous: z.object({ date, sha256 }).nullable(),
  /** By chain, in the order of their object names. `id` is the last entry's. */
  heads: z.array(z.object({ chain: z.string(), n: z.int().positive(), sha256, id: z.string() })),
});
export type AuditCheckpoint = z.infer<typeof AuditCheckpoint>;

/** Name of a day's checkpoint. @param day - `2026-11-23`. */
export function checkpointName(day: string): string {
  return `${auditPrefixes.checkpoints}${day}`;
}

/** Reads a checkpoint's object, wherever it lies. @throws {@link StoredBytesDamagedError} it is not a checkpoint. */
export function parseCheckpoint(bytes: Uint8Array, name: string): AuditCheckpoint {
  return parseVaultJson(AuditCheckpoint, bytes, name);
}

/**
 * Writes today's checkpoint over the heads of all chains, unless there is one. Repeatable.
 * Costs about two requests for each chain, and one more for each that has grown since the checkpoint before.
 * @returns the hash of today's checkpoint: kept outside the vault, it proves the log up to today.
 */
export async function putCheckpoint(options: AuditLogOptions): Promise<{ date: string; sha256: string }> {
  const { store, lockMode } = options;
  const now = await store.now();
  const day = now.toISOString().slice(0, 10);
  const before = await findLastCheckpoint(store, day);
  if (before?.checkpoint.date === day) return { date: before.checkpoint.date, sha256: before.sha256 };
  const checkpoint: AuditCheckpoint = {
    formatVersion: 1,
    date: day,
    at: now.toISOString(),
    previous: before === undefined ? null : { date: before.checkpoint.date, sha256: before.sha256 },
    heads: await listHeads(store, before?.checkpoint),
  };
  const bytes = utf8(`${JSON.stringify(checkpoint)}\n`);
  const lock = { mode: lockMode, until: new Date(now.getTime() + auditKeepDays * dayMs) };
  try {
    await store.put(checkpointName(day), bytes, { lock });
    return { date: day, sha256: auditHash(bytes) };
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    const theirs = await store.get(checkpointName(day));
    parseCheckpoint(theirs, checkpointName(day));
    return { date: day, sha256: auditHash(theirs) };
  }
}

/** The newest checkpoint up to a day. What cannot be read as one, or is ahead of its time, is for `audit verify` to report. */
async function findLastCheckpoint(
  store: ObjectStore,
  day: string,
): Promise<{ checkpoint: AuditCheckpoint; sha256: string } | undefined> {
  const names: string[] = [];
  for await (const { name } of store.listVersions(auditPrefixes.checkpoints))
    if (name <= checkpointName(day)) names.push(name);
  for (const name of names.reverse()) {
    const bytes = await store.get(name);
    const checkpoint = ifReadable(() => parseCheckpoint(bytes, name));
    if (checkpoint !== undefined && checkpointName(checkpoint.date) === name)
      return { checkpoint, sha256: auditHash(bytes) };
  }
  return undefined;
}

/** Where every chain stands, found by hopping from chain to chain instead of listing all entries. */
async function listHeads(
  store: ObjectStore,
  before: AuditCheckpoint | undefined,
): Promise<AuditCheckpoint['heads']> {
  const known = new Map(before?.heads.map((head) => [head.chain, head]));
  const heads: AuditCheckpoint['heads'] = [];
  for (let startAfter: string = auditPrefixes.chains; ;) {
    const first = await firstName(store, startAfter);
    if (first === undefined) return heads;
    const folder = first.slice(0, first.lastIndexOf('/') + 1);
    if (folder === auditPrefixes.chains) {
      // What lies in no folder is no chain.
      startAfter = first;
      continue;
    }
    const chain = (await findChainIn(store, first)) ?? (await findChain(store, folder));
    const head = chain === undefined ? undefined : await findAuditHead(store, chain, known.get(chain));
    if (chain !== undefined && head !== undefined)
      heads.push({ chain, n: head.n, sha256: head.sha256, id: head.id });
    // '0' follows the slash: behind everything in the folder.
    startAfter = `${folder.slice(0, -1)}0`;
  }
}

/** The chain whose entries lie in a folder of which the first object does not say it. */
async function findChain(store: ObjectStore, folder: string): Promise<string | undefined> {
  let looked = 0;
  for await (const { name } of store.listVersions(folder)) {
    if (auditEntryNumber(name) === undefined) continue;
    const chain = await findChainIn(store, name);
    looked += 1;
    if (chain !== undefined || looked === entriesLookedThrough) return chain;
  }
  return undefined;
}

async function findChainIn(store: ObjectStore, name: string): Promise<string | undefined> {
  const bytes = await store.get(name);
  return ifReadable(() => decodeAuditEntry(bytes, name))?.chain;
}

async function firstName(store: ObjectStore, startAfter: string): Promise<string | undefined> {
  for await (const { name } of store.listVersions(auditPrefixes.chains, { startAfter })) return name;
  return undefined;
}
