import { Aws, CfnOutput, Duration } from 'aws-cdk-lib';
import {
  Alarm,
  Dashboard,
  GraphWidget,
  Metric,
  SingleValueWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { MetricName } from '../lambdas/runtime/metrics.ts';
import { TrailAlarms, type WatchedStorage } from './monitoring/trail-alarms.ts';
import { holdfastMetric } from './metrics.ts';

export interface HoldfastMonitoringProps {
  /** Address that alarms are sent to. @default - nobody but who subscribes to the topic */
  readonly email?: string;
  readonly storage: WatchedStorage;
  readonly machines: Readonly<Record<'cycle' | 'protect' | 'restore' | 'maintenance', StateMachine>>;
}

interface AlarmRule {
  readonly id: string;
  readonly metric: MetricName;
  /** Also the heading in docs/runbook.md. */
  readonly title: string;
  readonly meaning: string;
  /** @default five minutes */
  readonly period?: Duration;
}

// Each metric is published as a number of things that are wrong, so every alarm has the same form: one or more.
const ALARMS: readonly AlarmRule[] = [
  {
    id: 'CycleFailed',
    metric: 'CycleFailures',
    title: 'Cycle failed',
    meaning: 'a cycle ended without protecting every resource of its plan',
  },
  {
    id: 'PlanOverdue',
    metric: 'OverduePlans',
    title: 'Plan overdue',
    meaning: 'a resource has no recovery point as recent as its plan promises',
    // The check is made once a day, so its last answer stands for a day.
    period: Duration.days(1),
  },
  {
    id: 'CheckFailed',
    metric: 'CheckFailures',
    title: 'Check failed',
    meaning: 'the daily check of all resources came to no end, so nobody is told of those that are overdue',
  },
  {
    id: 'ResourceDegraded',
    metric: 'DegradedResources',
    title: 'Resource degraded',
    meaning: 'the newest recovery point of a resource lacks what could not be read',
    period: Duration.days(1),
  },
  {
    id: 'ResourceSuspect',
    metric: 'SuspectResources',
    title: 'Resource suspect',
    meaning:
      'the newest recovery point of a resource may be of an attack, or comes shortly after one that may',
    period: Duration.days(1),
  },
  {
    id: 'EventUndelivered',
    metric: 'DeadLetters',
    title: 'Event undelivered',
    meaning: 'a schedule could not start its function, or the function failed three times',
  },
  {
    id: 'RestoreFailed',
    metric: 'RestoreFailures',
    title: 'Restore failed',
    meaning: 'a restore ended without writing everything that was asked for',
  },
  {
    id: 'MaintenanceFailed',
    metric: 'MaintenanceFailures',
    title: 'Maintenance failed',
    meaning: 'points could not be expired or renewed, or packs not be swept or verified',
    period: Duration.days(1),
  },
  {
    id: 'MaintenanceOverdue',
    metric: 'MaintenanceOverdue',
    title: 'Maintenance overdue',
    meaning: 'maintenance has not succeeded for two days',
    period: Duration.days(1),
  },
  {
    id: 'DamageFound',
    metric: 'PacksDamaged',
    title: 'Damage found',
    meaning: 'stored bytes are not what was written, or roots of points are gone',
    period: Duration.days(1),
  },
  {
    id: 'PointsMissing',
    metric: 'PointsMissing',
    title: 'Points missing',
    meaning: 'points that the catalog knows are not in the vault any more',
    period: Duration.days(1),
  },
  {
    id: 'SnapshotsMissing',
    metric: 'PointsWithoutSnapshots',
    title: 'Snapshots missing',
    meaning: 'EBS snapshots that points of images consist of are gone',
    period: Duration.days(1),
  },
];

interface Graph {
  readonly title: string;
  readonly stacked?: boolean;
  /** Metrics, and what each is called. */
  readonly metrics: Partial<Record<MetricName, string>>;
}

const GRAPHS: readonly Graph[] = [
  {
    title: 'Resources a day',
    stacked: true,
    metrics: {
      ResourcesCompleted: 'completed',
      ResourcesWithWarnings: 'with warnings',
      ResourcesDegraded: 'degraded',
      ResourcesFailed: 'failed',
    },
  },
  {
    title: 'Bytes a day',
    metrics: {
      ReadBytes: 'read from sources',
      StoredBytes: 'stored in the vault',
      RestoredBytes: 'restored',
    },
  },
  {
    title: 'Maintenance a day',
    metrics: { PointsExpired: 'points expired', PacksSwept: 'packs swept', LeasesRenewed: 'leases renewed' },
  },
  {
    title: 'Bytes of maintenance a day',
    metrics: { BytesSwept: 'swept', BytesVerified: 'verified' },
  },
  {
    title: 'Cycles and restores a day',
    metrics: { CyclesCompleted: 'cycles completed', RestoresCompleted: 'restores completed' },
  },
  {
    title: 'Refused calls a day',
    metrics: { ThrottledBlockCalls: 'calls for blocks, made again' },
  },
];

const day = { period: Duration.days(1) };
const most = { statistic: 'Maximum' };

/** Alarms on Holdfast's own metrics and on the vault's trail, a topic that carries them to people, and a dashboard. */
export class HoldfastMonitoring extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: HoldfastMonitoringProps) {
    super(scope, id);
    const topic = this.makeTopic(props.email);
    this.topic = topic;
    const action = new SnsAction(topic);
    for (const rule of ALARMS) this.alarm(rule).addAlarmAction(action);
    void new TrailAlarms(this, 'TrailAlarms', { storage: props.storage, topic });
    this.makeDashboard(props.machines);
    void new CfnOutput(this, 'AlarmTopicArn', {
      value: topic.topicArn,
      description: 'Subscribe to be told of alarms',
    });
  }

  private makeTopic(email: string | undefined): Topic {
    const topic = new Topic(this, 'Alarms', { displayName: 'Holdfast alarms', enforceSSL: true });
    // A policy of one's own takes the place of the one that lets the account's alarms in.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }

  private alarm({ id, metric, title, meaning, period }: AlarmRule): Alarm {
    const heading = title.toLowerCase().replaceAll(' ', '-');
    return new Alarm(this, id, {
      alarmDescription: `Holdfast: ${meaning}. What to do: docs/runbook.md#${heading}`,
      metric: holdfastMetric(metric, { statistic: 'Maximum', period }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  private makeDashboard(machines: HoldfastMonitoringProps['machines']): void {
    const board = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.days(14) });
    board.addWidgets(
      new SingleValueWidget({
        title: 'Needs attention',
        width: 24,
        metrics: [
          holdfastMetric('CycleFailures', { ...day, label: 'Failed cycles and runs today' }),
          holdfastMetric('OverdueResources', { ...day, ...most, label: 'Overdue resources' }),
          holdfastMetric('DegradedResources', { ...day, ...most, label: 'Degraded resources' }),
          holdfastMetric('ResourceProblems', { ...day, ...most, label: 'Tagged but not protected' }),
          holdfastMetric('RestoreFailures', { ...day, label: 'Failed restores today' }),
          holdfastMetric('DeadLetters', { ...most, label: 'Undelivered events' }),
        ],
      }),
      ...GRAPHS.map(
        ({ title, stacked, metrics }) =>
          new GraphWidget({
            title,
            width: 12,
            stacked,
            left: Object.entries(metrics).map(([name, label]) =>
              holdfastMetric(name as MetricName, { ...day, label }),
            ),
          }),
      ),
      new GraphWidget({
        title: 'Executions that failed or ran out of time',
        width: 12,
        left: Object.entries(machines).flatMap(([name, machine]) => failedExecutions(name, machine)),
      }),
    );
  }
}

function failedExecutions(name: string, { stateMachineArn: StateMachineArn }: StateMachine): Metric[] {
  return ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'].map(
    (metricName) =>
      new Metric({
        namespace: 'AWS/States',
        metricName,
        dimensionsMap: { StateMachineArn },
        statistic: 'Sum',
        label: `${name} ${metricName}`,
        ...day,
      }),
  );
}
