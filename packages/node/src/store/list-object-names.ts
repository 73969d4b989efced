import { readdirSync } from 'node:fs';

import { isMissing } from '../errno.ts';
import { privateDirectory, recordsPathOf } from './object-layout.ts';
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

function recordNames(root: string, prefix: string, from: string): string[] {
  try {
    return readdirSync(recordsPathOf(root))
      .map((name) => rawOf(decodeURIComponent(name)))
      .filter((raw) => raw.startsWith(prefix) && raw >= from)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Names of objects that have a file or a record, in the order of their bytes, each once. */
export function* listObjectNames(root: string, range: NameRange): Generator<string, void, undefined> {
  const prefix = rawOf(range.prefix);
  const after = rawOf(range.startAfter ?? '');
  const from = after > prefix ? after : prefix;
  const records = recordNames(root, prefix, from);
  let next = 0;
  const files = fileNames(root, prefix, from);
  let file = files.next();
  while (!file.done || next < records.length) {
    const recorded = records[next];
    const raw = file.done || (recorded !== undefined && recorded < file.value) ? recorded : file.value;
    if (raw === undefined) return;
    if (raw === recorded) next += 1;
    if (!file.done && raw === file.value) file = files.next();
    if (raw !== after) yield pathBytes(raw).toString('utf8');
  }
}
