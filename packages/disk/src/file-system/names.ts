/** `.` or `..`. */
export function isDots(name: Uint8Array): boolean {
  return name.length <= 2 && name.every((byte) => byte === 0x2e);
}

export function isSameName(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @returns false for a name that no system can have written: it is empty, or has a slash or a zero. */
export function isPossibleName(name: Uint8Array): boolean {
  return name.length > 0 && !name.includes(0) && !name.includes(0x2f);
}
