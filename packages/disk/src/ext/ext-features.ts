import { namesOfBits, nameUnknownBits } from '../file-system/feature-bits.ts';

/** Features that a reader must know, or it would misread the file system, by their bits. */
const knownIncompatible = {
  0x2: 'filetype',
  0x4: 'needs_recovery',
  0x10: 'meta_bg',
  0x40: 'extent',
  0x80: '64bit',
  0x100: 'mmp',
  0x200: 'flex_bg',
  0x400: 'ea_inode',
  0x2000: 'metadata_csum_seed',
  0x4000: 'large_dir',
  0x8000: 'inline_data',
  // Names and content of encrypted directories are refused where they are met; the rest can be read.
  0x10000: 'encrypt',
  0x20000: 'casefold',
} as const;

/** Names of what is refused, for the message. */
const otherIncompatible: Record<number, string> = {
  0x1: 'compression',
  0x8: 'journal_dev',
  0x1000: 'dirdata',
};

const readOnlyCompatible = {
  0x1: 'sparse_super',
  0x8: 'huge_file',
  0x10: 'uninit_bg',
  0x20: 'dir_nlink',
  0x40: 'extra_isize',
  0x100: 'quota',
  0x200: 'bigalloc',
  0x400: 'metadata_csum',
  0x2000: 'project',
  0x4000: 'shared_blocks',
  0x8000: 'verity',
  0x10000: 'orphan_present',
} as const;

const compatible = { 0x4: 'has_journal', 0x20: 'dir_index', 0x200: 'sparse_super2' } as const;

type NameOf<Table> = Table[keyof Table];
export type ExtFeature =
  | NameOf<typeof knownIncompatible>
  | NameOf<typeof readOnlyCompatible>
  | NameOf<typeof compatible>;

export interface ExtFeatures {
  readonly names: ReadonlySet<ExtFeature>;
  /** Names or bits of what makes the file system unreadable here; empty if nothing does. */
  readonly unknown: readonly string[];
}

/** Features of a superblock by its three masks. What only writers must know is passed over. */
export function featuresOf(compat: number, incompat: number, readOnly: number): ExtFeatures {
  const must = namesOfBits(incompat, knownIncompatible);
  const others = [namesOfBits(compat, compatible), namesOfBits(readOnly, readOnlyCompatible)];
  return {
    names: new Set([must, ...others].flatMap(({ names }): readonly ExtFeature[] => names)),
    unknown: nameUnknownBits(must.rest, otherIncompatible),
  };
}
