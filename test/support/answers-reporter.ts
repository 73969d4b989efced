import { globSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const cliTests = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'test');

/** Fails a run of all tests of the command line in which no test saw one of the forms that `--json` is said to print. */
export class AnswersReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const ofCli = modules.filter(({ moduleId }) => moduleId.startsWith(cliTests));
    const tests = ofCli.flatMap(({ children }) => [...children.allTests()]);
    const isPart = ofCli.length < globSync('**/*.test.ts', { cwd: cliTests }).length;
    if (isPart || tests.some((test) => test.result().state !== 'passed')) return;
    const seen = new Set(tests.flatMap((test) => test.meta().answers ?? []));
    const { describeCommands } = await import('@holdfast/cli');
    const unseen = describeCommands()
      .flatMap(({ name, answers }) => Object.keys(answers).map((form) => `${name}.${form}`))
      .filter((form) => !seen.has(form.replace('holdfast ', '')));
    if (unseen.length === 0) return;
    console.error(`no test of packages/cli/test has seen what --json prints of: ${unseen.join(', ')}`);
    process.exitCode = 1;
  }
}
