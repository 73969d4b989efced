import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, rmSync, unlinkSync } from 'node:fs';

import { toHex } from '@holdfast/engine';
import type { RandomBytes } from '@holdfast/engine';

import { isMissing } from '../errno.ts';
import type { ProcessMark } from '../store/process-mark.ts';
import { pathBytes } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';

const pattern = /^\.holdfast-([0-9a-f-]{25,60})-[0-9a-f]{16}-\d{1,16}(?:-for-([0-9a-f]{16}))?$/;

export function isStagingName(name: string): boolean {
  return pattern.test(name);
}

/**
 * Names of the files that a restore writes beside their places: `.holdfast-<process>-<random>-<number>`. They say whose
 * they are, so that what a killed restore left is told from what a running one is writing.
 */
export class StagingNames {
  readonly #mark: ProcessMark;
  readonly #prefix: string;
  #count = 0;

  constructor(mark: ProcessMark, random: RandomBytes) {
    this.#mark = mark;
    this.#prefix = `.holdfast-${mark.text}-${toHex(random.bytes(8))}-`;
  }

  next(): string {
    this.#count += 1;
    return `${this.#prefix}${this.#count}`;
  }

  /**
   * Removes what ended restores left in a directory, given as a full path with no `/` at its end: their temporary files,
   * and names that they had claimed for one and not filled yet.
   */
  removeLeftovers(directory: RawPath): void {
    const names = readdirSync(pathBytes(directory === '' ? '/' : directory), 'latin1');
    for (const name of names) {
      const [, mark, claimed] = pattern.exec(name) ?? [];
      if (mark === undefined || !this.#mark.hasEnded(mark)) continue;
      // First: without the temporary file nothing says any more that the empty one was a claim.
      for (const other of claimed === undefined ? [] : names) {
        if (digestOf(other) === claimed) removeIfEmpty(pathBytes(`${directory}/${other}`));
      }
      remove(pathBytes(`${directory}/${name}`));
    }
  }
}

/** Name of a staged file from the moment when an empty file claims its place; it says which place. */
export function claimPathOf(staged: Buffer, place: Buffer): Buffer {
  const name = place.toString('latin1').slice(place.lastIndexOf('/') + 1);
  return Buffer.concat([staged, Buffer.from(`-for-${digestOf(name)}`)]);
}

function digestOf(name: string): string {
  return createHash('sha256').update(name, 'latin1').digest('hex').slice(0, 16);
}

function removeIfEmpty(path: Buffer): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true && stats.size === 0) remove(path);
}

/** Removes a path that another worker of the same restore may have removed. */
function remove(path: Buffer): void {
  try {
    if (lstatSync(path).isDirectory()) rmSync(path, { recursive: true });
    else unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
