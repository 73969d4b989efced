import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { commandIn } from '../src/compiled/compiled-modules.ts';
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
    `const long = (x) => { ${body} return x; }; exports.work = () => process.argv.includes('none') || typeof long(1);`,
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

test('uses code that is there: it is not written again', () => {
  const directory = makeProgram();
  run(directory);
  const first = statSync(codeOf(directory, 'main.js'), { bigint: true });

  run(directory);

  expect(statSync(codeOf(directory, 'main.js'), { bigint: true })).toMatchObject({
    ino: first.ino,
    mtimeNs: first.mtimeNs,
  });
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
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
    },
  ],
] as const)('replaces code that is %s', ([, damage]) => {
  const directory = makeProgram();
  run(directory);
  const path = codeOf(directory, 'other.js');
  const whole = statSync(path);
  damage(path);

  expect(run(directory)).toBe('main.js0');
  const after = statSync(path);
  expect(after.size).toBe(whole.size);
  expect(after.ino).not.toBe(whole.ino);
});

test('runs where it may not keep anything', () => {
  const directory = makeProgram();
  writeFileSync(join(directory, 'node_modules'), 'in the way');
  chmodSync(join(directory, 'node_modules'), 0o444);

  expect(run(directory)).toBe('main.js0');
});

test.for([
  [['restore', 'photos'], 'restore'],
  [['--vault', '/backups', 'backup'], 'backup'],
  [['--json'], 'program'],
  [['../../etc'], 'program'],
  [[], 'program'],
] as const)('%j is of the kind %s', ([words, kind]) => {
  expect(commandIn(words)).toBe(kind);
});
