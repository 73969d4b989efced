import { promisify } from 'node:util';

import { InvalidInputError, NotSupportedError, TargetUnavailableError } from '@holdfast/engine';

import { errnoOf } from '../errno.ts';

/** Formats of disk images; all but `raw` are made by `qemu-img`. */
export const imageFormats = ['raw', 'qcow2', 'vhd'] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** As `qemu-img` calls them. `force_size`: without it a VHD gets the next size that old disk geometries can express. */
const arguments_: Readonly<Record<Exclude<ImageFormat, 'raw'>, readonly string[]>> = {
  qcow2: ['-O', 'qcow2'],
  vhd: ['-O', 'vpc', '-o', 'subformat=dynamic,force_size=on'],
};

/**
 * Largest disk of a VHD.
 * @see https://learn.microsoft.com/windows-server/storage/disk-management/manage-virtual-hard-disks
 */
const largestVhdBytes = 2040 * 2 ** 30;

const missing =
  '"qemu-img", which makes that format, is not installed: install it (the package is qemu-utils on Debian and Ubuntu, ' +
  'qemu-img on Amazon Linux and Fedora, qemu in Homebrew), or leave --format out and convert the raw image elsewhere';

/**
 * Checks that an image can be had in a format, before anything is restored.
 * @throws {@link NotSupportedError} `qemu-img` is not installed.
 * @throws {@link InvalidInputError} the disk is too large for the format.
 */
export async function checkFormat(format: ImageFormat, bytes: number): Promise<void> {
  if (format === 'raw') return;
  if (format === 'vhd' && bytes > largestVhdBytes)
    throw new InvalidInputError(
      `a VHD has at most ${largestVhdBytes / 2 ** 30} GiB, the volume has ${bytes / 2 ** 30}; make it qcow2 or raw`,
    );
  await runTool(['--version']);
}

/**
 * Makes an image of another format out of a raw one.
 * @throws {@link TargetUnavailableError} `qemu-img` failed; the message has its words.
 */
export async function convertImage(
  raw: string,
  to: string,
  format: Exclude<ImageFormat, 'raw'>,
  signal?: AbortSignal,
): Promise<void> {
  await runTool(['convert', '-f', 'raw', ...arguments_[format], raw, to], signal);
}

async function runTool(args: readonly string[], signal?: AbortSignal): Promise<void> {
  try {
    const { execFile } = await import('node:child_process');
    await promisify(execFile)('qemu-img', [...args], { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (errnoOf(error) === 'ENOENT') throw new NotSupportedError(missing, { cause: error });
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new TargetUnavailableError(
      `qemu-img ${args[0]} failed: ${said}; check the disk, and restore again`,
      {
        cause: error,
      },
    );
  }
}
