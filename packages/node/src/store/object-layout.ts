import path from 'node:path';

import { InvalidInputError } from '@holdfast/engine';
import type { PutOptions } from '@holdfast/engine';

/** Directory below a store's root that holds everything but the objects themselves. No object's name lies in it. */
export const privateDirectory = '.holdfast';

const encodedBytesMost = 255;

/**
 * The path of an object below the store's root: its name, as it is.
 * @throws {@link InvalidInputError} the name cannot be a path here: it is empty, has an empty, `.` or `..` part or a NUL,
 *   is too long for a file name once it is percent-encoded, or lies in the store's private directory.
 */
export function objectPathOf(name: string): string {
  const parts = name.split('/');
  const usable =
    name.isWellFormed() &&
    !name.includes('\0') &&
    parts[0] !== privateDirectory &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    encodeURIComponent(name).length <= encodedBytesMost;
  if (!usable) {
    throw new InvalidInputError(
      `object name ${JSON.stringify(name)} cannot be a path in a directory store; use parts other than "", "." and "..", ` +
        `at most ${encodedBytesMost} bytes percent-encoded, not below ${privateDirectory}`,
    );
  }
  return name;
}

export function recordsPathOf(root: string): string {
  return path.join(root, privateDirectory, 'versions');
}

/** Path of an object's record: a directory named like the object, percent-encoded so that all of them lie in one. */
export function recordPathOf(root: string, name: string): string {
  return path.join(recordsPathOf(root), encodeURIComponent(objectPathOf(name)));
}

/** @throws {@link InvalidInputError} the lock's date or the storage class cannot be written down. */
export function checkPutOptions(name: string, { lock, storageClass }: PutOptions): void {
  if (lock !== undefined && !(lock.until.getTime() >= 0)) {
    throw new InvalidInputError(`the lock date of ${name} is not a date after 1970; give one`);
  }
  if (storageClass !== undefined && !/^[A-Z0-9_]{1,64}$/.test(storageClass)) {
    throw new InvalidInputError(
      `storage class ${JSON.stringify(storageClass)} of ${name} is not one; use a name such as STANDARD_IA`,
    );
  }
}
