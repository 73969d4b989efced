import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ids, prose, resources, right, states, tableLines, times, wideOnly } from '../src/terminal/table.ts';
import { textWidth } from '../src/terminal/text-width.ts';

const now = new Date('2026-11-23T12:00:00Z');
const plain = { now, paint: (_: unknown, text: string) => text };

function narrow(...[columns, rows]: [Parameters<typeof tableLines>[0], Parameters<typeof tableLines>[1]]) {
  return tableLines(columns, rows, { ...plain, columns: 80 });
}

const hostile = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\u001b[2J', '\u202e', '\n', '写', '写真', '👨‍👩‍👧', 'é', '\u200b', ' '),
  ),
  maxLength: 150,
});
const columnOf = fc.constantFrom(
  'NAME',
  right('SIZE'),
  ids('POINT', 20),
  resources('RESOURCE'),
  times('TAKEN'),
  states('S'),
);

test('no table is wider than the terminal, whatever stands in it, and nothing in it commands the terminal', () => {
  const tables = fc.array(columnOf, { minLength: 1, maxLength: 10 }).chain((columns) =>
    fc.tuple(
      fc.constant([...columns, prose('PROBLEM')]),
      fc.array(fc.array(hostile, { minLength: columns.length + 1, maxLength: columns.length + 1 }), {
        maxLength: 4,
      }),
    ),
  );
  fc.assert(
    fc.property(tables, ([columns, rows]) => {
      for (const line of narrow(columns, rows)) {
        expect(textWidth(line)).toBeLessThanOrEqual(80);
        expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
      }
    }),
    { numRuns: 60 },
  );
});

test('names are cut in the middle, sentences go on in the next line, and numbers stay whole', () => {
  const lines = narrow(
    ['NAME', right('SIZE'), prose('PROBLEM')],
    [
      [
        `photos-${'x'.repeat(80)}-2026.zip`,
        '1.5 GiB',
        'the bucket is not there any more; look whether somebody has deleted it',
      ],
    ],
  );

  expect(lines).toEqual([
    'NAME                                   SIZE  PROBLEM',
    'photos-xxxxxxxxxx…xxxxxxx-2026.zip  1.5 GiB  the bucket is not there any more;',
    '                                             look whether somebody has deleted',
    '                                             it',
  ]);
});

test('letters of two columns are counted as two', () => {
  expect(
    narrow(
      ['NAME', 'PLAN'],
      [
        ['写真', 'daily'],
        ['café', 'daily'],
      ],
    ),
  ).toEqual(['NAME  PLAN', '写真  daily', 'café  daily']);
});

test('ids are shown by as many characters as tell them apart', () => {
  const rows = [
    ['20261123T020000Z-9f2c51b07be4d1a6'],
    ['20261123T020000Z-9f2c51ffffffffff'],
    ['20261122T020000Z-0000000000000000'],
  ];

  expect(narrow([ids('POINT', 21)], rows)).toEqual([
    'POINT',
    '20261123T020000Z-9f2c51b',
    '20261123T020000Z-9f2c51f',
    '20261122T020000Z-0000000',
  ]);
});

function volumeRow(region: string, id: string): readonly string[] {
  return [`arn:aws:ec2:${region}:111122223333:volume/${id}`];
}

test('resources are shown by their names, and by their ARNs where two have the same', () => {
  expect(
    narrow(
      [resources('RESOURCE')],
      [volumeRow('eu-west-1', 'vol-1'), volumeRow('us-east-1', 'vol-1'), volumeRow('us-east-1', 'vol-2')],
    ),
  ).toEqual([
    'RESOURCE',
    'arn:aws:ec2:eu-west-1:111122223333:volume/vol-1',
    'arn:aws:ec2:us-east-1:111122223333:volume/vol-1',
    'vol-2',
  ]);
});

test('times are shown from now, and with all columns exactly', () => {
  const columns = [times('TAKEN'), times('EXPIRES'), wideOnly('PLAN')];
  const rows = [[new Date('2026-11-23T09:00:00Z'), new Date('2026-12-23T12:00:00Z'), 'daily']];

  expect(narrow(columns, rows)).toEqual(['TAKEN    EXPIRES', '3 h ago  in 30 d']);
  expect(tableLines(columns, rows, { ...plain, columns: undefined })).toEqual([
    'TAKEN                 EXPIRES               PLAN',
    '2026-11-23 09:00:00Z  2026-12-23 12:00:00Z  daily',
  ]);
});

function marked(tone: string | undefined, text: string): string {
  return tone === undefined ? text : `<${tone}>${text}</>`;
}

test('only how something stands is coloured, and colours take no room', () => {
  expect(
    tableLines(
      [states('STATE'), 'NAME'],
      [
        ['failed', 'failed'],
        ['degraded (1 missing)', 'b'],
        ['done', 'c'],
      ],
      { now, paint: marked, columns: 80 },
    ),
  ).toEqual([
    'STATE                 NAME',
    '<bad>failed              </>  failed',
    '<doubtful>degraded (1 missing)</>  b',
    'done                  c',
  ]);
});

test('an id in a sentence is left in one piece: what stands beside it is cut first', () => {
  const columns = [ids('RUN', 8), resources('RESOURCE'), states('STATE'), times('STARTED'), prose('POINT')];
  const name = 'arn:aws:s3:::pictures-of-the-whole-company';
  const id = '20261123T020000Z-9ea4';
  const row = ['6bee27ae', name, 'completed', new Date('2026-11-23T11:59:23Z'), `14 s ${id}`];

  const lines = tableLines(columns, [row], { ...plain, columns: 64 });

  expect(lines.join('\n')).toContain(id);
});
