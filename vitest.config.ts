import { defineConfig } from 'vitest/config';
import { GapsReporter } from './test/support/gaps-reporter.ts';

const sequence = { shuffle: { tests: true, files: true } } as const;

export default defineConfig({
  test: {
    reporters: ['default', new GapsReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'packages/*/test/**/*.test.ts',
            'test/{infra,lambdas,compat}/**/*.test.ts',
            'localstack/test/**/*.test.ts',
          ],
          exclude: ['**/*.integ.test.ts'],
          sequence,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{integration,compat}/**/*.integ.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          sequence,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
