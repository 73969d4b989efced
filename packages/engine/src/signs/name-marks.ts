import * as z from 'zod';
import { equalBytes, fromUtf8 } from '../bytes.ts';
import { isRansomName } from './ransom-names.ts';

const examplesKept = 3;
const count = z.int().nonnegative();

/** Names that a run met for the first time, and that an attack may have given. */
export const NameMarks = z.object({
  /** Files that are called as ransomware calls its notes, or what it has encrypted. */
  known: count,
  /** Files that took the place of one that is gone: the same name with one more ending. */
  renamed: count,
  /** Paths of the first of either. */
  knownExamples: z.array(z.string()).max(examplesKept),
  renamedExamples: z.array(z.string()).max(examplesKept),
});
export type NameMarks = Readonly<z.infer<typeof NameMarks>>;

const slash = 0x2f;
const dot = 0x2e;

/** Counts marked names of a run, or of a part of it. */
export class NameMarkCounter {
  #marks: NameMarks = { known: 0, renamed: 0, knownExamples: [], renamedExamples: [] };
  #gone: Uint8Array | undefined;

  /** Takes note of a file that is gone. Files come in the order of their paths. */
  addGone(path: Uint8Array): void {
    this.#gone = path;
  }

  /** Takes note of a file that was not there before. */
  addNew(path: Uint8Array): void {
    const name = fromUtf8(path.subarray(path.lastIndexOf(slash) + 1));
    const isKnown = isRansomName(name);
    const isRenamed = this.#gone !== undefined && hasOneMoreEnding(path, this.#gone);
    if (!isKnown && !isRenamed) return;
    const example = fromUtf8(path);
    this.addAll({
      known: isKnown ? 1 : 0,
      renamed: isRenamed ? 1 : 0,
      knownExamples: isKnown ? [example] : [],
      renamedExamples: isRenamed ? [example] : [],
    });
  }

  addAll(marks: NameMarks | undefined): void {
    if (marks === undefined) return;
    const before = this.#marks;
    this.#marks = {
      known: before.known + marks.known,
      renamed: before.renamed + marks.renamed,
      knownExamples: [...before.knownExamples, ...marks.knownExamples].slice(0, examplesKept),
      renamedExamples: [...before.renamedExamples, ...marks.renamedExamples].slice(0, examplesKept),
    };
  }

  /** `undefined` where there was none. */
  get marks(): NameMarks | undefined {
    return this.#marks.known + this.#marks.renamed > 0 ? this.#marks : undefined;
  }
}

/** `a/b.doc.xyz` of `a/b.doc`: it comes right behind it in the order of paths, but for what has a lower byte than a dot. */
function hasOneMoreEnding(path: Uint8Array, gone: Uint8Array): boolean {
  if (path.length <= gone.length + 1 || path[gone.length] !== dot) return false;
  if (path.indexOf(slash, gone.length) !== -1) return false;
  return equalBytes(path.subarray(0, gone.length), gone);
}
