import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { defineConfig } from 'vitest/config';
import { AnswersReporter } from './test/support/answers-reporter.ts';
import { GapsReporter } from './test/support/gaps-reporter.ts';
import { hangsAfterMs, patienceMs } from './test/support/patience.ts';

// Threads and programs that tests start load the same modules again and again: they find them compiled, types dropped.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled');
// CDK's own validation takes four seconds in every process, and as long again as a template itself, which tests make
// dozens of times. It is on only where it is what is tested, in test/infra/app.test.ts.
process.env['CDK_VALIDATION'] ??= 'false';
// At each program that it starts, a process copies the tables of its memory, of which buffers are most. On huge pages,
// where the C library has them, a table has a five-hundredth of the entries; without, a test's system time is half more.
process.env['GLIBC_TUNABLES'] ??=
  'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=268435456:glibc.malloc.trim_threshold=268435456';
/** The seed of the order of tests and of the values that properties are tried with: a number repeats a run. */
const seed = Number((process.env['HOLDFAST_TEST_SEED'] ??= String(Math.floor(Date.now() / 1000))));

const limits = { testTimeout: hangsAfterMs, hookTimeout: hangsAfterMs };
/** Unit tests that replace a module of Node, which whatever has loaded it before would keep. */
const alone = ['packages/node/test/{directory-folding,sqlite-flush}.test.ts'];
/**
 * Unit tests of disks, also of the emulator's, which start programs all the time. They share processes of their own:
 * starting a program takes the longer the more that other tests have left in a process.
 */
const ofDisks = ['packages/{disk,image-files}/test/**/*.test.ts', 'localstack/test/**/*.test.ts'];
/** Images of disks lie in memory, of which they take 130 MiB, where the system has room there: nothing of them need last. */
const ofDisksEnv = process.env['TMPDIR'] === undefined && hasRoom('/dev/shm') ? { TMPDIR: '/dev/shm' } : {};
/**
 * Has V8 count buffers as it counts the heap. Without it, V8 collects all of the heap at every 64 MB of buffers, however
 * short they live, which takes a quarter of the time of the engine's tests.
 */
const buffersAsHeap = '--external-memory-accounted-in-global-limit';
/**
 * V8's flags for tests in as many processes as there are processors: threads of its collector would only wait for
 * each other, and a young generation of the usual size is collected at every few buffers. They save a third of the time.
 */
const execArgv = [
  '--single-threaded-gc',
  '--min-semi-space-size=16',
  '--max-semi-space-size=64',
  buffersAsHeap,
];
// The gateway before the emulator runs in this process.
setFlagsFromString(buffersAsHeap);
/** Files share a process and what it has loaded of packages; our own modules are loaded anew for each of them. */
const sharing = { ...limits, execArgv, isolate: false };
const sequence = { shuffle: { tests: true, files: true } } as const;

export default defineConfig({
  test: {
    reporters: ['default', new GapsReporter(), new AnswersReporter()],
    teardownTimeout: patienceMs,
    sequence: { seed },
    projects: [
      {
        test: {
          ...sharing,
          name: 'unit',
          include: [
            'packages/*/test/**/*.test.ts',
            'test/{infra,lambdas,compat,docs}/**/*.test.ts',
            'bench/scale/**/*.test.ts',
          ],
          exclude: ['**/*.integ.test.ts', ...alone, ...ofDisks],
          globalSetup: ['test/support/bundled-worker.ts'],
          alias: { './worker-module.ts': join(import.meta.dirname, 'test/support/bundled-worker-module.ts') },
          setupFiles: ['test/support/set-up.ts'],
          sequence,
        },
      },
      {
        test: {
          ...sharing,
          name: 'unit-disks',
          include: ofDisks,
          env: ofDisksEnv,
          setupFiles: ['test/support/set-up.ts'],
          sequence,
        },
      },
      { test: { ...limits, name: 'unit-alone', include: alone, sequence } },
      {
        test: {
          ...sharing,
          name: 'integration',
          include: ['test/{integration,compat,infra}/**/*.integ.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          sequence,
        },
      },
      {
        test: {
          ...sharing,
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          fileParallelism: false,
          // Nothing of them is mocked: Node itself loads them, once for all files.
          experimental: { viteModuleRunner: false, nodeLoader: false },
        },
      },
    ],
  },
});

/** True of a folder on whose file system two GiB are free; containers often have 64 MiB. */
function hasRoom(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= 2 ** 31;
}
