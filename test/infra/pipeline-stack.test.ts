import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { openServices } from '../../lambdas/runtime/open-services.ts';
import { allSteps } from '../../lambdas/steps.ts';
import { makeApp, synthesize, WITH_EVERYTHING } from './synthesize.ts';

const { pipeline } = synthesize(WITH_EVERYTHING);
const functions = Object.values(pipeline.findResources('AWS::Lambda::Function')).map(
  ({ Properties }) => Properties,
);
const nameOf = (properties: { Description: string }): string =>
  properties.Description.replace('Holdfast ', '');

/** Text that references become when CloudFormation resolves them, where any will not do. */
const resolved: Readonly<Record<string, string>> = {
  DEAD_LETTER_QUEUE: 'url',
  CONFIGURATION: 's3://reference',
};

const environmentOf = (name: string) => {
  const { Environment } = functions.find((properties) => nameOf(properties) === name);
  return Object.fromEntries(
    Object.entries(Environment.Variables as Record<string, unknown>).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : (resolved[key] ?? 'reference'),
    ]),
  );
};

describe('functions', () => {
  test('are those of the rows of steps', () => {
    expect(functions.map(nameOf).sort()).toEqual(Object.keys(allSteps).sort());
  });

  test('run on arm64 and Node 24, outside any VPC, within what a new account allows', () => {
    for (const properties of functions) {
      expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(properties.MemorySize).toBeLessThanOrEqual(3008);
      expect(properties.VpcConfig).toBeUndefined();
      expect(properties.ReservedConcurrentExecutions).toBeUndefined();
    }
  });

  test('have each a role and a log of their own', () => {
    const distinct = (key: string) =>
      new Set(functions.map((properties) => JSON.stringify(properties[key]))).size;

    expect(distinct('Role')).toBe(functions.length);
    expect(distinct('LoggingConfig')).toBe(functions.length);
    pipeline.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 90 });
  });

  test('get the variables that they check for', () => {
    expect(environmentOf('protect-shard')).toMatchObject({
      STEP: 'protect-shard',
      LOCK_MODE: 'governance',
      CONFIGURATION: 's3://reference',
    });
    expect(environmentOf('count-dead-letters')).toMatchObject({ DEAD_LETTER_QUEUE: 'url' });
  });

  test.each(Object.entries(allSteps))(
    'as %s start with the variables that they are given',
    async (name, { needs }) => {
      await expect(openServices(name, needs, environmentOf(name))).resolves.toBeTypeOf('function');
    },
  );

  test('that are called by schedules and events set aside what failed three times', () => {
    const asynchronous = functions.filter((properties) => properties.DeadLetterConfig !== undefined);

    expect(asynchronous.map(nameOf).sort()).toEqual([
      'close-executions',
      'count-dead-letters',
      'start-cycle',
    ]);
    pipeline.resourceCountIs('AWS::Lambda::EventInvokeConfig', 3);
    pipeline.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 21_600,
    });
  });
});

describe('executions that end without success', () => {
  const machineIds = Object.keys(pipeline.findResources('AWS::StepFunctions::StateMachine'));
  const [closing = ''] = Object.entries(pipeline.findResources('AWS::Lambda::Function'))
    .filter(([, { Properties }]) => nameOf(Properties) === 'close-executions')
    .map(([id]) => id);

  test('are told of, whichever machine they are of', () => {
    expect(machineIds).toHaveLength(6);
    const [rule] = Object.values(pipeline.findResources('AWS::Events::Rule'));
    expect(rule?.['Properties']).toMatchObject({
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
      },
      Targets: [{ Arn: { 'Fn::GetAtt': [closing, 'Arn'] } }],
    });
    const watched: { Ref: string }[] = rule?.['Properties'].EventPattern.detail.stateMachineArn;
    expect(new Set(watched.map(({ Ref }) => Ref))).toEqual(new Set(machineIds));
  });

  test('are looked for daily, in case an event was lost, before resources are measured', () => {
    pipeline.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(30 * * * ? *)',
      Target: Match.objectLike({ Arn: { 'Fn::GetAtt': [closing, 'Arn'] } }),
    });
  });

  test('may be listed and read by that function, and by EventBridge it may be called for this rule only', () => {
    pipeline.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'events.amazonaws.com',
      FunctionName: { 'Fn::GetAtt': [closing, 'Arn'] },
      SourceArn: Match.anyValue(),
    });
  });
});

describe('schedules', () => {
  test('are one for each rule of each plan, with the time that was due', () => {
    pipeline.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 2 ? * SUN *)',
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: Match.objectLike({
        Input: JSON.stringify({ plan: 'daily', type: 'full', scheduledAt: '<aws.scheduler.scheduled-time>' }),
        RetryPolicy: { MaximumRetryAttempts: 24, MaximumEventAgeInSeconds: 21_600 },
        DeadLetterConfig: Match.anyValue(),
      }),
    });
    // Five rules in lib/plans.ts, and four schedules of Holdfast itself.
    pipeline.resourceCountIs('AWS::Scheduler::Schedule', 9);
  });

  test('follow the time zone of their plan', () => {
    const berlin = synthesize({
      plans: [
        {
          name: 'office',
          schedules: { full: 'cron(0 18 ? * MON-FRI *)' },
          timeZone: 'Europe/Berlin',
          retention: { keepDays: 7 },
        },
      ],
    });

    berlin.pipeline.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 18 ? * MON-FRI *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
    });
  });

  test('maintain and check for overdue resources daily, and look for dead letters every five minutes', () => {
    const times: string[] = Object.values(pipeline.findResources('AWS::Scheduler::Schedule'))
      .filter(({ Properties }) => Properties.Target.Input === '{}')
      .map(({ Properties }) => Properties.ScheduleExpression);

    expect(times.sort()).toEqual([
      'cron(0 5 * * ? *)',
      'cron(0 8 * * ? *)',
      'cron(30 * * * ? *)',
      'rate(5 minutes)',
    ]);
  });

  test('start maintenance itself, when and where the configuration says', () => {
    const { pipeline: vienna } = synthesize({
      maintenance: { schedule: 'cron(30 1 * * ? *)', timeZone: 'Europe/Vienna' },
    });
    const [machine] = Object.keys(vienna.findResources('AWS::StepFunctions::StateMachine')).filter((id) =>
      id.startsWith('Maintenance'),
    );

    vienna.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(30 1 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Vienna',
      Target: Match.objectLike({ Arn: { Ref: machine }, DeadLetterConfig: Match.anyValue() }),
    });
  });

  test('are made in a group that only this account can act for', () => {
    pipeline.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: {
              StringEquals: {
                'aws:SourceAccount': { Ref: 'AWS::AccountId' },
                'aws:SourceArn': Match.anyValue(),
              },
            },
          },
        ],
      },
    });
  });
});

test('the dead-letter queue keeps what it gets for 14 days, over TLS only', () => {
  pipeline.hasResourceProperties('AWS::SQS::Queue', {
    MessageRetentionPeriod: 1_209_600,
    SqsManagedSseEnabled: true,
  });
  pipeline.hasResourceProperties('AWS::SQS::QueuePolicy', {
    PolicyDocument: {
      Statement: [
        Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      ],
    },
  });
});

test('the machines are outputs for the command line', () => {
  for (const name of ['CycleMachineArn', 'ProtectMachineArn', 'RestoreMachineArn'])
    pipeline.hasOutput(name, {});
});

const sayNoTarget = ({ pipeline: stack }: ReturnType<typeof makeApp>['stacks']): number =>
  Annotations.fromStack(stack).findInfo(
    '*',
    Match.stringLikeRegexp('restores into buckets.*are refused.*restoreTargets.buckets'),
  ).length;

test('says at synthesis that restores can write to no bucket, while that is so', () => {
  expect([{}, WITH_EVERYTHING].map((changes) => sayNoTarget(makeApp(changes).stacks))).toEqual([1, 0]);
});
