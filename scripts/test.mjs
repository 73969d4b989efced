// Checks everything. Tests on emulators wait more than they work: beside them run the static checks and then the unit
// tests, with what is left of the processors. Where AWS_ENDPOINT_URL names one place, all runs one after the other.
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

/** @returns the highest exit code. */
async function runEach(scripts, isQuiet = false) {
  let code = 0;
  for (const script of scripts) code = Math.max(code, await run(script, isQuiet));
  return code;
}

const alone = ['check:static', 'test:unit'];
const onEmulators = ['test:e2e', 'test:integration'];

if (process.env.AWS_ENDPOINT_URL) {
  process.exitCode = await runEach([...alone, ...onEmulators]);
} else {
  process.exitCode = Math.max(...(await Promise.all([runEach(onEmulators), runEach(alone, true)])));
}
