import { numberText as number, tableLines } from '../figures.ts';
import type { Usage } from '../child.ts';
import { crowdFiles } from './source-tree.ts';
import type { FileSystemName } from './disk-image.ts';

/** A command of the program over a point in a vault in a directory, and the blocks that the same takes of a snapshot. */
interface Asked {
  readonly usage: Usage;
  readonly blocks: number;
}

export interface DiskFigures {
  readonly name: FileSystemName;
  readonly firstByte: Asked;
  readonly listing: Asked;
  /** All files of the tree: by Holdfast; by a mount of the image and `cp -a`. */
  readonly restored: Usage;
  readonly copied: Usage;
  readonly diskImage: Usage;
}

export interface SkippedDisk {
  readonly name: FileSystemName;
  readonly skipped: string;
}

export interface FoundFigures {
  readonly glob: string;
  readonly points: number;
  readonly versions: number;
  readonly usage: Usage;
}

export interface AllFigures {
  readonly disks: readonly (DiskFigures | SkippedDisk)[];
  readonly found: readonly FoundFigures[];
  readonly files: number;
  readonly bytes: number;
  readonly imageBytes: number;
  readonly changedFiles: number;
}

const mebibytes = (bytes: number): string => number(bytes / 2 ** 20);

function seconds({ seconds: wall, cpuSeconds }: Usage): readonly string[] {
  return [number(wall, 1), number(cpuSeconds, 1)];
}

export function figuresOf({ disks, found, files, bytes, imageBytes, changedFiles }: AllFigures): string {
  const measured = disks.filter((disk) => 'restored' in disk);
  const skipped = disks.filter((disk) => 'skipped' in disk);
  const rates = (usage: Usage): readonly string[] => [
    ...seconds(usage),
    number(bytes / 1e6 / usage.seconds, 1),
    number(files / usage.seconds),
    mebibytes(usage.peakBytes),
  ];
  return [
    `Images of ${number(imageBytes / 2 ** 30)} GiB, with ${number(files)} files of ${number(bytes / 1e6)} MB in directories of a hundred, and one ` +
      `directory of ${number(crowdFiles)}:`,
    '',
    ...tableLines(
      ['', 'blocks of 512 KiB', 'seconds', 'CPU seconds', 'MiB'],
      measured.flatMap(({ name, firstByte, listing }) =>
        (
          [
            [`first byte of a file, ${name}`, firstByte],
            [`a list of ${number(crowdFiles)} names, ${name}`, listing],
          ] as const
        ).map(([what, { blocks, usage }]) => [
          what,
          number(blocks),
          ...seconds(usage),
          mebibytes(usage.peakBytes),
        ]),
      ),
    ),
    '',
    `All ${number(files)} files:`,
    '',
    ...tableLines(
      ['', 'seconds', 'CPU seconds', 'MB/s', 'files/s', 'MiB'],
      measured.flatMap(({ name, restored, copied, diskImage }) => [
        [`${name}: out of the vault, by Holdfast`, ...rates(restored)],
        [`${name}: out of a mounted image, by \`cp -a\``, ...rates(copied)],
        [`${name}: that image out of the vault before (\`--to-file\`)`, ...seconds(diskImage), '', '', ''],
      ]),
    ),
    ...skipped.map(({ name, skipped: why }) => `\n${name} was left out: ${why}.`),
    '',
    `\`holdfast find\` in points of the image of ext4, ${number(changedFiles)} files of which change from each to the next:`,
    '',
    ...tableLines(
      ['`find … --versions --json`', 'points', 'versions', 'seconds', 'CPU seconds', 'MiB'],
      found.map(({ glob, points, versions, usage }) => [
        `\`${glob}\``,
        number(points),
        number(versions),
        ...seconds(usage),
        mebibytes(usage.peakBytes),
      ]),
    ),
  ].join('\n');
}

/** One large file, every block of which has content. */
export function figuresOfLarge(large: {
  readonly bytes: number;
  readonly blocks: number;
  readonly usage: Usage;
}): string {
  const { bytes, blocks, usage } = large;
  return tableLines(
    ['a dense file of', 'blocks of 512 KiB read', 'seconds', 'CPU seconds', 'MB/s', 'MiB'],
    [
      [
        `${number(bytes / 1e9)} GB`,
        number(blocks),
        ...seconds(usage),
        number(bytes / 1e6 / usage.seconds),
        mebibytes(usage.peakBytes),
      ],
    ],
  ).join('\n');
}
