import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnLogGroup } from 'aws-cdk-lib/aws-logs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Deployment } from '../../lib/deployment-schema.ts';
import { ExactPolicy } from '../../lib/functions/exact-policy.ts';
import { makeApp, synthesize, WITH_EVERYTHING } from './synthesize.ts';

/** Everything that a configuration can have otherwise. */
const otherwise: Partial<Deployment> = {
  lockMode: 'compliance',
  existingVault: {
    bucketName: 'kept-vault',
    keyArn: 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1234',
    catalogTable: 'kept-catalog',
    chunkIndexTable: 'kept-chunks',
  },
  sources: { buckets: ['logs-*'] },
  maintenance: { schedule: 'cron(30 1 * * ? *)', timeZone: 'Europe/Vienna' },
};

function catchMessage(action: () => void): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing is refused';
}

describe('what is checked before anything is deployed', () => {
  beforeAll(() => void vi.stubEnv('CDK_VALIDATION', 'true'));
  afterAll(() => void vi.unstubAllEnvs());

  test.each([
    ['by default', {}],
    ['with everything switched on', WITH_EVERYTHING],
    ['with a vault of before, locks for good and other times', otherwise],
  ])("the application passes cdk-nag and CDK's validation %s", (_what, changes) => {
    expect(() => makeApp(changes).app.synth()).not.toThrow();
  });

  test('something careless fails cdk-nag, and what is no value of its property the validation', () => {
    const { app, stacks } = makeApp();
    void new Queue(stacks.monitoring, 'Careless');
    new CfnLogGroup(stacks.monitoring, 'Wrong').addPropertyOverride('RetentionInDays', 'soon');

    const findings = catchMessage(() => app.synth());

    expect(findings).toContain('AwsSolutions-SQS4');
    expect(findings).toContain("RetentionInDays: 'soon' is not of type 'integer'");
  });
});

describe('the application', () => {
  test('acknowledges findings with a reason each', () => {
    const { app } = makeApp(WITH_EVERYTHING);
    app.synth();

    const reasons = app.node
      .findAll()
      .flatMap((construct) => construct.node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.values(data as Record<string, string>));

    expect(reasons.length).toBeGreaterThan(10);
    for (const reason of reasons) expect(reason.length).toBeGreaterThan(30);
  });

  test('refuses a wildcard without a condition', () => {
    const { app } = makeApp();
    const stack = new Stack(app, 'Careless');
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    void new ExactPolicy(stack, 'Policy', {
      role,
      statements: [new PolicyStatement({ sid: 'Everything', actions: ['s3:GetObject'], resources: ['*'] })],
    });

    expect(() => app.synth()).toThrow('statement Everything allows a wildcard without a condition');
  });

  test('makes only resources that the local emulator knows as well', () => {
    const types = Object.values(synthesize(WITH_EVERYTHING)).flatMap((template) =>
      Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>).map(
        ({ Type }) => Type,
      ),
    );

    expect([...new Set(types)].sort()).toEqual([
      'AWS::CloudTrail::Trail',
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::DynamoDB::GlobalTable',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::KMS::Alias',
      'AWS::KMS::Key',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::S3::Bucket',
      'AWS::S3::BucketPolicy',
      'AWS::SNS::Subscription',
      'AWS::SNS::Topic',
      'AWS::SNS::TopicPolicy',
      'AWS::SQS::Queue',
      'AWS::SQS::QueuePolicy',
      'AWS::Scheduler::Schedule',
      'AWS::Scheduler::ScheduleGroup',
      'AWS::StepFunctions::StateMachine',
    ]);
  });

  test.each(['storage', 'pipeline', 'monitoring'] as const)(
    'has the %s template that was reviewed',
    (stack) => {
      const text = JSON.stringify(synthesize()[stack].toJSON(), undefined, 2).replaceAll(
        /[0-9a-f]{64}/g,
        '<asset>',
      );

      expect(JSON.parse(text)).toMatchSnapshot();
    },
  );
});
