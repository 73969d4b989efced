import { namesOfBits, nameUnknownBits } from '../file-system/feature-bits.ts';

/** Features of version 5 that a reader must know, or it would misread the file system, by their bits. */
const knownIncompatible = {
  0x1: 'ftype',
  0x2: 'sparse_inodes',
  0x4: 'meta_uuid',
  0x8: 'bigtime',
  0x10: 'needsrepair',
  0x20: 'nrext64',
  0x40: 'exchange',
  0x80: 'parent',
} as const;

/** Names of what is refused, for the message. */
const otherIncompatible: Record<number, string> = {
  0x100: 'metadir',
  0x200: 'zoned',
  0x400: 'zone_gaps',
};

const readOnlyCompatible = { 0x4: 'reflink' } as const;

/** Bits of the version that version 4 has its features in. */
const ofVersion = { 0x1000: 'unwritten', 0x2000: 'dirv2', 0x4000: 'ascii_ci' } as const;
const sharedBit = 0x200;
const moreBit = 0x8000;
/** Features that came when the bits of the version were used up. */
const ofSecondWord = { 0x200: 'ftype' } as const;
const knownInSecondWord = 0x28a;

type NameOf<Table> = Table[keyof Table];
export type XfsFeature =
  | NameOf<typeof knownIncompatible>
  | NameOf<typeof readOnlyCompatible>
  | NameOf<typeof ofVersion>
  | 'crc';

/** The masks of a superblock. */
export interface XfsFeatureMasks {
  readonly version: number;
  readonly second: number;
  readonly readOnly: number;
  readonly incompatible: number;
}

export interface XfsFeatures {
  readonly names: ReadonlySet<XfsFeature>;
  /** Names or bits of what makes the file system unreadable here; empty if nothing does. */
  readonly unknown: readonly string[];
}

/** What only writers must know is passed over. */
export function xfsFeaturesOf({ version, second, readOnly, incompatible }: XfsFeatureMasks): XfsFeatures {
  const { names: ofBoth } = namesOfBits(version, ofVersion);
  if ((version & 0xf) === 5) {
    const must = namesOfBits(incompatible, knownIncompatible);
    const { names } = namesOfBits(readOnly, readOnlyCompatible);
    return {
      names: new Set<XfsFeature>(['crc', 'unwritten', ...ofBoth, ...must.names, ...names]),
      unknown: nameUnknownBits(must.rest, otherIncompatible),
    };
  }
  const word = (version & moreBit) === 0 ? 0 : second;
  const unknown = [...nameUnknownBits(word & ~knownInSecondWord, { 0x10: 'parent' })];
  if (!ofBoth.includes('dirv2')) unknown.push('directories of version 1');
  return {
    names: new Set<XfsFeature>([...ofBoth, ...namesOfBits(word, ofSecondWord).names]),
    unknown: (version & sharedBit) === 0 ? unknown : [...unknown, 'shared'],
  };
}
