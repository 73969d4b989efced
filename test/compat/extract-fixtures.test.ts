import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '@holdfast/aws';
import { runCli } from '@holdfast/cli';
import { checkAnswer } from '@holdfast/cli/testing';
import { expect, onTestFinished, test } from 'vitest';
import { listFormatFixtures, withKeyFile } from './format-fixture.ts';

const fixtures = listFormatFixtures();

/** The command line without AWS: whoever asks for it fails. */
async function run(
  ...argv: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(argv, {
    out: async (text) => Promise.resolve(void (out += text)),
    err: (text) => void (err += text),
    errIsTerminal: false,
    env: {},
    clock: new SystemClock(),
    signal: new AbortController().signal,
    version: '0',
    connect: async () => Promise.reject(new Error('there is no deployment')),
    connectStorage: () => {
      throw new Error('there is no AWS');
    },
  });
  checkAnswer(argv, { out, err });
  return { code, out, err };
}

test.each(fixtures)(
  'extract lists the points of the committed vault $name, and adds nothing to it',
  async (fixture) => {
    const before = readdirSync(fixture.vault, { recursive: true, encoding: 'utf8' }).toSorted();

    const { code, out } = await withKeyFile(fixture.keyHex, async (keyFile) =>
      run('extract', fixture.vault, '--list', '--json', '--key-file', keyFile),
    );

    expect(code).toBe(0);
    const { points } = JSON.parse(out) as { readonly points: readonly { readonly pointId: string }[] };
    expect(new Set(points.map(({ pointId }) => pointId))).toEqual(
      new Set(fixture.points.map(({ point }) => point)),
    );
    expect(readdirSync(fixture.vault, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(before);
  },
);

test('a point of an image is refused, as its blocks are not in the vault', async () => {
  const { vault, keyHex, points } = getFixture('v1/image');
  const to = makeFolder();

  const { code, err } = await withKeyFile(keyHex, async (keyFile) =>
    run('extract', vault, points[0]?.point ?? '', '--to', to, '--key-file', keyFile),
  );

  expect(code).toBe(1);
  expect(err).toContain('consists of EBS snapshots, whose blocks are not in the vault: snap-0a, snap-0b');
});

test('a point comes back from a container alone, with the key file', async () => {
  const { vault, keyHex } = getFixture('v1/rotated-key');
  const [pack = ''] = readdirSync(join(vault, 'containers'));
  const to = makeFolder();

  const { code } = await withKeyFile(keyHex, async (keyFile) =>
    run('extract', join(vault, 'containers', pack), '--to', to, '--key-file', keyFile),
  );

  expect(code).toBe(0);
  expect(readFileSync(join(to, 'file-20'), 'utf8')).toBe('under the second key');
  expect(readdirSync(to)).toHaveLength(21);
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-extract-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function getFixture(name: string): (typeof fixtures)[number] {
  const fixture = fixtures.find((one) => one.name === name);
  if (fixture === undefined) throw new Error(`there is no fixture ${name}`);
  return fixture;
}
