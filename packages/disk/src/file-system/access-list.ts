/** An entry of a POSIX access control list. */
export interface AclEntry {
  readonly tag: number;
  readonly rights: number;
  /** Of a user or group that is named; of no meaning in all other entries. */
  readonly id: number;
}

const givenVersion = 2;
const noId = 0xffffffff;
/** Tags of the entries that name a user or a group. */
const tagsWithId = [0x2, 0x8];

export function hasAclId(tag: number): boolean {
  return tagsWithId.includes(tag);
}

/** An access control list as `getxattr` gives it, whatever the file system stores. */
export function givenAcl(entries: readonly AclEntry[]): Uint8Array {
  const given = new DataView(new ArrayBuffer(4 + entries.length * 8));
  given.setUint32(0, givenVersion, true);
  for (const [index, { tag, rights, id }] of entries.entries()) {
    given.setUint16(4 + index * 8, tag, true);
    given.setUint16(6 + index * 8, rights, true);
    given.setUint32(8 + index * 8, hasAclId(tag) ? id : noId, true);
  }
  return new Uint8Array(given.buffer);
}
