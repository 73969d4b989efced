import path from 'node:path';

import { InvalidInputError } from '@holdfast/engine';
import type { PutOptions } from '@holdfast/engine';

/** Directory below a store's root that holds everything but the objects themselves. No object's name lies in it. */
export const privateDirectory = '.holdfast';

const encodedBytesMost = 255;
/** An empty part of a name, `.` or `..`. */
const uselessPart = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * Tells that a name can be a path here: it is not empty, has no empty, `.` or `..` part and no NUL, is not too long for a
 * file name once it is percent-encoded, and does not lie in the store's private directory.
 */
export function isObjectName(name: string): boolean {
  return (
    !uselessPart.test(name) &&
    name.isWellFormed() &&
    !name.includes('\0') &&
    name !== privateDirectory &&
    !name.startsWith(`${privateDirectory}/`) &&
    encodeURIComponent(name).length <= encodedBytesMost
  );
}

/**
 * The path of an object below the store's root: its name, as it is.
 * @throws {@link InvalidInputError} the name cannot be a path here.
 */
export function objectPathOf(name: string): string {
  if (!isObjectName(name)) {
    throw new InvalidInputError(
      `object name ${JSON.stringify(name)} cannot be a path in a directory store; use parts other than "", "." and "..", ` +
        `at most ${encodedBytesMost} bytes percent-encoded, not below ${privateDirectory}`,
    );
  }
  return name;
}

/**
 * Path of an object's record: a directory named like the object, percent-encoded. All of them lie in one directory,
 * which has as many names as the store has objects: it is never listed.
 */
export function recordPathOf(root: string, name: string): string {
  return `${root}/${privateDirectory}/versions/${encodeURIComponent(objectPathOf(name))}`;
}

/** Directory of the marks of {@link besidesMarkOf}; missing while there is none. */
export function besidesPathOf(root: string): string {
  return path.join(root, privateDirectory, 'besides');
}

/** Path of the mark of an object whose bytes lie in its record: an empty file, by which a listing finds the object. */
export function besidesMarkOf(root: string, name: string): string {
  return path.join(besidesPathOf(root), encodeURIComponent(objectPathOf(name)));
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
