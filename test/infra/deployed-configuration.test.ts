import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultImageSettings, DeployedConfiguration, RetentionRules } from '@holdfast/engine/model';
import { describe, expect, test } from 'vitest';
import { deployedConfiguration } from '../../lib/deployed-configuration.ts';
import { parseDeploymentConfig } from '../../lib/deployment-config.ts';
import type { Deployment } from '../../lib/deployment-schema.ts';
import * as defaultPlans from '../../lib/plans.ts';
import { makeApp, statementsOf, synthesize } from './synthesize.ts';

type Plan = Deployment['plans'][number];

const plan: Plan = { name: 'daily', schedules: { full: 'cron(0 4 * * ? *)' }, retention: { keepDays: 30 } };

function recordOf(changes: Partial<Deployment> = {}, planChanges: Partial<Plan> = {}): string {
  const deployment = { plans: [{ ...plan, ...planChanges }], ...changes };
  return deployedConfiguration(parseDeploymentConfig({ deployment }));
}

/** Buckets with names as long as S3 allows. */
const bucketsOfLongNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${index}`.padStart(4, '0').padEnd(63, '-bucket'));

describe('the configuration that functions read', () => {
  test('has everything that decides what is protected and for how long', () => {
    const texts = [
      recordOf(),
      recordOf({ tagKey: 'backup' }),
      recordOf({ lockMode: 'compliance' }),
      recordOf({ sources: { buckets: ['photos'] } }),
      recordOf({ sources: { keys: ['arn:aws:kms:eu-central-1:111122223333:key/1111'] } }),
      recordOf({ restoreTargets: { buckets: ['restored'] } }),
      recordOf({}, { retention: { keepDays: 31 } }),
      recordOf({}, { timeZone: 'Europe/Berlin' }),
      recordOf({}, { schedules: { full: 'cron(0 3 * * ? *)' } }),
      recordOf({}, { sources: { s3: { prefixes: ['only-this/'] } } }),
      recordOf({}, { sources: { s3: { readTags: false } } }),
      recordOf({}, { compression: 'max' }),
      recordOf({}, { images: { blocks: 'none' } }),
      recordOf({}, { images: { blocks: 'vault', baseSnapshot: 'keep' } }),
      recordOf({}, { images: { blocks: 'vault', keepSnapshotsDays: 7 } }),
      recordOf({}, { images: { blocks: 'none', lockSnapshots: true } }),
    ];

    expect(new Set(texts).size).toBe(texts.length);
  });

  test('has the plans in the form that they take', () => {
    const text = deployedConfiguration(parseDeploymentConfig(defaultPlans));

    expect(DeployedConfiguration.parse(JSON.parse(text)).plans[0]).toEqual({
      name: 'daily',
      schedules: {
        full: { expression: 'cron(0 2 ? * SUN *)', timeZone: 'UTC' },
        incremental: { expression: 'cron(0 2 ? * MON-SAT *)', timeZone: 'UTC' },
      },
      retention: RetentionRules.parse({ keepDays: 30 }),
      rpoHours: 30,
      readTags: true,
      prefixes: [],
      compression: 'default',
      images: defaultImageSettings,
      shard: { files: 10_000, bytes: 2 ** 30 },
    });
  });

  test('is an object whose name is the hash of its bytes', () => {
    const { app, stacks } = makeApp();

    const assembly = app.synth();

    const manifest = JSON.parse(
      readFileSync(join(assembly.directory, `${stacks.pipeline.artifactId}.assets.json`), 'utf8'),
    ) as {
      readonly files: Record<string, { readonly displayName: string; readonly source: { path: string } }>;
    };
    const [sha256, asset] =
      Object.entries(manifest.files).find(([, { displayName }]) => displayName === 'configuration') ?? [];
    const bytes = readFileSync(join(assembly.directory, asset?.source.path ?? ''));
    expect(hash('sha256', bytes, 'hex')).toBe(sha256);
    expect(JSON.parse(bytes.toString()).plans).toHaveLength(2);
  });

  test('has room for more buckets and plans than a function has for variables', () => {
    const buckets = bucketsOfLongNames(30);
    const plans = Array.from({ length: 60 }, (_, index) => ({ ...plan, name: `plan-${index}` }));

    const { pipeline } = synthesize({ plans, sources: { buckets }, restoreTargets: { buckets } });

    for (const { Properties } of Object.values(pipeline.findResources('AWS::Lambda::Function')))
      expect(JSON.stringify(Properties.Environment).length).toBeLessThan(2000);
  });

  test('is read by who is told its name, by nobody else, and nothing beside it', () => {
    const { pipeline } = synthesize();
    const statements = statementsOf([pipeline], '').filter(({ sid }) => sid === 'ReadConfiguration');

    for (const { actions, resources } of statements) {
      expect(actions).toEqual(['s3:GetObject']);
      expect(resources.join()).toMatch(/\/[0-9a-f]{64}\.json/);
    }
    const told = Object.values(pipeline.findResources('AWS::Lambda::Function')).filter(
      ({ Properties }) => Properties.Environment.Variables.CONFIGURATION !== undefined,
    );
    const people = ['Operator', 'Restorer', 'Holder', 'BreakGlass'];
    expect(statements).toHaveLength(told.length + people.length);
    for (const role of people) {
      const sids = statementsOf([pipeline], `People${role}`).map(({ sid }) => sid);
      expect(sids, role).toContain('ReadConfiguration');
    }
  });
});

test('more named buckets than a policy has room for are refused before they are deployed', () => {
  const { app } = makeApp({ sources: { buckets: bucketsOfLongNames(90) } });

  expect(() => app.synth()).toThrow(
    /ProtectShard.* takes \d+ characters, IAM allows a role 10240; name fewer buckets .*ABAC/,
  );
});
