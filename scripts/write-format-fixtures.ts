// Writes vaults for test/fixtures/formats/<version>: run once for a version of the format, never again.
//   node scripts/write-format-fixtures.ts v1 [folder]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatFixturesDir, type ExpectedPoint, type ExpectedVault } from '../test/compat/format-fixture.ts';
import { digestOf } from '../test/compat/listed-file.ts';
import { FixtureVault } from '../test/compat/fixture-vault.ts';
import { fixtureStories } from '../test/compat/fixture-stories.ts';

/** Longest listing that `expected.json` spells out, for a person who looks for what broke. */
const entriesListed = 200;

const [version, folder = formatFixturesDir] = process.argv.slice(2);
if (version === undefined || !/^v\d+$/.test(version))
  throw new Error('name the version of the format, such as v1');

for (const [name, story] of Object.entries(fixtureStories)) {
  const fixtureDir = join(folder, version, name);
  mkdirSync(join(folder, version), { recursive: true });
  // Fails when it is there: users have the vaults of a released version, so it is never written again.
  mkdirSync(fixtureDir);
  const vault = await FixtureVault.create(join(fixtureDir, 'vault'), join(fixtureDir, 'key'), name);
  await story(vault);
  rmSync(join(fixtureDir, 'vault', '.holdfast'), { recursive: true });
  rmSync(join(fixtureDir, 'key'));
  const points = vault.points
    .toSorted((one, other) => (one.rootName < other.rootName ? -1 : 1))
    .map(({ root, listing }): ExpectedPoint => {
      const { point, resource, type, resourceKind, warnings, unread, image } = root;
      return {
        point,
        resource,
        type,
        resourceKind,
        warnings,
        unread,
        files: listing.length,
        listingSha256: digestOf(listing),
        ...(listing.length <= entriesListed && { listing }),
        image,
      };
    });
  const { keyHex, offlineKey } = vault;
  const expected: ExpectedVault = { keyHex, offlineKey, points };
  writeFileSync(join(fixtureDir, 'expected.json'), `${JSON.stringify(expected, undefined, 1)}\n`);
  console.log(`${fixtureDir}: ${points.length} points`);
}
