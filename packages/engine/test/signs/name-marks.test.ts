import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { NameMarkCounter } from '../../src/signs/name-marks.ts';

test('counts notes, and files that took the place of one that is gone under one more ending', () => {
  const counter = new NameMarkCounter();

  counter.addNew(utf8('a/HOW_TO_DECRYPT.txt'));
  for (const name of ['b', 'c', 'd', 'e']) {
    counter.addGone(utf8(`a/${name}.docx`));
    counter.addNew(utf8(`a/${name}.docx.x7fz`));
  }
  counter.addGone(utf8('a/f'));
  for (const name of ['a/f.d/g', 'a/f2', 'a/g.new']) counter.addNew(utf8(name));

  expect(counter.marks).toEqual({
    known: 1,
    renamed: 4,
    knownExamples: ['a/HOW_TO_DECRYPT.txt'],
    renamedExamples: ['a/b.docx.x7fz', 'a/c.docx.x7fz', 'a/d.docx.x7fz'],
  });
});

test('adds up what parts of a run have counted', () => {
  const counter = new NameMarkCounter();
  const part = { known: 2, renamed: 0, knownExamples: ['x', 'y'], renamedExamples: [] };

  expect(counter.marks).toBeUndefined();
  counter.addAll(undefined);
  counter.addAll(part);
  counter.addAll(part);

  expect(counter.marks).toEqual({
    known: 4,
    renamed: 0,
    knownExamples: ['x', 'y', 'x'],
    renamedExamples: [],
  });
});
