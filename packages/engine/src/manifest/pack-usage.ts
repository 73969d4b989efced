import { InvalidInputError, StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import { storedShareOf, type ChunkReference } from '../packs/chunk-location.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import { mergeRuns } from './merge-runs.ts';
import {
  decodePackMapEntry,
  encodePackMapEntry,
  packKey,
  readFacts,
  writeFacts,
  type PackFacts,
  type PackMapEntry,
} from './pack-map.ts';
import type { Change } from './tree-merge.ts';
import type { TreeReader } from './tree-reader.ts';

/** A run's change to what a point needs of one pack. */
export interface PackDelta {
  readonly packId: PackId;
  /** References gained, less references lost. */
  readonly references: number;
  /** Shares of stored bytes of those references, gained less lost. */
  readonly liveBytes: number;
  /** Known of packs that were stored or leased in this run; a pack that the base has not must have them. */
  readonly facts?: PackFacts;
}

type UsedChunk = Pick<ChunkReference, 'plainBytes' | 'location'>;

/** Collects what a worker's changes to the manifest do to the pack map. Memory: one record a pack that it touches. */
export class PackUsage {
  readonly #deltas = new Map<PackId, PackDelta>();

  get size(): number {
    return this.#deltas.size;
  }

  /** A chunk's reference that the new manifest has and the base has not. */
  addReference(chunk: UsedChunk): void {
    this.#add({ packId: chunk.location.packId, references: 1, liveBytes: storedShareOf(chunk) });
  }

  /** A chunk's reference that the base has and the new manifest has not. */
  removeReference(chunk: UsedChunk): void {
    this.#add({ packId: chunk.location.packId, references: -1, liveBytes: -storedShareOf(chunk) });
  }

  /** Notes the facts of a pack that was stored in this run, or whose lock has been confirmed anew. */
  setFacts(packId: PackId, facts: PackFacts): void {
    this.#add({ packId, references: 0, liveBytes: 0, facts });
  }

  /** In the order of pack ids. */
  deltas(): readonly PackDelta[] {
    return [...this.#deltas.values()].sort(compareDeltas);
  }

  #add(delta: PackDelta): void {
    const known = this.#deltas.get(delta.packId);
    this.#deltas.set(delta.packId, known === undefined ? delta : sumDeltas(known, delta));
  }
}

const runVersion = 1;
const hasFacts = 1;
const recordBytesMax = 4096;

/** A sorted run of deltas as bytes, for the work bucket. Not part of the vault's format. */
export function encodeUsage(deltas: readonly PackDelta[]): Uint8Array {
  const run = new ByteWriter(64 + 96 * deltas.length).u8(runVersion).varint(deltas.length);
  const record = new ByteWriter(128);
  for (const { packId, references, liveBytes, facts } of deltas) {
    record.hex(packId, 16).varint(zigzag(references)).varint(zigzag(liveBytes));
    record.u8(facts === undefined ? 0 : hasFacts);
    if (facts !== undefined) writeFacts(record, facts);
    run.varint(record.length).bytes(record.take());
  }
  return run.take();
}

/**
 * Reads a run back while its bytes arrive, in pieces of any size. Memory: one piece and one record.
 * @throws {@link StoredBytesDamagedError} the bytes are not a whole run.
 */
export async function* decodeUsage(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  objectName: string,
): AsyncGenerator<PackDelta> {
  let bytes: Uint8Array = new Uint8Array();
  let left: number | undefined;
  let previous: PackId | undefined;
  // A length or the head has at most 9 bytes: with that many more than a record may have, every record is whole.
  const enough = recordBytesMax + 9;
  for await (const piece of withEnd(pieces)) {
    if (piece !== undefined) bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    const reader = new ByteReader(bytes, objectName);
    while (piece === undefined ? left !== 0 : reader.remaining >= enough && left !== 0) {
      if (left === undefined) {
        if (reader.u8() !== runVersion) reader.fail('it is not a run of pack usage of this version');
        left = reader.varint();
        continue;
      }
      const delta = readRecord(reader, objectName);
      if (previous !== undefined && delta.packId <= previous) reader.fail('packs are out of order');
      previous = delta.packId;
      left--;
      yield delta;
    }
    if (left === 0 && reader.remaining > 0) reader.end();
    bytes = bytes.subarray(reader.position);
  }
}

async function* withEnd(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array | undefined> {
  yield* pieces;
  yield undefined;
}

function readRecord(reader: ByteReader, objectName: string): PackDelta {
  const length = reader.varint();
  if (length > recordBytesMax) reader.fail(`a record has ${length} bytes`);
  const record = new ByteReader(reader.bytes(length), objectName);
  const packId = record.hex(16) as PackId;
  const references = unzigzag(record.varint());
  const liveBytes = unzigzag(record.varint());
  const flags = record.u8();
  if (flags > hasFacts) record.fail(`a record has the unknown flags ${flags}`);
  const facts = flags === hasFacts ? readFacts(record) : undefined;
  record.end();
  return { packId, references, liveBytes, facts };
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}

function compareDeltas(a: PackDelta, b: PackDelta): number {
  return a.packId < b.packId ? -1 : Number(a.packId > b.packId);
}

function sumDeltas(a: PackDelta, b: PackDelta): PackDelta {
  const facts = a.facts && b.facts ? laterFacts(a.facts, b.facts) : (a.facts ?? b.facts);
  return {
    packId: a.packId,
    references: a.references + b.references,
    liveBytes: a.liveBytes + b.liveBytes,
    facts,
  };
}

/** Locks only move to later times, so the later one is the newer one. */
function laterFacts(a: PackFacts, b: PackFacts): PackFacts {
  return b.lockedUntil.getTime() >= a.lockedUntil.getTime() ? b : a;
}

/** Sums up the runs of several workers. Memory: one delta a run. */
export function mergeUsage(
  runs: readonly (Iterable<PackDelta> | AsyncIterable<PackDelta>)[],
): AsyncGenerator<PackDelta> {
  return mergeRuns(runs, compareDeltas, sumDeltas);
}

/**
 * The changes that turn the base's pack map into the new point's. A pack without references is left out.
 * @param base - the base's pack map; an empty one for a first point.
 * @param deltas - each pack once, in the order of pack ids, as {@link mergeUsage} gives them.
 * @throws {@link StoredBytesDamagedError} a pack would have fewer references or bytes than none: manifest and pack map
 * of the base contradict each other.
 * @throws {@link InvalidInputError} a pack is new and its facts are missing.
 */
export async function* applyUsage(
  base: TreeReader,
  deltas: AsyncIterable<PackDelta> | Iterable<PackDelta>,
  signal?: AbortSignal,
): AsyncGenerator<Change> {
  for await (const delta of deltas) {
    const key = packKey(delta.packId);
    const found = await base.find(key, signal);
    const before = found && decodePackMapEntry(found, 'the pack map of the base');
    const after = applyDelta(before, delta);
    if (after !== undefined) yield { key, value: encodePackMapEntry(after) };
    else if (before !== undefined) yield { key };
  }
}

function applyDelta(before: PackMapEntry | undefined, delta: PackDelta): PackMapEntry | undefined {
  const references = (before?.references ?? 0) + delta.references;
  const liveBytes = (before?.liveBytes ?? 0) + delta.liveBytes;
  if (references < 0 || liveBytes < 0 || (references === 0 && liveBytes !== 0)) {
    const what = `pack ${delta.packId} would have ${references} references to ${liveBytes} bytes`;
    throw new StoredBytesDamagedError('the pack map of the base', what);
  }
  if (references === 0) return undefined;
  const facts = before && delta.facts ? laterFacts(before, delta.facts) : (delta.facts ?? before);
  if (facts === undefined) {
    throw new InvalidInputError(
      `pack ${delta.packId} is new to the pack map; state its class, version and lock`,
    );
  }
  const { kind, retentionClass, lockedUntil, versionId } = facts;
  return { packId: delta.packId, references, liveBytes, kind, retentionClass, lockedUntil, versionId };
}
