// Runs the end-to-end tests. On emulators of its own, as two halves side by side, each with a deployment of its own: a
// test waits more than it works. Where AWS_ENDPOINT_URL names one place, or with files as arguments, one after the other.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename } from 'node:path';

/** Tests that take about half of the time: those that kill and break, and those that deploy more than once. */
const firstHalf = ['adopt-vault', 'command-line', 'worker-faults'];

const files = process.argv.slice(2);
const isFirst = (file) => firstHalf.includes(basename(file, '.e2e.test.ts'));
const all = globSync('test/e2e/*.e2e.test.ts').sort();
const halves = [all.filter(isFirst), all.filter((file) => !isFirst(file))];
const runs = files.length > 0 || process.env.AWS_ENDPOINT_URL ? [files] : halves;

const codes = await Promise.all(
  runs.map(
    (chosen) =>
      new Promise((resolve, reject) => {
        const child = spawn('vitest', ['run', '--project', 'e2e', ...chosen], { stdio: 'inherit' });
        child.on('error', reject);
        child.on('close', (code) => resolve(code ?? 1));
      }),
  ),
);
process.exitCode = Math.max(...codes);
