import type { ErrorName } from '@holdfast/engine/model';
import {
  Choice,
  Condition,
  Errors,
  JsonPath,
  Map as EachItem,
  Pass,
  Result,
  type IChainable,
  type INextable,
  type State,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { cycleSteps } from '../../lambdas/cycle/steps.ts';
import type { maintenanceSteps } from '../../lambdas/maintenance/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import type { PipelineFunction } from '../functions/pipeline-function.ts';
import { ERROR_PATH, Workflow, type WorkflowProps } from './workflow.ts';

export interface MaintenanceWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof maintenanceSteps> &
    Pick<StepFunctions<typeof cycleSteps>, 'record-configuration'>;
  readonly partitionsAtOnce: number;
}

/**
 * Points were held, renewed and expired. A pack whose lease nobody could move is due like one that nobody needs: nothing
 * is swept on a day on which points are kept from expiring, or on which that is not known.
 */
const pointsMayGo = Condition.and(
  Condition.isPresent('$.expired.skipped'),
  Condition.booleanEquals('$.expired.skipped', false),
);

interface Stage {
  readonly first: State & INextable;
  readonly ends: readonly INextable[];
  /** Condition without which the stage is passed over. */
  readonly onlyIf?: Condition;
  /** States whose failure ends the stage. */
  readonly risky: readonly { addCatch(handler: IChainable, props: object): unknown }[];
}

/**
 * The work of every day: record the configuration, reconcile, hold, renew, make containers, expire, sweep, verify,
 * write a checkpoint, report. What a plan or a hold keeps is prolonged before anything is removed. A stage that fails
 * stops none of those after it, but expiring and sweeping if points could not be held or renewed; the report fails in
 * the end. Safe to run any number of times at once.
 */
export class MaintenanceWorkflow extends Workflow<MaintenanceWorkflowProps> {
  readonly stateMachine = this.machine('Maintenance', this.definition());

  private definition(): IChainable {
    const { steps } = this.props;
    const begin = new Pass(this, 'Begin', {
      result: Result.fromObject({
        errors: {},
        configuration: null,
        reconciled: { state: null },
        holds: { state: null },
        containers: null,
        checkpoint: { state: null },
        renewed: null,
        expired: { state: null },
        swept: null,
        snapshots: { state: null },
        verified: null,
      }),
    });
    const plan = this.step('PlanMaintenance', {
      function: steps['plan-maintenance'],
      payload: { maintenanceId: '$$.Execution.Name' },
      resultPath: '$.plan',
    });
    const stages = this.stages();
    const report = this.step('ReportMaintenance', {
      function: steps['report-maintenance'],
      resultPath: '$.report',
    });
    report.addCatch(this.failed('MaintenanceFailed'), {
      errors: ['MaintenanceFailedError' satisfies ErrorName],
      resultPath: ERROR_PATH,
    });
    this.catching([report], this.unreported('MaintenanceUnreported'));

    plan.addCatch(report, catchAs('plan'));
    // From the last to the first: each leads to the one after it, whatever becomes of it.
    let next: State & IChainable = report;
    for (const [name, stage] of stages.toReversed()) {
      for (const end of stage.ends) end.next(next);
      for (const state of stage.risky) state.addCatch(next, catchAs(name));
      next = stage.onlyIf === undefined ? stage.first : this.choose(stage.first, stage.onlyIf, next);
    }
    begin.next(plan);
    plan.next(this.whenDone('IsPlanned', '$.plan', next, plan));
    return begin;
  }

  private stages(): readonly [string, Stage][] {
    const { steps } = this.props;
    return [
      ['configuration', this.single('RecordConfiguration', steps['record-configuration'], '$.configuration')],
      ['reconcile', this.loop('ReconcilePoints', steps['reconcile-points'], '$.reconciled', {})],
      ['holds', this.loop('ReconcileHolds', steps['reconcile-holds'], '$.holds', {})],
      ['renew', this.eachPartition('RenewLeases', steps['renew-leases'], '$.renewed')],
      ['containers', this.eachPartition('StartContainers', steps['start-containers'], '$.containers')],
      [
        'expire',
        this.loop('ExpirePoints', steps['expire-points'], '$.expired', {
          held: '$.holds',
          renewed: '$.renewed',
        }),
      ],
      [
        'sweep',
        { ...this.eachPartition('SweepPacks', steps['sweep-packs'], '$.swept'), onlyIf: pointsMayGo },
      ],
      [
        'sweepSnapshots',
        this.loop('SweepSnapshots', steps['sweep-snapshots'], '$.snapshots', { reconciled: '$.reconciled' }),
      ],
      ['verify', this.eachPartition('VerifySample', steps['verify-sample'], '$.verified')],
      [
        'checkpoint',
        this.loop('WriteCheckpoint', steps['write-checkpoint'], '$.checkpoint', {
          maintenanceId: '$$.Execution.Name',
        }),
      ],
    ];
  }

  private choose(first: State & INextable, onlyIf: Condition, otherwise: IChainable): Choice {
    return new Choice(this, `May${first.stateId}`).when(onlyIf, first).otherwise(otherwise);
  }

  private single(id: string, step: PipelineFunction, resultPath: string): Stage {
    const state = this.step(id, { function: step, payload: {}, resultPath });
    return { first: state, ends: [state], risky: [state] };
  }

  /** Calls a function until it is done; its answer carries what the next call goes on with. */
  private loop(
    id: string,
    step: PipelineFunction,
    resultPath: string,
    payload: Readonly<Record<string, unknown>>,
  ): Stage {
    const state = this.step(id, {
      function: step,
      payload: { ...payload, state: `${resultPath}.state` },
      resultPath,
    });
    const end = new Pass(this, `${id}Done`);
    state.next(this.whenDone(`Is${id}Done`, resultPath, end, state));
    return { first: state, ends: [end], risky: [state] };
  }

  /** Runs a function for every partition, some at a time. A partition that fails stops none of the others. */
  private eachPartition(id: string, step: PipelineFunction, resultPath: string): Stage {
    const state = this.step(`${id}OfPartition`, {
      function: step,
      payload: {
        maintenanceId: '$.maintenanceId',
        startedAt: '$.startedAt',
        partition: '$.partition',
        state: '$.step.state',
      },
      resultPath: '$.step',
    });
    // The log has the details; of sixteen causes, a state could not hold all.
    const failed = new Pass(this, `${id}Failed`, {
      parameters: {
        failures: {
          count: 1,
          messages: JsonPath.array(
            JsonPath.format(
              'partition {}: {}',
              JsonPath.stringAt('$.partition'),
              JsonPath.stringAt('$.error.Error'),
            ),
          ),
        },
      },
    });
    const done = new Pass(this, `${id}OfPartitionDone`, { outputPath: '$.step.state' });
    state.addCatch(failed, { errors: [Errors.ALL], resultPath: ERROR_PATH });
    state.next(this.whenDone(`Is${id}OfPartitionDone`, '$.step', done, state));
    const map = new EachItem(this, id, {
      itemsPath: JsonPath.stringAt('$.plan.partitions'),
      itemSelector: {
        maintenanceId: JsonPath.stringAt('$.plan.maintenanceId'),
        startedAt: JsonPath.stringAt('$.plan.startedAt'),
        partition: JsonPath.numberAt('$$.Map.Item.Value'),
      },
      maxConcurrency: this.props.partitionsAtOnce,
      resultPath,
    });
    map.itemProcessor(this.begin(`${id}Begin`, '$.step').next(state));
    return { first: map, ends: [map], risky: [map] };
  }
}

/** A stage's error has a place of its own, and the stages after it go on. */
function catchAs(stage: string) {
  return { errors: [Errors.ALL], resultPath: `$.errors.${stage}` };
}
