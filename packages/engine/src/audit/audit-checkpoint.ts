import { safety } from '../model/safety.ts';
import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { ObjectExistsError } from '../errors.ts';
import { parseVaultJson } from '../keys/parse-vault-json.ts';
import type { StepOptions } from '../maintenance/work-through.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { findJson, putJson } from '../work-json.ts';
import { auditEntryNumber, auditHash, auditPrefixes, decodeAuditEntry, ifReadable } from './audit-entry.ts';
import type { AuditLogOptions } from './audit-log.ts';
import { type AuditHead, entriesInOrder, findAuditHead } from './find-audit-head.ts';
import { dayMs } from '../model/time.ts';

/** Most entries that are looked at to learn whose chain a folder holds. */
const entriesLookedThrough = 20;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const date = z.iso.date();

/** The heads of all chains on a day: they show that a chain lost its end, or is gone as a whole. */
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

/** @param day - such as `2026-11-23`. */
export function checkpointName(day: string): string {
  return `${auditPrefixes.checkpoints}${day}`;
}

/** @throws {@link StoredBytesDamagedError} it is not a checkpoint. */
export function parseCheckpoint(bytes: Uint8Array, name: string): AuditCheckpoint {
  return parseVaultJson(AuditCheckpoint, bytes, name);
}

const CheckpointProgress = z.object({
  previous: sha256.nullable(),
  startAfter: z.string(),
  heads: AuditCheckpoint.shape.heads,
});
type CheckpointProgress = z.infer<typeof CheckpointProgress>;

export interface CheckpointOptions extends AuditLogOptions {
  readonly work: WorkStore;
  /** The working file in which a call leaves to the next one how far it came; each writer has its own. */
  readonly progressName: string;
}

export type CheckpointStep =
  | { readonly done: false }
  | { readonly done: true; readonly date: string; readonly sha256: string };

/**
 * Writes today's checkpoint over the heads of all chains, unless there is one. Repeatable. Goes on over any number of
 * calls, at least one chain each; the checkpoint is of the day on which the last one ends.
 * Costs about two requests a chain, and one more for each that has grown since the checkpoint before; a search for each
 * that has not, and is long.
 * @returns the hash of today's checkpoint: kept outside the vault, it proves the log up to today.
 */
export async function putCheckpoint(
  options: CheckpointOptions,
  { shouldStop = () => false, signal }: StepOptions = {},
): Promise<CheckpointStep> {
  const { store, work, progressName, lockMode } = options;
  const now = await store.now();
  const day = now.toISOString().slice(0, 10);
  const before = await findLastCheckpoint(store, day);
  if (before?.checkpoint.date === day)
    return { done: true, date: before.checkpoint.date, sha256: before.sha256 };
  const previous = before?.sha256 ?? null;
  const found = await findJson(work, progressName, CheckpointProgress);
  // Another writer's checkpoint may have come between: nothing that it says of the chains may be taken back.
  const begun =
    found?.previous === previous ? found : { previous, startAfter: auditPrefixes.chains, heads: [] };
  const { startAfter, heads } = await listHeads(store, before?.checkpoint, begun, { shouldStop, signal });
  if (startAfter !== undefined) {
    await putJson(work, progressName, { previous, startAfter, heads });
    return { done: false };
  }
  const checkpoint: AuditCheckpoint = {
    formatVersion: 1,
    date: day,
    at: now.toISOString(),
    previous: before === undefined ? null : { date: before.checkpoint.date, sha256: before.sha256 },
    heads,
  };
  const bytes = utf8(`${JSON.stringify(checkpoint)}\n`);
  const lock = { mode: lockMode, until: new Date(now.getTime() + safety.auditKeepDays * dayMs) };
  try {
    await store.put(checkpointName(day), bytes, { lock });
    return { done: true, date: day, sha256: auditHash(bytes) };
  } catch (error) {
    if (!(error instanceof ObjectExistsError)) throw error;
    const theirs = await store.get(checkpointName(day));
    parseCheckpoint(theirs, checkpointName(day));
    return { done: true, date: day, sha256: auditHash(theirs) };
  }
}

/**
 * Finds the newest checkpoint up to a day. Objects that cannot be read as one, or are ahead of their time, are for
 * `audit verify` to report.
 */
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

/**
 * Finds the head of every chain by hopping from chain to chain instead of listing all entries.
 * @returns with `startAfter`, when the time was up.
 */
async function listHeads(
  store: ObjectStore,
  before: AuditCheckpoint | undefined,
  begun: Pick<CheckpointProgress, 'startAfter' | 'heads'>,
  { shouldStop, signal }: Required<Pick<StepOptions, 'shouldStop'>> & { signal: AbortSignal | undefined },
): Promise<{ readonly startAfter?: string; readonly heads: AuditCheckpoint['heads'] }> {
  const known = new Map(before?.heads.map((head) => [head.chain, head]));
  const heads = [...begun.heads];
  for (let { startAfter } = begun; ;) {
    signal?.throwIfAborted();
    const first = await firstName(store, startAfter);
    if (first === undefined) return { heads };
    // One a call at least, however little time it has: else no number of calls gets through.
    if (startAfter !== begun.startAfter && shouldStop()) return { startAfter, heads };
    const folder = first.slice(0, first.lastIndexOf('/') + 1);
    if (folder === auditPrefixes.chains) {
      // An object in no folder belongs to no chain.
      startAfter = first;
      continue;
    }
    const chain = (await findChainIn(store, first)) ?? (await findChain(store, folder));
    const head = chain === undefined ? undefined : await findHead(store, chain, known.get(chain));
    if (chain !== undefined && head !== undefined)
      heads.push({ chain, n: head.n, sha256: head.sha256, id: head.id });
    // '0' follows the slash: behind everything in the folder.
    startAfter = `${folder.slice(0, -1)}0`;
  }
}

/**
 * Finds the last entry of a chain behind the one that the checkpoint before has. Where none follows, writers, who search
 * from the first entry on, may have gone on behind objects that somebody put far ahead.
 */
async function findHead(
  store: ObjectStore,
  chain: string,
  before: AuditHead | undefined,
): Promise<AuditHead | undefined> {
  const head = await findAuditHead(store, chain, before);
  const standsStill = head !== undefined && head === before && head.n >= entriesInOrder;
  return standsStill ? findAuditHead(store, chain) : head;
}

/** Finds the chain of a folder whose first object cannot be read as an entry. */
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
