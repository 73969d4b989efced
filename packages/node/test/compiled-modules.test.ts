import { execFileSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { kindOf } from '../src/compiled/compiled-modules.ts';
import { makeTempDir } from './temp-dir.ts';

const loader = pathToFileURL(join(import.meta.dirname, '..', 'src', 'compiled', 'compiled-modules.ts')).href;
const parameters = '(function(exports,require,module,__filename,__dirname){';

/** Runs a module in a process of its own, as the packaged program does, and keeps its code. @returns what it printed. */
function run(directory: string, kind = 'work'): string {
  const program =
    `import { CompiledModules } from ${JSON.stringify(loader)};` +
    `const modules = new CompiledModules(${JSON.stringify({ directory, kind })});` +
    `console.log(await modules.load('main.js').work()); modules.keep();`;
  const args = ['--input-type=module', '--eval', program];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim();
}

function writeModule(directory: string, name: string, body: string): void {
  writeFileSync(join(directory, name), `${parameters}${body}})`);
}

function codeOf(directory: string, name: string, kind = 'work'): string {
  const [found = ''] = globSync(join(directory, 'node_modules', '.cache', 'holdfast', '*', kind, name));
  return found;
}

function makeProgram(): string {
  const directory = makeTempDir();
  writeModule(
    directory,
    'main.js',
    `const o = require('./other.js'); exports.work = async () => o.name(__filename);`,
  );
  writeModule(
    directory,
    'other.js',
    `exports.name = (file) => require('node:path').basename(file) + require('./main.js').work.length;`,
  );
  return directory;
}

test('loads modules that require each other and those of Node, with and without code', () => {
  const directory = makeProgram();

  expect([run(directory), run(directory)]).toEqual(['main.js0', 'main.js0']);
  expect(existsSync(codeOf(directory, 'main.js'))).toBe(true);
  expect(existsSync(codeOf(directory, 'other.js'))).toBe(true);
});

test('keeps functions that were called, by kind of process, for their owner alone', () => {
  const directory = makeTempDir();
  const body = Array.from({ length: 200 }, (_, i) => `x = x * ${i} + Math.sin(x) - [x, "${i}"].length;`).join(
    '',
  );
  writeModule(
    directory,
    'main.js',
    `const long = (x) => { ${body} return x; }; exports.work = () => typeof long(1);`,
  );
  const called = run(directory, 'calls');
  writeModule(
    directory,
    'main.js',
    `const long = (x) => { ${body} return x; }; exports.work = () => 'not called';`,
  );
  const notCalled = run(directory, 'calls-nothing');

  expect([called, notCalled]).toEqual(['number', 'not called']);
  const [withIt, without] = [
    codeOf(directory, 'main.js', 'calls'),
    codeOf(directory, 'main.js', 'calls-nothing'),
  ];
  expect(statSync(withIt).size).toBeGreaterThan(2 * statSync(without).size);
  expect(statSync(withIt).mode & 0o777).toBe(0o600);
});

test('adds what is called by the first five processes, and then leaves the code alone', () => {
  const directory = makeTempDir();
  const body = Array.from({ length: 200 }, (_, i) => `x = x * ${i} + Math.sin(x) - [x, "${i}"].length;`).join(
    '',
  );
  const source = `const long = (x) => { ${body} return x; }; exports.work = () => process.env.LONG && typeof long(1);`;
  writeModule(directory, 'main.js', source);
  const sizes: number[] = [];
  const written = new Set<bigint>();
  for (const isLong of [false, true, false, false, false, false, false]) {
    vi.stubEnv('LONG', isLong ? 'yes' : undefined);
    run(directory);
    const { size, mtimeNs } = statSync(codeOf(directory, 'main.js'), { bigint: true });
    sizes.push(Number(size));
    written.add(mtimeNs);
  }

  const [first = 0, second = 0, ...rest] = sizes;
  expect(second).toBeGreaterThan(2 * first);
  expect(Math.min(...rest)).toBeGreaterThan(2 * first);
  expect(written.size).toBe(5);
});

test('does not run code of another source of the same length', () => {
  const directory = makeTempDir();
  writeModule(directory, 'main.js', `exports.work = () => 'one';`);
  run(directory);
  writeModule(directory, 'main.js', `exports.work = () => 'two';`);

  expect([run(directory), run(directory)]).toEqual(['two', 'two']);
});

test.for([
  ['cut off', (path: string) => truncateSync(path, 200)],
  ['empty', (path: string) => truncateSync(path, 0)],
  [
    'changed',
    (path: string) => {
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      writeFileSync(path, bytes);
    },
  ],
] as const)('replaces code that is %s', ([, damage]) => {
  const directory = makeProgram();
  for (let call = 0; call < 5; call += 1) run(directory);
  const path = codeOf(directory, 'other.js');
  const whole = readFileSync(path);
  damage(path);

  expect(run(directory)).toBe('main.js0');
  const after = readFileSync(path);
  expect(after.length).toBeGreaterThan(whole.length / 2);
  // Of one process again, not of five.
  expect([whole.readUInt32LE(8), after.readUInt32LE(8)]).toEqual([5, 1]);
});

test.for([
  ['a directory', (path: string) => mkdirSync(path)],
  ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
  ['a link elsewhere', (path: string) => symlinkSync(join(path, '..', 'target'), path)],
] as const)('runs beside %s in place of code, and keeps the rest', ([, plant]) => {
  const directory = makeProgram();
  run(directory);
  const path = codeOf(directory, 'main.js');
  rmSync(path);
  plant(path);
  const other = statSync(codeOf(directory, 'other.js'), { bigint: true });

  expect(run(directory)).toBe('main.js0');
  expect(statSync(codeOf(directory, 'other.js'), { bigint: true }).mtimeNs).toBeGreaterThan(other.mtimeNs);
  expect(existsSync(join(path, '..', 'target'))).toBe(false);
});

test('runs where it may not keep anything', () => {
  const directory = makeProgram();
  writeFileSync(join(directory, 'node_modules'), 'in the way');

  expect(run(directory)).toBe('main.js0');
});

test('a module that fails while it loads fails again', () => {
  const directory = makeTempDir();
  const body = `exports.work = () => { try { require('./bad.js'); } catch {} return require('./bad.js'); };`;
  writeModule(directory, 'main.js', body);
  writeModule(directory, 'bad.js', `throw new Error('bad');`);

  expect(() => run(directory)).toThrow(/Error: bad/);
});

test.for([
  [['restore', 'photos'], 'restore'],
  [['--vault', 'v', 'backup'], 'backup'],
  [['--profile', 'prod', 'points'], 'other'],
  [[], 'other'],
] as const)('%j is of the kind %s', ([words, kind]) => {
  expect(kindOf(words)).toBe(kind);
});
