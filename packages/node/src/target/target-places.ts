import { lstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { RestorePathError } from '@holdfast/engine';
import type { SourceEntry } from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';

import { pathBytes, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';
import { restorePathOf } from './restore-path.ts';
import { isStagingName } from './staging-names.ts';
import type { StagingNames } from './staging-names.ts';
import type { TargetDirectories } from './target-directories.ts';

/** Where an entry belongs. */
export interface TargetPlace {
  readonly entry: SourceEntry;
  /** Below the root, without a `/` at its end. */
  readonly path: RawPath;
  readonly fullPath: Buffer;
  readonly parent: RawPath;
  readonly endsInSlash: boolean;
}

/** The places below a target's root, and what is in them already. */
export class TargetPlaces {
  readonly #root: RawPath;
  readonly #staging: StagingNames;
  readonly #directories: TargetDirectories;

  constructor(root: RawPath, staging: StagingNames, directories: TargetDirectories) {
    this.#root = root;
    this.#staging = staging;
    this.#directories = directories;
  }

  /** @throws {@link RestorePathError} the entry's path can be none here. */
  placeOf(entry: SourceEntry): TargetPlace {
    const { parent, name, isDirectory: endsInSlash } = restorePathOf(entry.path);
    if (isStagingName(name)) {
      throw new RestorePathError(
        shownPath(entry.path),
        'it has the name of a temporary file of a restore, and would be removed as one; restore it to a bucket',
      );
    }
    const path = (parent === '' ? name : `${parent}/${name}`) as RawPath;
    return { entry, path, parent, endsInSlash, fullPath: this.fullPath(path) };
  }

  fullPath(path: string): Buffer {
    return pathBytes(`${this.#root}/${path}`);
  }

  /** A path in a directory that nothing has, for what is not in its place yet. */
  stagingPath(directory: RawPath): Buffer {
    return this.fullPath(`${directory === '' ? '' : `${directory}/`}${this.#staging.next()}`);
  }

  findStats(fullPath: Buffer): BigIntStats | undefined {
    return lstatSync(fullPath, { bigint: true, throwIfNoEntry: false });
  }

  /** The existing file in the place of a file or link. A directory is never replaced by one. */
  findReplaceable({ path, parent, fullPath }: TargetPlace, rule: OverwriteRule): BigIntStats | undefined {
    const existing = this.#directories.inside(parent, () => this.findStats(fullPath));
    if (existing?.isDirectory() === true && rule !== 'never') {
      throw new RestorePathError(shownPath(path), 'a directory is there; remove it, or restore elsewhere');
    }
    return existing;
  }
}
