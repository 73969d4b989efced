import { verifyAudit } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { recordConfigurationStep } from '../../lambdas/cycle/record-configuration.ts';
import { makeDeployment, PLENTY } from './support/deployment.ts';

const CONFIGURATION = {
  plans: [],
  tagKey: 'backup',
  restoreTargets: { buckets: [], roles: [] },
  restoreWorkers: 7,
};

test('a configuration is recorded once, and again when it has changed, whoever is first', async () => {
  const deployment = makeDeployment();
  const record = (keepDays: number) =>
    recordConfigurationStep.over({
      ...deployment,
      configuration: { ...CONFIGURATION, keepDays },
    })({}, PLENTY);

  const [first, atOnce] = await Promise.all([record(30), record(30)]);
  const again = await record(30);
  deployment.clock.advance(1_000);
  const changed = await record(35);
  const back = await record(30);

  expect([first.changed || atOnce.changed, again.changed, changed.changed, back.changed]).toEqual([
    true,
    false,
    true,
    true,
  ]);
  const configurations: unknown[] = [];
  const { problems } = await verifyAudit(deployment.store, {
    onEntry: ({ event }) => configurations.push(event.kind === 'configuration' && event.configuration),
  });
  expect(problems).toEqual([]);
  expect(configurations).toMatchObject([{ keepDays: 30 }, { keepDays: 35 }, { keepDays: 30 }]);
});
