import type { ErrorName } from '@holdfast/engine/model';
import { Duration } from 'aws-cdk-lib';
import {
  Choice,
  Condition,
  JitterType,
  JsonPath,
  Succeed,
  Wait,
  WaitTime,
  type IChainable,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { imageSteps } from '../../lambdas/image/steps.ts';
import type { protectSteps } from '../../lambdas/protect/steps.ts';
import type { StepFunctions } from '../functions/step-functions.ts';
import { WHEN_SNAPSHOTS_ARE_BUSY } from './retries.ts';
import { ERROR_PATH, Workflow, type WorkflowProps } from './workflow.ts';

export interface ProtectWorkflowProps extends WorkflowProps {
  readonly steps: StepFunctions<typeof protectSteps & typeof imageSteps>;
  readonly shardsAtOnce: number;
  readonly snapshotPollSeconds: number;
  /** Images whose blocks are copied at once, in all executions together, and shards of each. */
  readonly imagesAtOnce: number;
  readonly blockShardsAtOnce: number;
}

/** Protects one resource: opens a run, stores what the source has, commits the point; or closes the run as failed. */
export class ProtectWorkflow extends Workflow<ProtectWorkflowProps> {
  private readonly giveUp = this.givingUp(
    'Run',
    this.step('FailRun', {
      function: this.props.steps['fail-run'],
      // A map only says that an item failed; the run knows why.
      resultSelector: { Error: '$.error.name', Cause: '$.error.message' },
      resultPath: ERROR_PATH,
    }),
  );
  readonly stateMachine = this.machine('Protect', this.definition(), 'runs/*');

  private definition(): IChainable {
    const openRun = this.step('OpenRun', {
      function: this.props.steps['open-run'],
      payload: {
        resourceArn: '$.resourceArn',
        kind: '$.kind',
        plan: '$.plan',
        type: '$.type',
        runId: '$.runId',
        execution: JsonPath.executionId,
        container: '$.container',
      },
      resultPath: '$.run',
    });
    this.catching([openRun], this.giveUp);
    // Only maintenance names the point that is to become a container.
    const ofNewest = this.begin('OfNewest', '$.container', { pointId: null });
    const accept = new Choice(this, 'Accept')
      .when(Condition.isPresent('$.container.pointId'), openRun)
      .otherwise(ofNewest.next(openRun));
    const unknownMode = this.begin('UnknownMode', ERROR_PATH, {
      Error: 'UnknownModeError',
      Cause: 'open-run answered with a mode that this workflow does not know',
    });
    openRun.next(
      new Choice(this, 'Mode')
        .when(Condition.booleanEquals('$.run.done', false), openRun)
        .when(modeIs('files'), this.protectFiles())
        .when(Condition.or(modeIs('image'), modeIs('blocks')), this.protectImage())
        .when(modeIs('consolidate'), this.consolidate())
        .when(modeIs('skip'), new Succeed(this, 'Skipped'))
        .otherwise(unknownMode.next(this.giveUp)),
    );
    return accept;
  }

  private protectFiles(): IChainable {
    const { steps } = this.props;
    const list = this.step('ListShards', {
      function: steps['list-shards'],
      payload: { runId: '$.runId', state: '$.listing.state' },
      resultPath: '$.listing',
    });
    const commit = this.committing('CommitPoint', 'commit-point');
    const committed = this.unlessDone('Committed', '$.point', commit, new Succeed(this, 'CommittedPoint'));
    const join = this.begin('StartJoining', '$.point').next(commit).next(committed);
    const joinGroups = this.joinGroups('JoinGroups', join);
    const grouped = new Choice(this, 'Grouped')
      .when(Condition.numberEquals('$.listing.groups.count', 0), join)
      .otherwise(joinGroups);
    const protectShards = this.protectShards(grouped);
    this.catching([list, protectShards, joinGroups, commit], this.giveUp);
    const listed = new Choice(this, 'Listed')
      .when(Condition.booleanEquals('$.listing.done', false), list)
      .when(Condition.numberEquals('$.listing.shards.count', 0), join)
      .otherwise(protectShards);
    return this.begin('StartListing', '$.listing').next(list).next(listed);
  }

  private protectShards(next: IChainable) {
    return this.fanOut('ProtectShards', {
      list: '$.listing.shards',
      reportFolder: 'runs',
      itemSelector: { runId: '$.runId', shard: '$$.Map.Item.Value' },
      atOnce: this.props.shardsAtOnce,
      steps: this.itemOf('ProtectShard', 'protect-shard', 'Shard'),
      next,
    });
  }

  private joinGroups(id: string, next: IChainable, item = 'Group') {
    return this.fanOut(id, {
      list: '$.listing.groups',
      reportFolder: 'runs',
      itemSelector: { runId: '$.runId', group: '$$.Map.Item.Value' },
      atOnce: this.props.shardsAtOnce,
      steps: this.itemOf(`Join${item}`, 'join-group', item),
      next,
    });
  }

  private itemOf(id: string, name: 'protect-shard' | 'copy-blocks' | 'join-group', item: string): IChainable {
    const { steps } = this.props;
    const step = this.step(id, { function: steps[name] });
    this.recordingFailureOf(item, step, this.step(`FailRunOf${item}`, { function: steps['fail-run'] }));
    return step;
  }

  private protectImage(): IChainable {
    const { steps } = this.props;
    const runId = { runId: '$.runId' };
    const snapshot = this.step('SnapshotVolumes', {
      function: steps['snapshot-volumes'],
      payload: runId,
      resultPath: '$.image',
    });
    // Snapshots show some time after they were ordered; after five minutes the function orders them again.
    snapshot.addRetry({
      errors: ['SnapshotNotVisibleYetError' satisfies ErrorName],
      interval: Duration.seconds(20),
      backoffRate: 1,
      maxAttempts: 60,
      jitterStrategy: JitterType.FULL,
    });
    snapshot.addRetry(WHEN_SNAPSHOTS_ARE_BUSY);
    const { snapshotPollSeconds: pollSeconds, imagesAtOnce } = this.props;
    const check = this.step('CheckSnapshots', {
      function: steps['check-snapshots'],
      payload: { ...runId, mode: '$.run.mode', pollSeconds, imagesAtOnce },
      resultPath: '$.image',
    });
    this.catching([snapshot, check], this.giveUp);
    const wait = new Wait(this, 'WaitForSnapshots', {
      time: WaitTime.secondsPath('$.image.waitSeconds'),
    });
    const commit = this.commitImage();
    const nothing = { shards: { count: 0 }, groups: { count: 0 } };
    const copied = new Choice(this, 'Blocks')
      .when(modeIs('blocks'), this.copyBlocks(commit))
      .otherwise(this.begin('NoBlocks', '$.listing', nothing).next(commit));
    const complete = this.whenDone('SnapshotsComplete', '$.image', copied, wait.next(check));
    return snapshot.next(check).next(complete);
  }

  /** Lists the blocks of the snapshots, and copies them. */
  private copyBlocks(commit: IChainable): IChainable {
    const list = this.step('ListBlocks', {
      function: this.props.steps['list-blocks'],
      payload: { runId: '$.runId', state: '$.listing.state' },
      resultPath: '$.listing',
    });
    const joinGroups = this.joinGroups('JoinBlockGroups', commit, 'BlockGroup');
    const grouped = new Choice(this, 'BlocksGrouped')
      .when(Condition.numberEquals('$.listing.groups.count', 0), commit)
      .otherwise(joinGroups);
    const copy = this.fanOut('CopyBlocks', {
      list: '$.listing.shards',
      reportFolder: 'runs',
      itemSelector: { runId: '$.runId', shard: '$$.Map.Item.Value' },
      atOnce: this.props.blockShardsAtOnce,
      steps: this.itemOf('CopyBlockShard', 'copy-blocks', 'BlockShard'),
      next: grouped,
    });
    this.catching([list, copy, joinGroups], this.giveUp);
    const listed = this.unlessDone('BlocksListed', '$.listing', list, copy);
    return this.begin('StartListingBlocks', '$.listing').next(list).next(listed);
  }

  private commitImage(): IChainable {
    const commit = this.committing('CommitImage', 'commit-image');
    this.catching([commit], this.giveUp);
    const end = new Succeed(this, 'CommittedImage');
    const release = this.step('ReleaseSnapshots', {
      function: this.props.steps['release-snapshots'],
      payload: { runId: '$.runId' },
    });
    // The point is there; maintenance removes what is left.
    this.catching([release], end);
    const committed = this.unlessDone('ImageCommitted', '$.point', commit, release.next(end));
    return this.begin('StartCommittingImage', '$.point').next(commit).next(committed);
  }

  private committing(id: string, name: 'commit-point' | 'commit-image') {
    return this.step(id, {
      function: this.props.steps[name],
      payload: {
        runId: '$.runId',
        shardCount: '$.listing.shards.count',
        groupCount: '$.listing.groups.count',
        state: '$.point.state',
      },
      resultPath: '$.point',
    });
  }

  private consolidate(): IChainable {
    const consolidate = this.step('ConsolidatePoint', {
      function: this.props.steps['consolidate-point'],
      payload: { runId: '$.runId', state: '$.point.state' },
      resultPath: '$.point',
    });
    this.catching([consolidate], this.giveUp);
    const end = new Succeed(this, 'ConsolidatedPoint');
    const done = this.unlessDone('Consolidated', '$.point', consolidate, end);
    return this.begin('StartConsolidation', '$.point').next(consolidate).next(done);
  }
}

function modeIs(name: string): Condition {
  return Condition.stringEquals('$.run.mode', name);
}
