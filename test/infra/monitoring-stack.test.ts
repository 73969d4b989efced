import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
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
      CycleFailures: 300,
      DeadLetters: 300,
      OverduePlans: 86_400,
      RestoreFailures: 300,
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

test('there is a dashboard', () => {
  monitoring.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
});
