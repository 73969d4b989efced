/** The names of those bits of a mask that a table has, and the bits that it has not. */
export function namesOfBits<Name extends string>(
  mask: number,
  table: Readonly<Record<number, Name>>,
): { readonly names: readonly Name[]; readonly rest: number } {
  const names: Name[] = [];
  let rest = mask;
  for (const [bit, name] of Object.entries(table)) {
    if ((mask & Number(bit)) === 0) continue;
    names.push(name);
    rest &= ~Number(bit);
  }
  return { names, rest: rest >>> 0 };
}

/** Names of the bits that make a file system unreadable; those without one as numbers. */
export function nameUnknownBits(mask: number, names: Readonly<Record<number, string>>): readonly string[] {
  const unknown: string[] = [];
  for (let bit = 0; bit < 32; bit += 1) {
    const value = 2 ** bit;
    if (((mask >>> bit) & 1) === 1) unknown.push(names[value] ?? `0x${value.toString(16)}`);
  }
  return unknown;
}
