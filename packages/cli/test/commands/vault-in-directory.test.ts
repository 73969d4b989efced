import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordText } from '@holdfast/engine/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CliUnderTest, type Outcome } from '../cli-under-test.ts';

const dayMs = 86_400_000;

/** A machine with a directory to back up, a vault in another one, and the command line on it. */
class Machine {
  readonly place = mkdtempSync(join(tmpdir(), 'holdfast-'));
  readonly source = join(this.place, 'source');
  readonly vault = join(this.place, 'vault');
  readonly key = join(this.place, 'key');
  readonly cli = new CliUnderTest();

  constructor() {
    onTestFinished(() => rmSync(this.place, { recursive: true }));
    this.cli.env = { HOLDFAST_VAULT: this.vault, HOLDFAST_KEY_FILE: this.key };
    for (const name of ['a', 'b/c', 'b/d']) this.write(name, `content of ${name}`);
  }

  static async withVault(): Promise<Machine> {
    const machine = new Machine();
    expect(await machine.run('init')).toMatchObject({ code: 0 });
    return machine;
  }

  write(name: string, content: string | Uint8Array): void {
    mkdirSync(join(this.source, name, '..'), { recursive: true });
    writeFileSync(join(this.source, name), content);
  }

  async run(...argv: string[]): Promise<Outcome> {
    return this.cli.run(...argv);
  }

  async backUp(...more: string[]): Promise<Outcome> {
    return this.run('backup', '--directory', this.source, '--workers', '1', ...more);
  }
}

function namesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

test('backs a directory up into a vault that it made, and restores it with one command each', async () => {
  const machine = new Machine();
  const target = join(machine.place, 'target');

  const made = await machine.run('init');
  const backedUp = await machine.backUp();
  const restored = await machine.run('restore', 'source', '--to-directory', target);

  expect([made.code, backedUp.code, restored.code]).toEqual([0, 0, 0]);
  expect(made.out).toContain('without it nothing can be restored');
  expect(statSync(machine.key).mode & 0o777).toBe(0o600);
  expect(backedUp.out).toContain('full instead of incremental');
  expect(restored.out).toContain('4 written');
  expect(namesIn(target)).toEqual(namesIn(machine.source));
  expect(readFileSync(join(target, 'b/c'), 'utf8')).toBe('content of b/c');
  expect(machine.cli.connected).toEqual([]);
});

test('backs up what changed since the newest point, which lists, comparisons and checks know of', async () => {
  const machine = await Machine.withVault();
  await machine.backUp();
  appendFileSync(join(machine.source, 'b/c'), ', and more');

  const { run, point } = (await machine.cli.json(
    'backup',
    '--directory',
    machine.source,
    '--keep-days',
    '7',
  )) as {
    run: { type: string };
    point: { pointId: string; counts: object; expiresAt: string; committedAt: string };
  };
  const points = (await machine.cli.json('points', 'source')) as { pointId: string }[];
  const diff = await machine.run('diff', points[1]?.pointId ?? '', points[0]?.pointId ?? '');

  expect(run.type).toBe('incremental');
  expect(Date.parse(point.expiresAt) - Date.parse(point.committedAt)).toBeGreaterThanOrEqual(7 * dayMs);
  expect(points.map(({ pointId }) => pointId)).toContain(point.pointId);
  expect(diff.out).toContain('~ b/c');
  expect(await machine.run('verify', '--all')).toMatchObject({ code: 0 });
  expect((await machine.run('audit', 'verify')).out).toContain('unbroken');
  expect((await machine.run('runs', '--wide')).out).toContain('holdfast:directory:');
  expect((await machine.run('status')).out).toContain('1: 1 protected');
});

async function storedAt(level: string): Promise<number> {
  const machine = await Machine.withVault();
  machine.write('records', recordText('records'));
  const backUp = ['backup', '--directory', machine.source, '--workers', '1', '--compression', level];
  const { point } = (await machine.cli.json(...backUp)) as { point: { counts: { storedBytes: number } } };
  return point.counts.storedBytes;
}

test('stores a directory in fewer bytes when it may take longer', async () => {
  expect(await storedAt('max')).toBeLessThan(0.97 * (await storedAt('fast')));
});

test('refuses a compression level that there is not, and names those that there are', async () => {
  const machine = await Machine.withVault();

  const refused = await machine.backUp('--compression', '9');

  expect(refused).toMatchObject({
    code: 2,
    err: expect.stringContaining('--compression "9" is not a level; write one of fast, default, max'),
  });
});

test('quotes a directory before its first backup, which is compared with that', async () => {
  const machine = await Machine.withVault();
  // Not texts: how many frames these share depends on which thread comes first.
  for (let n = 0; n < 50; n++) machine.write(`noise/${n}`, randomBytes(20_000));

  const quoted = await machine.run('quote', '--directory', machine.source, '--keep-days', '7');
  const backedUp = await machine.backUp();

  expect(quoted).toMatchObject({ code: 0, err: '' });
  expect(quoted.out).toMatch(/^content {5}55 files, /m);
  expect(quoted.out).toMatch(/^8 days +6 +0 +\S+ MiB +- +\$/m);
  expect(quoted.out).not.toContain('first copy');
  expect(backedUp.out).toMatch(/^quote {5}the first backup stored .* than the .* that were quoted$/m);
  expect(machine.cli.connected).toEqual([]);
  const { drifts } = (await machine.cli.json('status')) as { drifts: unknown[] };
  expect(drifts).toMatchObject([{ first: { isWithin: true } }]);
});

test('restores paths of an earlier point, and puts restores on the audit log', async () => {
  const machine = await Machine.withVault();
  await machine.backUp();
  const [first] = (await machine.cli.json('points')) as { pointId: string }[];
  const pointId = first?.pointId ?? '';
  machine.write('b/c', 'written over');
  await machine.backUp();
  const target = join(machine.place, 'target');

  const { code } = await machine.run('restore', pointId, '--to-directory', target, '--path', 'b/c');

  expect(code).toBe(0);
  expect(namesIn(target)).toEqual(['b', 'b/c']);
  expect(readFileSync(join(target, 'b/c'), 'utf8')).toBe('content of b/c');
  const log = (await machine.run('audit', 'verify', '--entries')).out;
  expect(log).toMatch(new RegExp(`restore-started by .*${pointId}.*${target}`));
  expect(log).toMatch(/restore-ended by .*"completed"/);
});

test('is read with the key alone, as a copy of a vault in S3 is', async () => {
  const machine = await Machine.withVault();
  await machine.backUp();
  machine.cli.env = {};
  const target = join(machine.place, 'target');

  const { code } = await machine.run(
    'extract',
    join(machine.vault, 'vault'),
    'source',
    '--to',
    target,
    '--key-file',
    machine.key,
  );

  expect(code).toBe(0);
  expect(namesIn(target)).toEqual(namesIn(machine.source));
});

test('maintenance removes what nobody needs any more, and never the newest point of a directory', async () => {
  const machine = await Machine.withVault();
  machine.write('large', 'x'.repeat(50_000));
  await machine.backUp('--keep-days', '1');
  rmSync(join(machine.source, 'large'));
  machine.write('a', 'new');
  await machine.backUp('--keep-days', '1', '--type', 'full');
  const [newest] = (await machine.cli.json('points')) as { pointId: string }[];
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 40 * dayMs });
  onTestFinished(() => void vi.useRealTimers());

  const late = await machine.cli.json('maintain');

  expect(late).toMatchObject({
    report: { pointsExpired: 1, pointsRenewed: 1, packsSwept: 2, failures: { count: 0 } },
  });
  expect(await machine.cli.json('points')).toMatchObject([{ pointId: newest?.pointId }]);
  expect(await machine.run('verify', newest?.pointId ?? '')).toMatchObject({ code: 0 });
});

test('an interrupted backup says how to go on, leaves no point, and is simply repeated', async () => {
  const machine = await Machine.withVault();
  machine.cli.abort.abort();

  const interrupted = await machine.backUp();
  const again = new CliUnderTest();
  again.env = machine.cli.env;

  expect(interrupted).toEqual({
    code: 130,
    out: '',
    err: 'holdfast: interrupted; run it again to go on: what it has stored is not stored again\n',
  });
  expect(await again.json('points')).toEqual([]);
  expect(await again.run('backup', '--directory', machine.source)).toMatchObject({ code: 0 });
});

test('what was interrupted while the vault was made is made by the next attempt', async () => {
  const machine = new Machine();
  mkdirSync(join(machine.vault, 'work'), { recursive: true });

  expect(await machine.run('init')).toMatchObject({ code: 0 });
  expect(await machine.backUp()).toMatchObject({ code: 0 });
});

test('makes a vault for a key that there is', async () => {
  const machine = await Machine.withVault();
  const key = readFileSync(machine.key);

  const other = await machine.cli.json('init', '--vault', join(machine.place, 'other'));

  expect(other).toMatchObject({ keyMade: false });
  expect(readFileSync(machine.key)).toEqual(key);
});

test('makes no vault where something else is, where one is, and none whose key lies in it', async () => {
  const machine = await Machine.withVault();
  const inside = join(machine.place, 'inside');

  const twice = await machine.run('init');
  const taken = await machine.run('init', '--vault', machine.source);
  const open = await machine.run('init', '--vault', inside, '--key-file', join(inside, 'key'));

  expect(twice).toMatchObject({ code: 2, err: expect.stringContaining('has a vault already') });
  expect(taken).toMatchObject({ code: 2, err: expect.stringContaining('is not empty') });
  expect(open).toMatchObject({ code: 2, err: expect.stringContaining('put it elsewhere') });
  expect(existsSync(join(inside, 'key'))).toBe(false);
});

test.for([
  [
    ['--vault', 's3://vault'],
    2,
    'is no directory. Only the functions of a deployment write to a vault in S3',
  ],
  [['--vault', 'nowhere'], 3, '"nowhere" has no vault; make one with "holdfast init'],
  [['--type', 'synthetic-full'], 2, 'write full'],
  [['--workers', '0'], 2, '--workers "0" is not a number of threads; write one from 1 to 64'],
  [['photos'], 2, 'name a resource of the deployment, or a directory'],
] as const)('refuses to back a directory up with %j, and says why', async ([more, code, message]) => {
  const machine = await Machine.withVault();

  const outcome = await machine.backUp(...more);

  expect(outcome).toMatchObject({ code, out: '', err: expect.stringContaining(message) });
});

test('refuses a directory that is not there, one that holds the vault, and a missing key', async () => {
  const machine = await Machine.withVault();

  const missing = await machine.run('backup', '--directory', join(machine.place, 'nothing'));
  const around = await machine.run('backup', '--directory', machine.place);
  machine.cli.env = { HOLDFAST_VAULT: machine.vault };
  const locked = await machine.backUp();

  expect(missing).toMatchObject({ code: 3, err: expect.stringContaining('does not exist') });
  expect(around).toMatchObject({ code: 2, err: expect.stringContaining('lie in each other') });
  expect(locked).toMatchObject({ code: 2, err: expect.stringContaining('--key-file') });
});

test.for([
  [['restore', 'source', '--to-bucket', 'b'], 'with --to-directory'],
  [['backup', 'source'], '"holdfast backup --directory"'],
  [['hold', 'set', 'source', '--reason', 'law'], 'has no state machines'],
] as const)('says that a vault in a directory cannot do %j', async ([argv, message]) => {
  const machine = await Machine.withVault();
  await machine.backUp();

  expect(await machine.run(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
});
