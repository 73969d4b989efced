import type { PointId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

const paths = Array.from({ length: 25 }, (_, at) => `papers/${at}.doc`);

interface Attacked {
  readonly cli: CliUnderTest;
  /** The last good point, that of the attack, and one of a day later. */
  readonly good: PointId;
  readonly attack: PointId;
  readonly after: PointId;
}

/** Four days of papers, the night in which they are encrypted, and a day on which nobody has noticed. */
async function attacked(): Promise<Attacked> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  const backUpNextDay = async (type: 'full' | 'incremental'): Promise<PointId> => {
    cli.clock.advance(86_400_000);
    return (await cli.backUp(type)).root.point;
  };
  for (const path of paths) cli.source.plant(path, `all is well with ${path}; `.repeat(600));
  let good = await backUpNextDay('full');
  for (const day of [1, 2, 3]) {
    cli.source.plant('papers/diary.doc', `day ${day}`);
    good = await backUpNextDay('incremental');
  }
  for (const path of paths.slice(0, 20)) cli.source.plant(path, cli.random.bytes(15_000));
  cli.source.plant('papers/README_DECRYPT.txt', 'pay');
  const attack = await backUpNextDay('incremental');
  cli.source.plant('papers/diary.doc', 'what now?');
  const after = await backUpNextDay('incremental');
  return { cli, good, attack, after };
}

test('a point says what speaks of an attack, and latest-clean is the one before', async () => {
  const { cli, good, attack, after } = await attacked();
  const evidence =
    '77 % of the files changed (usually 4 %), new data compresses to 100 % of its size (before, to 2 %), 1 name like papers/README_DECRYPT.txt';
  const since = `point ${after} comes after ${attack} of 2026-11-28 12:00:00Z, which may be of an attack: ${evidence}`;
  const instead = `the last clean one is ${good} of 2026-11-27 12:00:00Z`;

  const points = await cli.run('points', 'photos');
  const listed = (await cli.json('points', 'photos', '--limit', '2')) as { suspicion: unknown }[];
  const status = await cli.run('status', '--check');
  const held = (await cli.json('hold', 'set', 'photos@latest-clean', '--reason', 'r', '--dry-run')) as object;
  const restored = await cli.run('restore', 'photos', '--to-original');
  const named = await cli.run('restore', attack, '--to-original');
  const clean = await cli.run('restore', 'photos@latest-clean', '--to-original');

  expect(points.out).toMatch(/suspect\n.*suspect\n.*clean\n.*clean\n/);
  expect(points.out).toContain(`${since}; ${instead}\n`);
  expect(listed).toMatchObject([
    { suspicion: { signs: [], since: { pointId: attack } } },
    { suspicion: { signs: [{ sign: 'changed' }, { sign: 'incompressible' }, { sign: 'names', files: 1 }] } },
  ]);
  expect(status.out).toContain(`suspect    ${bucketArn}: ${since}; ${instead}\n`);
  expect(status.code).toBe(5);
  expect(held).toMatchObject({ scope: { pointId: good } });
  expect(restored.err).toBe(`holdfast: ${since}; ${instead}\n`);
  expect(named.err).toBe(`holdfast: point ${attack} may be of an attack: ${evidence}; ${instead}\n`);
  expect(clean.err).toBe('');
  expect(cli.executions.started.map(({ input }) => (input as { point: string }).point)).toEqual([
    after,
    attack,
    good,
  ]);
});

test('restoring all says which points are suspect, and takes the clean ones where asked to', async () => {
  const { cli, good, after } = await attacked();

  const { out } = await cli.run('restore', '--all', '--to-original', '--dry-run');
  const clean = (await cli.json('restore', '--all', '--clean', '--to-original', '--dry-run')) as object;

  expect(out).toMatch(/^photos .* suspect /m);
  expect(out).toContain(`suspect    ${bucketArn}: point ${after} comes after `);
  expect(out).toContain('with --clean, the last clean point of each is taken\n');
  expect(clean).toMatchObject({ parts: [{ pointId: good }] });
  expect(clean).not.toHaveProperty('parts[0].suspicion');
});

test('a rebuilt catalog has all signs but the names, for which the vault has no place', async () => {
  const { cli, good, attack } = await attacked();
  cli.catalog = new (cli.catalog.constructor as new () => typeof cli.catalog)();

  const rebuilt = await cli.run('catalog', 'rebuild');
  const listed = (await cli.json('points', bucketArn)) as { pointId: string; suspicion?: object }[];

  expect(rebuilt.code).toBe(0);
  expect(listed.find(({ pointId }) => pointId === attack)?.suspicion).toMatchObject({
    signs: [{ sign: 'changed' }, { sign: 'incompressible' }],
  });
  expect(listed.find(({ pointId }) => pointId === good)?.suspicion).toBeUndefined();
});
