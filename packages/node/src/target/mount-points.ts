import { readFileSync } from 'node:fs';

import { errnoOf } from '../errno.ts';
import type { RawPath } from '../source/raw-path.ts';

/**
 * Takes the places where something is mounted, as real paths, out of Linux's list of mounts. That alone tells of bind
 * mounts: their files lie on the device of those around them.
 * @see proc_pid_mountinfo(5): the fifth field, in which spaces, line breaks and backslashes are octal.
 */
export function parseMountPoints(mountInfo: string): readonly RawPath[] {
  const places = mountInfo.split('\n').flatMap((line) => line.split(' ').slice(4, 5));
  return places.map((place) => place.replaceAll(/\\([0-7]{3})/g, byteOf) as RawPath);
}

function byteOf(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

/** Mount points of this machine; none where the system does not tell. */
export function readMountPoints(): readonly RawPath[] {
  try {
    return parseMountPoints(readFileSync('/proc/self/mountinfo', 'latin1'));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}
