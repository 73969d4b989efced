import type { Reporter, TestModule } from 'vitest/node';

/** Prints, after a run, which gaps of the emulator at hand stopped how many tests. */
export class GapsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const stopped = new Map<string, number>();
    for (const module of modules) {
      for (const { fullName } of module.children.allTests('skipped')) {
        const gap = /\[not here: (.+)\]/.exec(fullName)?.[1];
        if (gap !== undefined) stopped.set(gap, (stopped.get(gap) ?? 0) + 1);
      }
    }
    for (const [gap, tests] of stopped) console.log(`not tried here: ${tests} tests, because ${gap}`);
  }
}
