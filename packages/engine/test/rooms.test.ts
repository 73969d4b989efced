import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

const source = path.join(import.meta.dirname, '../src');

/** Rooms that each one must not know; ARCHITECTURE.md says why. Nothing but tests knows `testing`. */
const deeds = [
  'audit',
  'consolidate',
  'find',
  'holds',
  'images',
  'maintenance',
  'plans',
  'protect',
  'quote',
  'rebuild',
  'usage',
];
const users = [...deeds, 'catalog', 'restore', 'retention', 'runs', 'testing', 'verify'];
const format = ['keys', 'manifest', 'packs', 'points'];
/** Rooms that deal with points once they are there. */
const afterwards = ['catalog', 'holds', 'maintenance', 'plans', 'rebuild'];
const making = ['catalog', 'chunking', 'consolidate', 'images', 'plans', 'protect', 'rebuild'];
const mustNotKnow: Record<string, readonly string[]> = {
  model: [...users, ...format, 'chunking', 'ports'],
  chunking: [...users, ...format, 'model', 'ports'],
  keys: [...users, 'chunking', 'manifest', 'points'],
  packs: [...users, 'chunking', 'points'],
  manifest: [...users, 'chunking', 'points'],
  points: [...users, 'chunking'],
  catalog: [...users.filter((room) => room !== 'catalog'), ...format, 'chunking', 'model'],
  rates: [...users, ...format, 'chunking'],
  restore: [...afterwards, 'audit', 'retention', 'runs', 'ports/catalog'],
  find: [
    ...afterwards,
    'audit',
    'consolidate',
    'images',
    'protect',
    'retention',
    'runs',
    'verify',
    'ports/catalog',
  ],
  signs: [...users, ...format, 'chunking'],
  verify: [...afterwards, 'audit', 'consolidate', 'images', 'protect', 'retention', 'runs'],
  protect: [...afterwards, 'audit', 'consolidate', 'images', 'retention', 'verify'],
  images: [...afterwards, 'audit', 'consolidate', 'restore', 'retention', 'verify'],
  runs: [...afterwards, 'consolidate', 'images', 'restore', 'retention', 'verify'],
  consolidate: [...afterwards, 'audit', 'images', 'protect', 'retention', 'verify'],
  retention: [...deeds, 'catalog', 'runs', 'verify'],
  plans: [...deeds.filter((room) => room !== 'plans'), 'catalog', 'restore', 'runs', 'verify'],
  quote: [...afterwards, 'audit', 'consolidate', 'restore', 'runs', 'verify'],
  usage: [
    ...deeds.filter((room) => !['quote', 'usage'].includes(room)),
    'catalog',
    'restore',
    'retention',
    'runs',
    'verify',
  ],
  holds: making,
  maintenance: making,
  rebuild: [...making.filter((room) => room !== 'rebuild'), 'runs'],
  audit: [...making, 'holds', 'restore', 'retention', 'runs', 'verify'],
};

test.each(Object.entries(mustNotKnow))('%s knows nothing of what others do with it', async (room, others) => {
  const known = new Set<string>();
  for await (const file of glob('**/*.ts', { cwd: path.join(source, room) })) {
    const code = await readFile(path.join(source, room, file), 'utf8');
    for (const [, target = ''] of code.matchAll(/ from '(\.[^']+)'/g))
      known.add(path.relative(source, path.join(source, room, path.dirname(file), target)));
  }

  const strange = [...known].filter((file) =>
    [...others, 'testing'].some((other) => file.startsWith(`${other}/`)),
  );

  expect(known.size).toBeGreaterThan(0);
  expect(strange).toEqual([]);
});
