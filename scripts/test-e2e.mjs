// Runs the end-to-end tests. On emulators of its own, as two halves side by side, each with a deployment of its own: a
// test waits more than it works. What both need is made once: the application is synthesized, the emulator installed.
// Where AWS_ENDPOINT_URL names one place, or with files as arguments, one after the other.
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ensurePython, ministackEnvironment } from '../localstack/python-environment.ts';

/** Tests that take about half of the time, so that both halves end together. */
const firstHalf = ['adopt-vault', 'archive', 'command-line', 'worker-faults'];

const files = process.argv.slice(2);
const vitest = ['run', '--project', 'e2e'];
if (files.length > 0 || process.env.AWS_ENDPOINT_URL) {
  process.exitCode = await run('vitest', [...vitest, ...files]);
} else {
  const assembly = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  try {
    const [code] = await Promise.all([
      synthesizeInto(assembly),
      ensurePython(ministackEnvironment, (line) => console.log(`emulator: ${line}`)),
    ]);
    process.exitCode = code || (await runHalves(assembly));
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

/** For the account and the region of emulators. */
async function synthesizeInto(assembly) {
  const context = ['plans=test/e2e/plans.ts', 'account=000000000000', 'region=us-east-1'];
  const args = ['synth', '--quiet', '--output', assembly, ...context.flatMap((one) => ['-c', one])];
  // test/infra/published-schemas.integ.test.ts looks at the same templates.
  const code = await run('cdk', args, { CDK_VALIDATION: 'false' });
  // Where constructs were made, which only names events of a deployment, is read anew for each of them: 40% of its work.
  for (const file of globSync(join(assembly, '*.metadata.json'))) writeFileSync(file, '{}');
  return code;
}

async function runHalves(assembly) {
  const all = globSync('test/e2e/*.e2e.test.ts').sort();
  const halves = [all.filter(isFirst), all.filter((file) => !isFirst(file))];
  const codes = halves.map(async (half) =>
    run('vitest', [...vitest, ...half], { HOLDFAST_E2E_ASSEMBLY: assembly }),
  );
  return Math.max(...(await Promise.all(codes)));
}

function isFirst(file) {
  return firstHalf.includes(basename(file, '.e2e.test.ts'));
}

/** @returns the exit code. */
async function run(command, args, variables = {}) {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...variables } });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
