import { type SourceEntry } from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import { SeededRandom } from '@holdfast/engine/testing';

import { DirectoryTarget } from '../src/index.ts';
import { makeTempDir } from './temp-dir.ts';

/** Whether owners can be set here. */
export const asRoot = process.geteuid?.() === 0;
/** Time of every entry that a test writes. */
export const modifiedMs = 1_500_000_000_123.5;

/** An entry of a file, or of what `more` says; the name is latin1: one character a byte. */
export function entry(name: string, more: Partial<SourceEntry> = {}): SourceEntry {
  return {
    path: Buffer.from(name, 'latin1'),
    kind: 'file',
    size: 0,
    modifiedMs,
    changeToken: '',
    attributes: { mode: '0640' },
    userMetadata: {},
    tags: {},
    ...more,
  };
}

/** Content in pieces. */
export async function* pieces(...content: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of content) {
    // A piece is only valid until the next one is asked for.
    const bytes = Buffer.from(piece);
    yield bytes;
    bytes.fill(0xee);
  }
}

/** Content that cannot be read to its end. */
export async function* brokenContent(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new RangeError('damaged');
}

/** A target in a new directory. */
export function makeTarget(root = makeTempDir()): { target: DirectoryTarget; root: string } {
  return { target: new DirectoryTarget({ root, random: new SeededRandom() }), root };
}

/** Writes a file whose content is ASCII text. */
export function writeText(
  target: DirectoryTarget,
  name: string,
  text: string,
  rule: OverwriteRule = 'never',
): Promise<string> {
  return target.write(entry(name, { size: text.length }), pieces(text), rule);
}

/** An entry of a link. */
export const link = (name: string, target: string): SourceEntry =>
  entry(name, { kind: 'symlink', attributes: { 'link-target': target } });
/** An entry of a directory. */
export const directory = (name: string, mode = '0750'): SourceEntry =>
  entry(name, { kind: 'directory', attributes: { mode } });
