import { App, Stack } from 'aws-cdk-lib';
import { Template, Match } from 'aws-cdk-lib/assertions';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import { type BackupPlan, Holdfast, type HoldfastProps } from '../../lib/index.ts';
import { statementsOf, synthesize } from './synthesize.ts';

const plans: BackupPlan[] = [
  { name: 'daily', schedules: { full: 'rate(1 day)' }, retention: { keepDays: 30 } },
];
const handlerCode = Code.fromInline('exports.handler = async () => ({});');

/** An application of somebody else's, without any feature flag. */
function makeStack(name = 'Own', app = new App()): Stack {
  return new Stack(app, name);
}

function add(scope: Stack, props: Partial<HoldfastProps> = {}, id = 'Backup'): Holdfast {
  return new Holdfast(scope, id, { plans, handlerCode, ...props });
}

const typesOf = (...templates: readonly Template[]): string[] =>
  templates
    .flatMap((template) =>
      Object.values(template.toJSON()['Resources'] as Record<string, { Type: string }>).map(
        ({ Type }) => Type,
      ),
    )
    .sort();

describe('in one stack of another application', () => {
  const stack = makeStack();
  add(stack);
  const template = Template.fromStack(stack);

  test('has what the three stacks have, but for what only they need', () => {
    const three = Object.values(synthesize({ plans }));

    expect(typesOf(template)).toEqual(typesOf(...three));
  });

  test('keeps the vault, its key and its tables when the stack goes', () => {
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::S3::Bucket'])
      template.allResources(type, { DeletionPolicy: 'Retain' });
  });

  test('has distributed maps that report into the work bucket, without the flag for it', () => {
    const [machine] = Object.values(
      template.findResources('AWS::StepFunctions::StateMachine', {
        Properties: { DefinitionString: Match.anyValue() },
      }),
    ).filter((found) => JSON.stringify(found).includes('ProtectShard'));

    expect(JSON.stringify(machine)).toContain('ResultWriter');
  });

  test('lets people find it by the outputs of its stack', () => {
    const [statement] = statementsOf([template], 'Operator').filter(({ sid }) => sid === 'ReadStackOutputs');

    expect(statement?.resources.join()).toContain(':stack/Own/*');
  });
});

test('grants rights that reach as far as their names', () => {
  const app = new App();
  const holdfast = add(makeStack('Own', app));
  const other = makeStack('Others', app);
  const role = new Role(other, 'Desk', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  holdfast.grantRestore(role);
  holdfast.grantReadCatalog(role);

  const actions = statementsOf([Template.fromStack(other)], 'Desk').flatMap((statement) => statement.actions);
  expect(actions.sort()).toEqual([
    'dynamodb:BatchGetItem',
    'dynamodb:GetItem',
    'dynamodb:Query',
    'states:DescribeExecution',
    'states:GetExecutionHistory',
    'states:StartExecution',
  ]);
});

test('tells of what ended, and gives metrics', () => {
  const stack = makeStack();
  const holdfast = add(stack);
  holdfast.onCycleEnded('ThenMaintain', { target: new SfnStateMachine(holdfast.maintenance) });

  Template.fromStack(stack).hasResourceProperties('AWS::Events::Rule', {
    EventPattern: {
      detail: {
        status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
        stateMachineArn: [stack.resolve(holdfast.cycle.stateMachineArn)],
      },
    },
  });
  expect(holdfast.metricCycleFailures({ label: 'mine' })).toMatchObject({
    namespace: 'Holdfast',
    metricName: 'CycleFailures',
    statistic: 'Sum',
    label: 'mine',
  });
});

test('lies in several stacks, beside another one', () => {
  const app = new App();
  const [data, work, watch] = [makeStack('Data', app), makeStack('Work', app), makeStack('Watch', app)];
  for (const id of ['First', 'Second']) add(work, { storageScope: data, monitoringScope: watch }, id);
  const template = Template.fromStack(data);

  template.resourceCountIs('AWS::KMS::Key', 2);
  Template.fromStack(watch).resourceCountIs('AWS::CloudWatch::Dashboard', 2);
  const aliases = template.findResources('AWS::KMS::Alias');
  expect(new Set(Object.values(aliases).map(({ Properties }) => Properties.AliasName)).size).toBe(2);
  const names = Object.values(template.findResources('AWS::CloudTrail::Trail'));
  expect(new Set(names.map(({ Properties }) => Properties.TrailName)).size).toBe(2);
  Template.fromStack(work).resourceCountIs('AWS::KMS::Key', 0);
});

describe('properties that cannot be deployed', () => {
  test('are refused by the names that they have here', () => {
    const props = { restoreBuckets: ['s3://restored'], maintenanceSchedule: 'daily', resourcesAtOnce: 20 };

    expect(() => add(makeStack(), props)).toThrow(
      /^Holdfast Own\/Backup cannot be deployed:\n.*restoreBuckets\[0\] "s3:\/\/restored".*\n.*maintenanceSchedule/,
    );
  });

  test('such as the name of a bucket that has none yet are refused with what to do', () => {
    const stack = makeStack();
    const { bucketName } = new Bucket(stack, 'Photos');

    expect(() => add(stack, { sourceBuckets: [bucketName] })).toThrow(
      'sourceBuckets[0] is known only once it is deployed; give it a name',
    );
  });
});
