import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { isMissing } from '../errno.ts';
import { besidesPathOf, isObjectName, privateDirectory } from './object-layout.ts';
import { pathBytes, rawPathOf, rawPathOfText } from '../source/raw-path.ts';
import { walkInByteOrder } from '../source/walk-in-byte-order.ts';

export interface NameRange {
  readonly prefix: string;
  readonly startAfter?: string;
}

function rawOf(text: string): string {
  return rawPathOf(Buffer.from(text, 'utf8'));
}

function* fileNames(root: string, prefix: string, from: string): Generator<string, void, undefined> {
  const walk = walkInByteOrder(rawPathOfText(root), { from }, (_, error) => {
    if (!isMissing(error)) throw error;
  });
  for (const raw of walk) {
    if (!raw.startsWith(prefix)) return;
    if (!raw.endsWith('/') && !raw.startsWith(`${privateDirectory}/`)) yield raw;
  }
}

/** Names of objects whose bytes lie in their records: only those that are directories too, or lie below a file. */
function namesBesides(root: string, prefix: string, from: string): string[] {
  try {
    return readdirSync(besidesPathOf(root))
      .map((name) => rawOf(decodeURIComponent(name)))
      .filter((raw) => raw.startsWith(prefix) && raw >= from)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isFile(root: string, name: string): boolean {
  if (!isObjectName(name)) return false;
  try {
    return statSync(path.join(root, name)).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * Names of objects that have bytes, in the order of these names' bytes, each once. Reads the directories on the way to the
 * prefix and below it; not even these for a name that is the prefix itself, which comes before all others.
 */
export function* listObjectNames(root: string, range: NameRange): Generator<string, void, undefined> {
  const prefix = rawOf(range.prefix);
  const after = rawOf(range.startAfter ?? '');
  const from = after > prefix ? after : prefix;
  let passed = after;
  if (after < prefix && isFile(root, range.prefix)) {
    yield range.prefix;
    passed = prefix;
  }
  const besides = namesBesides(root, prefix, from);
  let next = 0;
  const files = fileNames(root, prefix, from);
  let file = files.next();
  while (!file.done || next < besides.length) {
    const beside = besides[next];
    const raw = file.done || (beside !== undefined && beside < file.value) ? beside : file.value;
    if (raw === undefined) return;
    if (raw === beside) next += 1;
    if (!file.done && raw === file.value) file = files.next();
    if (raw !== passed) yield pathBytes(raw).toString('utf8');
  }
}
