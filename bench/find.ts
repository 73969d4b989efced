// npm run bench:find [-- --points=30] [--files=60000] [--changes=300]
// Measures `holdfast find` over many points of a directory vault, next to one of them, and `holdfast usage`; see docs/restore.md.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runMeasured } from './child.ts';
import { scratchDirectory } from './programs.ts';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '30' },
    files: { type: 'string', default: '60000' },
    changes: { type: 'string', default: '300' },
  },
});
const [points, files, changes] = [values.points, values.files, values.changes].map(Number) as [
  number,
  number,
  number,
];
const filesInDirectory = 100;

const scratch = join(scratchDirectory, `find-${process.pid}`);
const [source, vault, keyFile] = ['source', 'vault', 'vault.key'].map((name) => join(scratch, name)) as [
  string,
  string,
  string,
];
const program = [process.execPath, join(import.meta.dirname, '..', 'packages', 'cli', 'bin', 'holdfast.js')];
const onVault = ['--vault', vault, '--key-file', keyFile];

function pathOf(file: number): string {
  return join(source, `folder-${Math.floor(file / filesInDirectory)}`, `file-${file}.txt`);
}

function holdfast(...words: readonly string[]): void {
  execFileSync(program[0] ?? '', [...program.slice(1), ...words, ...onVault], { stdio: 'pipe' });
}

try {
  for (let file = 0; file < files; file++) {
    if (file % filesInDirectory === 0) mkdirSync(join(pathOf(file), '..'), { recursive: true });
    writeFileSync(pathOf(file), `file ${file}\n`);
  }
  holdfast('init');
  for (let point = 0; point < points; point++) {
    // A day's work: some files all over the tree, and one that is always the same.
    const changed = Array.from({ length: changes }, (_, at) => (point * 7919 + at * 104_729) % files);
    for (const file of point === 0 ? [] : [...changed, 4711 % files])
      writeFileSync(pathOf(file), `file ${file} of day ${point}\n`);
    holdfast('backup', '--directory', source);
    console.error(`point ${point + 1} of ${points}`);
  }
  console.log(`${points} points of ${files} files, of which ${changes} change from one to the next`);
  console.log('| find | points | versions | seconds | CPU seconds | MiB |');
  console.log('|---|--:|--:|--:|--:|--:|');
  for (const glob of ['file-4711.txt', '**', '/folder-47/file-4711.txt'])
    for (const name of ['source@latest', 'source']) {
      const args = [...program, 'find', name, glob, '--versions', '--json', ...onVault];
      const { usage, output } = await runMeasured({ args });
      const versions = output.split('\n').length - 1;
      const { seconds, cpuSeconds, peakBytes } = usage;
      console.log(
        `| \`${glob}\` | ${name === 'source' ? points : 1} | ${versions} | ${seconds.toFixed(1)} | ${cpuSeconds.toFixed(1)} | ${Math.round(peakBytes / 2 ** 20)} |`,
      );
    }
  const { usage } = await runMeasured({ args: [...program, 'usage', 'source', '--json', ...onVault] });
  console.log(`usage: ${usage.seconds.toFixed(1)} s, ${usage.cpuSeconds.toFixed(1)} s CPU`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
