import { statSync } from 'node:fs';
import path from 'node:path';

import { ObjectNotFoundError } from '@holdfast/engine';
import type { ObjectState, ObjectVersion } from '@holdfast/engine';

import { isMissing } from '../errno.ts';
import { objectPathOf } from './object-layout.ts';
import { ObjectRecord } from './object-record.ts';
import type { KnownVersion } from './object-record.ts';

/** The version id of an object that was not written by this store, such as a file of a copied bucket. */
const foreignVersionId = 'file';

export interface LocatedVersion extends ObjectState {
  readonly path: string;
}

export function versionOf({ name, versionId, bytes, storedAt }: LocatedVersion): ObjectVersion {
  return { name, versionId, bytes, storedAt };
}

export function stateOf(located: LocatedVersion): ObjectState {
  const { lock, legalHold, storageClass } = located;
  return {
    ...versionOf(located),
    ...(lock === undefined ? {} : { lock }),
    ...(legalHold === true && { legalHold }),
    ...(storageClass === undefined ? {} : { storageClass }),
  };
}

/** Finds the versions of the objects of a directory store: from their records, or from a file that has none. */
export class ObjectLocator {
  readonly #root: string;
  readonly #durable: boolean;

  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** @throws {@link InvalidInputError} the name cannot be one of this store. */
  record(name: string): ObjectRecord {
    return new ObjectRecord(this.#root, name, this.#durable);
  }

  filePath(name: string): string {
    return path.join(this.#root, objectPathOf(name));
  }

  async hasFile(name: string): Promise<boolean> {
    try {
      return statSync(this.filePath(name)).isFile();
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** @throws {@link ObjectNotFoundError} no such name or version. */
  async locate(name: string, versionId: string | undefined): Promise<LocatedVersion> {
    const versions = await this.locateAll(name);
    const [oldest] = versions;
    // A file that this store did not write answers to every version id.
    const found =
      versionId === undefined || oldest?.versionId === foreignVersionId
        ? oldest
        : versions.find((version) => version.versionId === versionId);
    if (found === undefined) throw new ObjectNotFoundError(name, versionId);
    return found;
  }

  /** All versions whose bytes exist, oldest first. */
  async locateAll(name: string): Promise<readonly LocatedVersion[]> {
    const record = this.record(name);
    const known = await record.versions();
    if (known.length > 0) {
      const located = await Promise.all(known.map((version) => this.#locateFile(name, version)));
      return located.filter((version) => version !== undefined);
    }
    const foreign = await this.#locateFile(name, {
      versionId: foreignVersionId,
      besides: false,
      ...(await record.findKeepers(foreignVersionId)),
    });
    return foreign === undefined ? [] : [foreign];
  }

  async #locateFile(
    name: string,
    version: Omit<KnownVersion, 'storedAt'> & { readonly storedAt?: Date },
  ): Promise<LocatedVersion | undefined> {
    const { besides, ...state } = version;
    // A record was asked for by that name, so it is usable.
    const file = besides ? this.record(name).dataPath(version.versionId) : `${this.#root}/${name}`;
    try {
      const found = statSync(file);
      if (!found.isFile()) return undefined;
      return { name, bytes: found.size, storedAt: found.mtime, ...state, path: file };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
