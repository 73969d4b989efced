// Runs all tests. The end-to-end tests wait more than they work: on emulators of their own, the unit and the integration
// tests run beside them, with what is left of the processors. Where AWS_ENDPOINT_URL names one place, one after the other.
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';

// What the gate says depends on the code alone. Other runs draw a seed, and print it.
process.env.HOLDFAST_TEST_SEED ??= '1';

/** Runs a script of package.json. @returns its exit code. */
async function run(script, isQuiet = false) {
  const child = spawn('npm', ['run', '--silent', script], {
    stdio: ['ignore', isQuiet ? 'pipe' : 'inherit', 'inherit'],
  });
  const output = [];
  if (isQuiet) {
    setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    child.stdout.on('data', (data) => output.push(data));
  }
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (ended) => resolve(ended ?? 1));
  });
  for (const data of output) process.stdout.write(data);
  return code;
}

async function runBeside() {
  return Math.max(await run('test:unit', true), await run('test:integration', true));
}

const codes = process.env.AWS_ENDPOINT_URL
  ? [await run('test:unit'), await run('test:integration'), await run('test:e2e')]
  : await Promise.all([run('test:e2e'), runBeside()]);
process.exitCode = Math.max(...codes);
