import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { METRIC_NAMES } from '../../lambdas/runtime/metrics.ts';
import { METRICS_NAMESPACE } from '../../lib/metrics.ts';
import { dashboardPicture } from '../../scripts/dashboard-picture.ts';
import { synthesize, WITH_EVERYTHING } from './synthesize.ts';

const { monitoring } = synthesize(WITH_EVERYTHING);
const alarms = Object.values(monitoring.findResources('AWS::CloudWatch::Alarm')).map(
  ({ Properties }) => Properties,
);
const runbook = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'runbook.md'), 'utf8');

/** The anchor that a heading gets. */
const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
  heading.toLowerCase().replaceAll(' ', '-'),
);

describe('alarms', () => {
  test('watch what Holdfast itself counts', () => {
    expect(Object.fromEntries(alarms.map(({ MetricName, Period }) => [MetricName, Period]))).toEqual({
      CheckFailures: 300,
      CycleFailures: 300,
      DeadLetters: 300,
      DegradedResources: 86_400,
      MaintenanceFailures: 86_400,
      MaintenanceOverdue: 86_400,
      OverduePlans: 86_400,
      PacksDamaged: 86_400,
      PointsMissing: 86_400,
      PointsWithoutSnapshots: 86_400,
      RestoreFailures: 300,
      SuspectResources: 86_400,
    });
    for (const { Namespace, Dimensions } of alarms) {
      expect(Namespace).toBe('Holdfast');
      expect(Dimensions).toBeUndefined();
    }
  });

  test('go off at the first thing that is wrong, and are quiet when there is nothing to tell', () => {
    for (const alarm of alarms) {
      expect(alarm).toMatchObject({
        Statistic: 'Maximum',
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        EvaluationPeriods: 1,
        TreatMissingData: 'notBreaching',
      });
    }
  });

  test('are told to the topic', () => {
    const [topic] = Object.keys(monitoring.findResources('AWS::SNS::Topic'));

    for (const { AlarmActions } of alarms) expect(AlarmActions).toEqual([{ Ref: topic }]);
  });

  test('say where the runbook explains them', () => {
    const linked = alarms.map(
      ({ AlarmDescription }) => /docs\/runbook\.md#(\S+)$/.exec(AlarmDescription)?.[1],
    );

    expect(linked).not.toContain(undefined);
    expect(anchors).toEqual(expect.arrayContaining(linked));
  });
});

test('messages of the trail are told to the topic, and say who, what, when and where the runbook explains them', () => {
  const [topic] = Object.keys(monitoring.findResources('AWS::SNS::Topic'));
  const rules = Object.values(monitoring.findResources('AWS::Events::Rule')).map(
    ({ Properties }) => Properties,
  );

  expect(rules).toHaveLength(6);
  for (const { Targets, State } of rules) {
    expect(State).toBe('ENABLED');
    expect(Targets).toEqual([expect.objectContaining({ Arn: { Ref: topic } })]);
    const { InputPathsMap, InputTemplate } = Targets[0].InputTransformer;
    expect(Object.values(InputPathsMap)).toEqual(
      expect.arrayContaining(['$.detail.userIdentity.arn', '$.detail.eventName', '$.detail.eventTime']),
    );
    expect(anchors).toContain(/docs\/runbook\.md#([a-z-]+)/.exec(InputTemplate)?.[1]);
  }
});

describe('the topic', () => {
  test('takes messages from alarms of this account, over TLS', () => {
    monitoring.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
  });

  test('writes to the address that is configured, and to none otherwise', () => {
    monitoring.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'backup-team@example.com',
    });
    synthesize().monitoring.resourceCountIs('AWS::SNS::Subscription', 0);
  });
});

test('everything that functions publish raises an alarm or is on the dashboard, and nothing else is', () => {
  const boards = Object.values(monitoring.findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(boards.map(({ Properties }) => Properties.DashboardBody)).replaceAll('\\', '');
  const shown = [...body.matchAll(new RegExp(`"${METRICS_NAMESPACE}","(\\w+)"`, 'g'))].map(
    ([, name]) => name,
  );
  const watched = alarms.map(({ MetricName }) => MetricName);

  expect(boards).toHaveLength(1);
  expect(shown).toContain('CyclesCompleted');
  expect(new Set([...shown, ...watched])).toEqual(new Set(METRIC_NAMES));
});

test('the picture of the dashboard is of the one that is deployed', () => {
  const [dashboard] = Object.values(monitoring.findResources('AWS::CloudWatch::Dashboard'));
  const file = join(import.meta.dirname, '..', '..', 'docs', 'pictures', 'dashboard.svg');

  expect(dashboardPicture(dashboard), 'it is out of date: run "npm run pictures"').toBe(
    readFileSync(file, 'utf8'),
  );
});
