import { FormatVersionError, InvalidInputError } from '../errors.ts';
import type { PackId, PageId } from '../ids.ts';
import { maxFrameNumber } from '../packs/frame.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import { maxCutLevel } from './cut-level.ts';
import type { PageLocation, PagePack, PageRef } from './page-store.ts';
import { maxKeyBytes } from './tuple-key.ts';

/** The value of a key, in two parts that are both opaque to the tree. */
export interface EntryValue {
  /** The source's part: two trees differ in an entry when these differ. */
  readonly logical: Uint8Array;
  /** The vault's part: the place of the content. */
  readonly location: Uint8Array;
}

/** Nobody changes its bytes. */
export interface Entry extends EntryValue {
  readonly key: Uint8Array;
}

/** A page in memory: entries in a leaf, references to the pages below in an inner page; by key, ascending, at least one. */
export type Page =
  | { readonly level: 0; readonly entries: readonly Entry[] }
  | { readonly level: number; readonly children: readonly PageRef[] };

export function isLeaf(page: Page): page is Extract<Page, { readonly level: 0 }> {
  return page.level === 0;
}

const pageVersion = 1;
const refVersion = 1;
const samePack = 0;
const otherPack = 1;
/** Keys of one page, written out: far beyond what any tree has, and a bound for what a decoder allocates. */
const maxPageKeyBytes = 64 * 1024 * 1024;

/** @throws {@link InvalidInputError} a key is too long. */
export function encodeLeaf(entries: readonly Entry[]): Uint8Array {
  const writer = new ByteWriter(8192);
  writer.u8(pageVersion).u8(0).varint(entries.length);
  let previous: Uint8Array = new Uint8Array();
  for (const { key, logical, location } of entries) {
    writeKey(writer, previous, key);
    writer.varint(logical.length).bytes(logical).varint(location.length).bytes(location);
    previous = key;
  }
  return writer.take();
}

/** @param pack - the pack that the page goes into: children in there are referred to without its name. */
export function encodeInner(level: number, children: readonly PageRef[], pack: PagePack): Uint8Array {
  const writer = new ByteWriter(8192);
  writer.u8(pageVersion).u8(level).varint(children.length);
  let previous: Uint8Array = new Uint8Array();
  for (const child of children) {
    writeKey(writer, previous, child.lastKey);
    writeChild(writer, child, pack);
    previous = child.lastKey;
  }
  return writer.take();
}

/**
 * Reads a page's bytes, strictly: whatever a writer of this format does not write is refused. Memory is bounded by a
 * multiple of the bytes' length, and 64 MiB for keys. Values are views of the bytes.
 * @param pack - the pack that the page lies in.
 * @param objectName - what errors call the page.
 * @throws {@link StoredBytesDamagedError} the bytes are not a page.
 * @throws {@link FormatVersionError} a page of a later version of the format.
 */
export function decodePage(bytes: Uint8Array, pack: PagePack, objectName: string): Page {
  const reader = new ByteReader(bytes, objectName);
  checkVersion(reader, objectName, pageVersion);
  const level = reader.u8();
  if (level > maxCutLevel) reader.fail(`a page has level ${level}`);
  const count = reader.varint();
  if (count === 0) reader.fail('a page is empty');

  const nextKey = createKeyReader(reader);
  if (level === 0) {
    const entries: Entry[] = [];
    for (let i = 0; i < count; i++) {
      const key = nextKey();
      const logical = reader.bytes(reader.varint());
      entries.push({ key, logical, location: reader.bytes(reader.varint()) });
    }
    reader.end();
    return { level: 0, entries };
  }

  const packs = new Map<string, PagePack>([['', pack]]);
  const children: PageRef[] = [];
  for (let i = 0; i < count; i++) children.push(readChild(reader, level - 1, nextKey(), packs));
  reader.end();
  return { level, children };
}

/**
 * Makes a reference stand by itself, to be kept in a root or handed to another worker. Call it only once the sink that
 * wrote the page has stored its last pack.
 */
export function encodePageRef(ref: PageRef): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(refVersion).u8(ref.level).varint(ref.lastKey.length).bytes(ref.lastKey);
  writeChild(writer, ref, undefined);
  return writer.take();
}

/**
 * Reads {@link encodePageRef} back.
 * @throws {@link StoredBytesDamagedError} the bytes are not a reference.
 * @throws {@link FormatVersionError} a reference of a later version of the format.
 */
export function decodePageRef(bytes: Uint8Array, objectName: string): PageRef {
  const reader = new ByteReader(bytes, objectName);
  checkVersion(reader, objectName, refVersion);
  const level = reader.u8();
  if (level > maxCutLevel) reader.fail(`a page has level ${level}`);
  const keyBytes = reader.varint();
  if (keyBytes > maxKeyBytes) reader.fail('a key is too long');
  const ref = readChild(reader, level, new Uint8Array(reader.bytes(keyBytes)), new Map());
  reader.end();
  return ref;
}

function checkVersion(reader: ByteReader, objectName: string, supported: number): void {
  const version = reader.u8();
  if (version === 0) reader.fail('it has version 0');
  if (version > supported) throw new FormatVersionError(objectName, version, supported);
}

function writeKey(writer: ByteWriter, previous: Uint8Array, key: Uint8Array): void {
  if (key.length > maxKeyBytes) {
    throw new InvalidInputError(
      `a key of ${key.length} bytes is longer than ${maxKeyBytes}; shorten the path`,
    );
  }
  let shared = 0;
  const most = Math.min(previous.length, key.length);
  while (shared < most && previous[shared] === key[shared]) shared++;
  writer
    .varint(shared)
    .varint(key.length - shared)
    .bytes(key.subarray(shared));
}

/** Keys of a page lie side by side in buffers of this size: one for each key would keep the garbage collector busy. */
const keyRoomBytes = 4096;

/** Reads the page's keys one by one: each is above the one before, and `shared` is all that they have in common. */
function createKeyReader(reader: ByteReader): () => Uint8Array {
  let room = new Uint8Array(0);
  /** The key before: where it lies in the room. */
  let [start, end] = [0, 0];
  let isFirst = true;
  let keyBytes = 0;
  return () => {
    const shared = reader.varint();
    const rest = reader.varint();
    const length = shared + rest;
    keyBytes += length;
    if (length > maxKeyBytes || keyBytes > maxPageKeyBytes) reader.fail('its keys are too long');
    if (shared > end - start) reader.fail('a key shares more bytes than there are');
    const next = shared < end - start ? room[start + shared] : undefined;

    // A key that goes on where the one before ends shares all of its bytes.
    let at = shared === end - start ? start : end;
    if (at + length > room.length) {
      const larger = new Uint8Array(Math.max(keyRoomBytes, length));
      larger.set(room.subarray(start, start + shared));
      room = larger;
      at = 0;
    } else if (at !== start) {
      room.copyWithin(at, start, start + shared);
    }
    reader.copyTo(room, at + shared, rest);
    const first = rest > 0 ? room[at + shared] : undefined;
    if (!isFirst && (first ?? -1) <= (next ?? -1)) reader.fail('its keys do not ascend');
    isFirst = false;
    [start, end] = [at, at + length];
    return room.subarray(start, end);
  };
}

/** `pack` is the one that the reference is written into, if any. */
function writeChild(writer: ByteWriter, child: PageRef, pack: PagePack | undefined): void {
  const { location } = child;
  const value = new ByteWriter(64);
  value.hex(child.pageId, 32).varint(child.entries).varint(child.summary);
  writer.varint(value.length).bytes(value.take());

  if (pack !== undefined && location.pack.packId === pack.packId) value.u8(samePack);
  else value.u8(otherPack).hex(location.pack.packId, 16);
  value.varint(location.frame).varint(location.offset).varint(location.length);
  writer.varint(value.length).bytes(value.take());
}

/** `packs` holds one object a pack; under '' the one that the reference was read from, if any. */
function readChild(
  reader: ByteReader,
  level: number,
  lastKey: Uint8Array,
  packs: Map<string, PagePack>,
): PageRef {
  const logicalEnd = reader.varint() + reader.position;
  const pageId = reader.hex(32) as PageId;
  const entries = reader.varint();
  const summary = reader.varint();
  if (reader.position !== logicalEnd || entries === 0) reader.fail('a reference to a page is malformed');

  const locationEnd = reader.varint() + reader.position;
  const location = readLocation(reader, packs);
  if (reader.position !== locationEnd) reader.fail('the location of a page is malformed');
  return { pageId, level, lastKey, entries, summary, location };
}

function readLocation(reader: ByteReader, packs: Map<string, PagePack>): PageLocation {
  const how = reader.u8();
  if (how > otherPack) reader.fail('the location of a page is malformed');
  const id = how === samePack ? '' : reader.hex(16);
  if (id === packs.get('')?.packId) reader.fail('the location of a page names its own pack');
  let pack = packs.get(id);
  if (pack === undefined) {
    if (how === samePack) reader.fail('a reference that stands by itself names no pack');
    pack = { packId: id as PackId };
    packs.set(id, pack);
  }
  const frame = reader.varint();
  if (frame > maxFrameNumber) reader.fail(`the location of a page has frame number ${frame}`);
  return { pack, frame, offset: reader.varint(), length: reader.varint() };
}
