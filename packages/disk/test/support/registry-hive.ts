/** A key of a registry to be made: its subkeys and values by their names. */
export interface MadeKey {
  readonly keys?: Readonly<Record<string, MadeKey>>;
  readonly values?: Readonly<Record<string, Uint8Array>>;
  /** The kind of the list of its subkeys; `ri` is a list of lists of hashes. @default lh */
  readonly list?: 'li' | 'lf' | 'lh' | 'ri';
}

export interface HiveOptions {
  readonly minor?: number;
  /** @default false */
  readonly isDirty?: boolean;
}

const nowhere = 0xffffffff;

/** Makes a hive of the registry of Windows by its specification: one bin, in which cells follow each other. */
export function makeHive(root: MadeKey, { minor = 5, isDirty = false }: HiveOptions = {}): Buffer {
  const cells = new Cells();
  cells.add(security());
  const at = writeKey(cells, 'ROOT', root);
  const bin = cells.bin();
  const base = Buffer.alloc(4096);
  base.write('regf', 'latin1');
  base.writeUInt32LE(isDirty ? 8 : 7, 4);
  base.writeUInt32LE(7, 8);
  base.writeUInt32LE(1, 20);
  base.writeUInt32LE(minor, 24);
  base.writeUInt32LE(1, 32);
  base.writeUInt32LE(at, 36);
  base.writeUInt32LE(bin.length, 40);
  base.writeUInt32LE(1, 44);
  sealHive(base);
  return Buffer.concat([base, bin]);
}

/** Writes the checksum of a base block anew. */
export function sealHive(hive: Buffer): void {
  let sum = 0;
  for (let at = 0; at < 508; at += 4) sum ^= hive.readUInt32LE(at);
  hive.writeInt32LE(sum === 0 ? 1 : sum === -1 ? -2 : sum, 508);
}

/** A value of `MountedDevices`. */
export function mbrPlace(signature: number, offset: number): Buffer {
  const value = Buffer.alloc(12);
  value.writeUInt32LE(signature);
  value.writeBigUInt64LE(BigInt(offset), 4);
  return value;
}

export function gptPlace(guid: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('DMIO:ID:'), guid]);
}

/** A hive with letters, as that of `\Windows\System32\config\SYSTEM`. */
export function makeSystemHive(
  letters: Readonly<Record<string, Uint8Array>>,
  options: HiveOptions = {},
): Buffer {
  const values = Object.fromEntries(
    Object.entries(letters).map(([letter, place]) => [`\\DosDevices\\${letter}:`, place]),
  );
  return makeHive({ keys: { ControlSet001: {}, MountedDevices: { values }, Select: {} } }, options);
}

/** All keys have the same security: what follows a bin's head. */
const securityAt = 32;

function security(): Buffer {
  const descriptor = Buffer.from('0100048000000000000000000000000000000000', 'hex');
  const item = Buffer.alloc(20 + descriptor.length);
  item.write('sk', 'latin1');
  item.writeUInt32LE(securityAt, 4);
  item.writeUInt32LE(securityAt, 8);
  item.writeUInt32LE(1, 12);
  item.writeUInt32LE(descriptor.length, 16);
  descriptor.copy(item, 20);
  return item;
}

class Cells {
  readonly #parts: Buffer[] = [];
  #end = securityAt;

  /** @returns its place. */
  add(content: Buffer): number {
    const cell = Buffer.alloc(Math.ceil((4 + content.length) / 8) * 8);
    cell.writeInt32LE(-cell.length);
    content.copy(cell, 4);
    this.#parts.push(cell);
    const at = this.#end;
    this.#end += cell.length;
    return at;
  }

  bin(): Buffer {
    const bin = Buffer.alloc(Math.ceil((this.#end + 8) / 4096) * 4096);
    bin.write('hbin', 'latin1');
    bin.writeUInt32LE(bin.length, 8);
    Buffer.concat(this.#parts).copy(bin, 32);
    bin.writeInt32LE(bin.length - this.#end, this.#end);
    return bin;
  }
}

function writeKey(cells: Cells, name: string, { keys = {}, values = {}, list = 'lh' }: MadeKey): number {
  const subkeys = Object.entries(keys).map(([subkey, made]) => ({
    name: subkey,
    at: writeKey(cells, subkey, made),
  }));
  const places = Object.entries(values).map(([value, content]) => writeValue(cells, value, content));
  const named = nameBytes(name);
  const key = Buffer.alloc(76 + named.bytes.length);
  key.write('nk', 'latin1');
  key.writeUInt16LE(named.isCompressed ? 0x20 : 0, 2);
  key.writeUInt32LE(subkeys.length, 20);
  key.writeUInt32LE(subkeys.length === 0 ? nowhere : writeSubkeys(cells, subkeys, list), 28);
  key.writeUInt32LE(nowhere, 32);
  key.writeUInt32LE(places.length, 36);
  key.writeUInt32LE(places.length === 0 ? nowhere : cells.add(numbers(places)), 40);
  key.writeUInt32LE(securityAt, 44);
  key.writeUInt32LE(nowhere, 48);
  key.writeUInt16LE(named.bytes.length, 72);
  named.bytes.copy(key, 76);
  return cells.add(key);
}

function writeSubkeys(
  cells: Cells,
  subkeys: readonly { readonly name: string; readonly at: number }[],
  list: NonNullable<MadeKey['list']>,
): number {
  const ordered = subkeys.toSorted((one, other) =>
    one.name.toUpperCase() < other.name.toUpperCase() ? -1 : 1,
  );
  if (list === 'ri') {
    const leaves = ordered.map((subkey) => writeSubkeys(cells, [subkey], 'lh'));
    return cells.add(Buffer.concat([listHead('ri', leaves.length), numbers(leaves)]));
  }
  const entries = ordered.flatMap(({ name, at }) => (list === 'li' ? [at] : [at, hintOf(name, list)]));
  return cells.add(Buffer.concat([listHead(list, ordered.length), numbers(entries)]));
}

function hintOf(name: string, list: 'lf' | 'lh'): number {
  if (list === 'lf') return Buffer.from(name.padEnd(4, '\0').slice(0, 4), 'latin1').readUInt32LE();
  let hash = 0;
  for (const character of name.toUpperCase()) hash = (Math.imul(hash, 37) + character.charCodeAt(0)) >>> 0;
  return hash;
}

function writeValue(cells: Cells, name: string, content: Uint8Array): number {
  const named = nameBytes(name);
  const value = Buffer.alloc(20 + named.bytes.length);
  value.write('vk', 'latin1');
  value.writeUInt16LE(named.bytes.length, 2);
  if (content.length <= 4) {
    value.writeUInt32LE(0x80000000 + content.length, 4);
    value.set(content, 8);
  } else {
    value.writeUInt32LE(content.length, 4);
    value.writeUInt32LE(cells.add(Buffer.from(content)), 8);
  }
  value.writeUInt32LE(3, 12);
  value.writeUInt16LE(named.isCompressed ? 1 : 0, 16);
  named.bytes.copy(value, 20);
  return cells.add(value);
}

function nameBytes(name: string): { readonly bytes: Buffer; readonly isCompressed: boolean } {
  const isCompressed = /^[\0-\xff]*$/.test(name);
  return { bytes: Buffer.from(name, isCompressed ? 'latin1' : 'utf16le'), isCompressed };
}

function listHead(kind: string, count: number): Buffer {
  const head = Buffer.alloc(4);
  head.write(kind, 'latin1');
  head.writeUInt16LE(count, 2);
  return head;
}

function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}
