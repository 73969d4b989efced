import {
  Choice,
  Condition,
  Succeed,
  Wait,
  WaitTime,
  type DistributedMap,
  type IChainable,
} from 'aws-cdk-lib/aws-stepfunctions';
import { WHEN_SNAPSHOTS_ARE_BUSY } from './retries.ts';
import type { restoreSteps } from '../../lambdas/restore/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { ERROR_PATH, Workflow, type WorkflowProps } from './workflow.ts';

export interface RestoreWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof restoreSteps>;
  readonly shardsAtOnce: number;
  readonly volumePollSeconds: number;
}

/** One restore: its input is what a person asks for, its output the report. */
export class RestoreWorkflow extends Workflow<RestoreWorkflowProps> {
  readonly stateMachine = this.machine('Restore', this.definition(), 'restores/*');

  private definition(): IChainable {
    const { steps } = this.props;
    const plan = this.step('PlanRestore', {
      function: steps['plan-restore'],
      payload: { request: '$.request', execution: '$.execution' },
      resultPath: '$.plan',
    });
    const finish = this.step('FinishRestore', {
      function: steps['finish-restore'],
      payload: { execution: '$.execution', restoreId: '$.plan.restoreId' },
      resultPath: '$.report',
    });
    finish.next(this.unlessDone('Finished', '$.report', finish, new Succeed(this, 'FinishedRestore')));
    const failRestore = this.step('FailRestore', {
      function: steps['finish-restore'],
      payload: {
        execution: '$.execution',
        restoreId: '$.plan.restoreId',
        error: ERROR_PATH,
      },
      // A map only says that an item failed; the restore knows why.
      resultSelector: { Error: '$.error.name', Cause: '$.error.message' },
      resultPath: ERROR_PATH,
    });
    const giveUp = this.givingUp('Restore', failRestore);

    const shards = this.restoreShards(finish);
    const [volumes, firstVolumes] = this.restoreVolumes(finish);
    const [launch, firstLaunch] = this.launchInstance(finish);
    const [writing, firstSnapshots] = this.writeSnapshots(
      this.whenLaunched('MadeOfWritten', firstLaunch, firstVolumes),
    );
    // Hours before the launch: what stands in its way is said before anything is written.
    const checkFirst = this.launchStep('CheckBeforeWriting');
    checkFirst.next(firstSnapshots);
    const check = this.launchStep('CheckInstance');
    check.next(new Succeed(this, 'CheckedInstance'));
    this.catching([plan, shards, ...writing, volumes, launch, check, checkFirst, finish], giveUp);
    return this.acceptRequest()
      .next(this.begin('Begin', '$.plan', { restoreId: null }))
      .next(plan)
      .next(
        new Choice(this, 'Mode')
          .when(modeIs('dry-run'), new Succeed(this, 'Quoted'))
          .when(modeIs('volumes'), firstVolumes)
          .when(modeIs('instance'), firstLaunch)
          .when(modeIs('check-instance'), check)
          .when(modeIs('blocks'), this.whenLaunched('WrittenFor', checkFirst, firstSnapshots))
          // The caller restores by itself: all that is left to do here was to put it on the audit log.
          .when(modeIs('directory'), new Succeed(this, 'Recorded'))
          .when(modeIs('thaw'), this.waitForThaw(plan))
          .when(modeIs('unfinished'), plan)
          .when(Condition.numberEquals('$.plan.shards.count', 0), finish)
          .otherwise(shards),
      );
  }

  /** Hours or days, at no cost: the point comes out of the archive, then it is planned anew. */
  private waitForThaw(plan: IChainable): IChainable {
    const wait = new Wait(this, 'WaitForThaw', {
      time: WaitTime.secondsPath('$.plan.thaw.waitSeconds'),
    });
    return wait.next(plan);
  }

  private restoreShards(finish: IChainable): DistributedMap {
    const { steps } = this.props;
    const restore = this.step('RestoreShard', { function: steps['restore-shard'], resultPath: '$.restored' });
    restore.next(this.unlessDone('Restored', '$.restored', restore, new Succeed(this, 'RestoredShard')));
    this.recordingFailureOf(
      'Shard',
      restore,
      this.step('FailRestoreOfShard', { function: steps['finish-restore'] }),
    );
    return this.fanOut('RestoreShards', {
      list: '$.plan.shards',
      reportFolder: 'restores',
      itemSelector: { execution: '$.execution', restoreId: '$.plan.restoreId', shard: '$$.Map.Item.Value' },
      atOnce: this.props.shardsAtOnce,
      steps: restore,
      next: finish,
    });
  }

  /** The choice after snapshots are written: a machine is launched, or volumes are made. */
  private whenLaunched(id: string, launch: IChainable, volumes: IChainable): Choice {
    return new Choice(this, id)
      .when(Condition.stringEquals('$.plan.next', 'instance'), launch)
      .otherwise(volumes);
  }

  /** Writes snapshots out of the vault, of which something is made then. */
  private writeSnapshots(made: IChainable) {
    const { steps, volumePollSeconds: pollSeconds } = this.props;
    const restoreId = { restoreId: '$.plan.restoreId' };
    const start = this.step('StartSnapshots', { function: steps['start-snapshots'], payload: restoreId });
    start.addRetry(WHEN_SNAPSHOTS_ARE_BUSY);
    const write = this.step('WriteBlocks', {
      function: steps['write-blocks'],
      payload: { restoreId: '$.restoreId', shard: '$.shard' },
      resultPath: '$.written',
    });
    write.next(this.unlessDone('Written', '$.written', write, new Succeed(this, 'WrittenShard')));
    this.recordingFailureOf(
      'Blocks',
      write,
      this.step('FailRestoreOfBlocks', { function: steps['finish-restore'] }),
    );
    const begin = this.begin('BeginSealing', '$.sealed');
    const map = this.fanOut('WriteShards', {
      list: '$.plan.shards',
      reportFolder: 'restores',
      itemSelector: {
        execution: '$.execution',
        restoreId: '$.plan.restoreId',
        shard: '$$.Map.Item.Value',
      },
      atOnce: this.props.shardsAtOnce,
      steps: write,
      next: begin,
    });
    const complete = this.step('CompleteSnapshots', {
      function: steps['complete-snapshots'],
      payload: { ...restoreId, pollSeconds, state: '$.sealed.state' },
      resultPath: '$.sealed',
    });
    const wait = new Wait(this, 'WaitForWritten', { time: WaitTime.secondsPath('$.sealed.waitSeconds') });
    begin.next(complete).next(this.whenDone('SnapshotsComplete', '$.sealed', made, wait.next(complete)));
    return [[start, map, complete], start.next(map)] as const;
  }

  private restoreVolumes(finish: IChainable) {
    const restore = this.step('RestoreVolumes', {
      function: this.props.steps['restore-volumes'],
      payload: {
        restoreId: '$.plan.restoreId',
        pollSeconds: this.props.volumePollSeconds,
      },
      resultPath: '$.volumes',
    });
    const wait = new Wait(this, 'WaitForVolumes', {
      time: WaitTime.secondsPath('$.volumes.waitSeconds'),
    });
    const available = this.whenDone('VolumesAvailable', '$.volumes', finish, wait.next(restore));
    return [restore, restore.next(available)] as const;
  }

  private launchInstance(finish: IChainable) {
    const launch = this.launchStep('LaunchInstance');
    const wait = new Wait(this, 'WaitForInstance', {
      time: WaitTime.secondsPath('$.launch.waitSeconds'),
    });
    const launched = this.whenDone('InstanceLaunched', '$.launch', finish, wait.next(launch));
    return [launch, launch.next(launched)] as const;
  }

  /** One function checks a machine and launches it, as the plan says: EC2 answers `DryRun` by the rights to launch. */
  private launchStep(id: string) {
    return this.step(id, {
      function: this.props.steps['launch-instance'],
      payload: {
        restoreId: '$.plan.restoreId',
        pollSeconds: this.props.volumePollSeconds,
      },
      resultPath: '$.launch',
    });
  }
}

function modeIs(name: string): Condition {
  return Condition.stringEquals('$.plan.mode', name);
}
