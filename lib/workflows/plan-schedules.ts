import { Aws, Duration, TimeZone } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ContextAttribute,
  type IScheduleTarget,
  Schedule,
  ScheduleExpression,
  ScheduleGroup,
  ScheduleTargetInput,
  TimeWindow,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { DeploymentConfig, PlanConfig } from '../deployment-config.ts';
import { allow, ExactPolicy } from '../functions/exact-policy.ts';

export interface PlanSchedulesProps {
  readonly plans: readonly PlanConfig[];
  readonly startCycle: IFunction;
  readonly check: IStateMachine;
  readonly maintenance: DeploymentConfig['maintenance'] & { readonly machine: IStateMachine };
  /** Called every hour, for executions whose end no event told. */
  readonly closeExecutions: IFunction;
  readonly countDeadLetters: IFunction;
  readonly deadLetters: IQueue;
}

/** One schedule for each rule of each plan, and those of Holdfast itself. */
export class PlanSchedules extends Construct {
  private readonly props: PlanSchedulesProps;
  private readonly group: ScheduleGroup;
  private readonly role: Role;

  constructor(scope: Construct, id: string, props: PlanSchedulesProps) {
    super(scope, id);
    this.props = props;
    const { startCycle, check, closeExecutions, countDeadLetters, deadLetters } = props;
    this.group = new ScheduleGroup(this, 'Group');
    this.role = new Role(this, 'Role', {
      description: 'EventBridge Scheduler, starting Holdfast functions',
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID, 'aws:SourceArn': this.group.scheduleGroupArn },
        },
      }),
    });
    void new ExactPolicy(this, 'Policy', {
      role: this.role,
      statements: [
        allow(
          'CallFunctions',
          ['lambda:InvokeFunction'],
          [startCycle, closeExecutions, countDeadLetters].map((target) => target.functionArn),
        ),
        allow(
          'StartMachines',
          ['states:StartExecution'],
          [props.maintenance.machine, check].map((machine) => machine.stateMachineArn),
        ),
        allow('SetAsideUndelivered', ['sqs:SendMessage'], [deadLetters.queueArn]),
      ],
    });
    for (const plan of props.plans) {
      for (const { type, expression } of plan.rules) {
        const schedule = ScheduleExpression.expression(expression, TimeZone.of(plan.timeZone));
        this.schedule(`${plan.name}-${type}`, `${type} cycle of plan ${plan.name}`, schedule, startCycle, {
          plan: plan.name,
          type,
          scheduledAt: ContextAttribute.scheduledTime,
        });
      }
    }
    const daily = ScheduleExpression.expression('cron(0 8 * * ? *)', TimeZone.ETC_UTC);
    this.execution('CheckOverdue', 'Measures resources against their RPO', daily, check);
    // Half an hour before the check as well: a run that nobody closed is in the way of the next one.
    const hourly = ScheduleExpression.expression('cron(30 * * * ? *)', TimeZone.ETC_UTC);
    this.schedule('CloseExecutions', 'Closes what ended executions left open', hourly, closeExecutions, {});
    const { machine, schedule, timeZone } = props.maintenance;
    const due = ScheduleExpression.expression(schedule.expression, TimeZone.of(timeZone));
    const what = 'Expires points, renews leases, sweeps packs, verifies a sample';
    this.execution('Maintenance', what, due, machine);
    const often = ScheduleExpression.rate(Duration.minutes(5));
    this.schedule('CountDeadLetters', 'Counts what could not be delivered', often, countDeadLetters, {});
  }

  private schedule(
    id: string,
    description: string,
    schedule: ScheduleExpression,
    target: IFunction,
    input: Record<string, string>,
  ): void {
    this.make(id, description, schedule, new LambdaInvoke(target, this.delivery(input)));
  }

  /** A double delivery starts two executions: they share the work, or come to the same. */
  private execution(
    id: string,
    description: string,
    schedule: ScheduleExpression,
    machine: IStateMachine,
  ): void {
    this.make(id, description, schedule, new StepFunctionsStartExecution(machine, this.delivery({})));
  }

  private delivery(input: Record<string, string>) {
    return {
      role: this.role.withoutPolicyUpdates(),
      input: ScheduleTargetInput.fromObject(input),
      deadLetterQueue: this.props.deadLetters,
      retryAttempts: 24,
      maxEventAge: Duration.hours(6),
    };
  }

  private make(id: string, description: string, schedule: ScheduleExpression, target: IScheduleTarget): void {
    void new Schedule(this, id, {
      description,
      schedule,
      scheduleGroup: this.group,
      timeWindow: TimeWindow.off(),
      target,
    });
  }
}
