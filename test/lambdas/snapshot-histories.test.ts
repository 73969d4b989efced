import type { ResourceArn, RunId } from '@holdfast/engine';
import { getVolume, PointReader, restoreVolume } from '@holdfast/engine';
import type { BackupType, Plan } from '@holdfast/engine/model';
import {
  FaultPlan,
  MemoryBlockSource,
  MemoryVolume,
  ProcessKilledError,
  SeededRandom,
  withFaults,
} from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { checkSnapshotsStep } from '../../lambdas/image/check-snapshots.ts';
import { commitImageStep } from '../../lambdas/image/commit-image.ts';
import { copyBlocksStep } from '../../lambdas/image/copy-blocks.ts';
import { listBlocksStep } from '../../lambdas/image/list-blocks.ts';
import { releaseSnapshotsStep } from '../../lambdas/image/release-snapshots.ts';
import { snapshotVolumesStep } from '../../lambdas/image/snapshot-volumes.ts';
import { expirePointsStep } from '../../lambdas/maintenance/expire-points.ts';
import { sweepSnapshotsStep } from '../../lambdas/maintenance/sweep-snapshots.ts';
import { consolidatePointStep } from '../../lambdas/protect/consolidate-point.ts';
import { DAILY, makeDeployment, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { makeVolume, MemoryImages } from './support/memory-images.ts';
import { makePipeline } from './support/pipeline.ts';

const ARN = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1' as ResourceArn;
const blockBytes = 512;
const dayMs = 86_400_000;
const types: readonly BackupType[] = ['full', 'incremental', 'incremental', 'differential', 'synthetic-full'];
const differential = { expression: 'cron(0 3 ? * WED *)', timeZone: 'UTC' };
const allGood = { done: true, state: { failures: { count: 0, messages: [] } } };

/** An image over its life: what its plan says changes, calls die, people delete snapshots. */
class ImageHistory {
  readonly #random: SeededRandom;
  readonly #deployment = makeDeployment();
  readonly #disks = new MemoryBlockSource(this.#deployment.clock, { blockBytes });
  readonly #images = new MemoryImages(this.#deployment.clock);
  readonly #volume = this.#disks.makeVolume(300 * blockBytes);
  /** Entries that a run's point has to have. */
  readonly #contents = new Map<string, Uint8Array>();
  /** The same by source time, which a container has of its original. */
  readonly #byTime = new Map<number, Uint8Array>();
  readonly #deletedByHand = new Set<string>();
  #plan: Plan = { ...DAILY, schedules: { ...DAILY.schedules, differential } };
  #runs = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(`snapshots ${seed}`);
    this.#images.machine = { ...this.#images.machine, volumes: [makeVolume(this.#volume)] };
    this.#images.freeze = (volume) => this.#disks.takeSnapshot(volume);
    this.#changePlan();
  }

  #below(limit: number): number {
    return (this.#random.bytes(4).reduce((sum, byte) => sum * 256 + byte, 0) >>> 0) % limit;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item;
  }

  #changePlan(): void {
    const images = {
      blocks: this.#pick(['vault', 'vault', 'vault', 'none'] as const),
      baseSnapshot: this.#pick(['keep', 're-read', 'cheapest'] as const),
      keepSnapshotsDays: this.#pick([0, 0, 2, 9]),
      lockSnapshots: false,
    };
    this.#plan = { ...this.#plan, images };
  }

  /** The steps, one of whose calls of EC2 or the catalog dies, or none. */
  steps(faults = new FaultPlan()) {
    const images = withFaults(this.#images, faults);
    const catalog = withFaults(this.#deployment.catalog, faults);
    const deps = {
      ...this.#deployment,
      catalog,
      images,
      blocks: this.#disks,
      plans: [this.#plan],
      throttledCalls: () => 0,
      lockMode: 'governance' as const,
    };
    return {
      snapshot: snapshotVolumesStep.over(deps),
      check: checkSnapshotsStep.over(deps),
      list: listBlocksStep.over(deps),
      copy: copyBlocksStep.over(deps),
      commit: commitImageStep.over(deps),
      consolidate: consolidatePointStep.over(deps),
      release: releaseSnapshotsStep.over(deps),
      sweep: sweepSnapshotsStep.over(deps),
      expire: expirePointsStep.over(deps),
    };
  }

  /** Calls a step that may die at any of its calls, and again, as the machine does; or not, as when that is stopped. */
  async #call<Output>(call: (steps: ReturnType<ImageHistory['steps']>) => Promise<Output>) {
    if (this.#below(4) === 0) {
      const kind = this.#pick(['kill', 'kill-after'] as const);
      try {
        return await call(this.steps(new FaultPlan([{ kind, call: 1 + this.#below(6) }])));
      } catch (error) {
        if (!(error instanceof ProcessKilledError)) throw error;
        if (this.#below(3) === 0) return 'stopped' as const;
        // What was ordered shows by then, or is ordered again.
        this.#deployment.clock.advance(6 * 60_000);
      }
    }
    return call(this.steps());
  }

  async backUp(): Promise<void> {
    for (let change = this.#below(12); change > 0; change -= 1) {
      const index = this.#below(300);
      if (this.#below(5) === 0) this.#disks.trim(this.#volume, index);
      else this.#disks.write(this.#volume, index, this.#random.bytes(blockBytes));
    }
    const { clock, catalog } = this.#deployment;
    clock.advance(60_000);
    const runId = (this.#runs += 1).toString(16).padStart(32, '0') as RunId;
    const pipeline = makePipeline(this.#deployment, [], [this.#plan]);
    const seen = { arn: ARN, kind: 'ec2-instance', plan: 'daily', seenAt: clock.now() } as const;
    await catalog.resources.put(seen);
    const asked = { resourceArn: ARN, kind: 'ec2-instance', plan: 'daily', type: this.#pick(types), runId };
    const { mode } = await pipeline.openRun(asked, PLENTY);
    if (mode === 'skip') return;
    const outcome = await this.#protect(runId, mode);
    if (outcome !== 'stopped') return this.#expectBase(runId, mode);
    // The execution was stopped: whoever watches over them closes the run, which may have committed.
    const error = { Error: 'ExecutionEndedError', Cause: 'by hand' };
    await pipeline.failRun({ runId, plan: 'daily', error }, PLENTY);
  }

  /** Checks what a run that ended well has left for the next one. */
  #expectBase(runId: RunId, mode: string): void {
    const { baseSnapshot, keepSnapshotsDays } = this.#plan.images;
    const stays = this.#images.snapshots.some(({ tags }) => tags['holdfast:run'] === runId);
    if (mode !== 'blocks') return;
    if (baseSnapshot === 'keep' || keepSnapshotsDays > 0) expect(stays).toBe(true);
    else if (baseSnapshot === 're-read') expect(stays).toBe(false);
  }

  async #protect(runId: RunId, mode: string): Promise<unknown> {
    if (mode === 'consolidate')
      return this.#call(async (steps) =>
        untilDone(async () => steps.consolidate({ runId, state: null }, PLENTY)),
      );
    if ((await this.#call(async (steps) => steps.snapshot({ runId }, PLENTY))) === 'stopped')
      return 'stopped';
    this.#images.change({ state: 'completed', progress: 100 });
    const [taken] = this.#images.snapshots.filter(({ tags }) => tags['holdfast:run'] === runId);
    this.#contents.set(runId, this.#disks.contentOf(taken?.snapshotId ?? ''));
    let commit = { runId, shardCount: 0, groupCount: 0, state: null };
    if (mode === 'blocks') {
      const listed = await this.#call(async (steps) =>
        untilDone(async () => steps.list({ runId, state: undefined }, PLENTY)),
      );
      if (listed === 'stopped') return listed;
      const shards = (await readJson(this.#deployment.work, listed.shards.key)) as readonly object[];
      for (const shard of shards) await this.steps().copy({ runId, shard }, PLENTY);
      commit = { ...commit, shardCount: listed.shards.count, groupCount: listed.groups.count };
    }
    const committed = await this.#call(async (steps) => untilDone(async () => steps.commit(commit, PLENTY)));
    if (committed === 'stopped') return committed;
    return this.#call(async (steps) => steps.release({ runId }, PLENTY));
  }

  async maintain(): Promise<void> {
    await this.#call(async (steps) =>
      untilDone(async () => steps.expire({ held: allGood, renewed: [], state: null }, PLENTY)),
    );
    await this.#call(async (steps) =>
      untilDone(async () => steps.sweep({ reconciled: allGood, state: null }, PLENTY)),
    );
  }

  async live(): Promise<void> {
    const what = this.#below(12);
    if (what < 6) await this.backUp();
    else if (what < 10) {
      this.#deployment.clock.advance(dayMs * (1 + this.#below(4)));
      await this.maintain();
    } else if (what === 10) this.#changePlan();
    else if (this.#images.snapshots.length > 0) {
      const { snapshotId } = this.#pick(this.#images.snapshots);
      this.#deletedByHand.add(snapshotId);
      await this.#images.removeSnapshot(snapshotId);
      this.#disks.removeSnapshot(snapshotId);
    }
  }

  /** Every point can be restored: out of the vault, or its snapshot is there unless somebody deleted it. */
  async check(): Promise<void> {
    const { catalog, store, clock, openKeys } = this.#deployment;
    const keys = await openKeys();
    for await (const point of catalog.points.list(ARN)) {
      if (point.expiresAt <= clock.now()) continue;
      const reader = await PointReader.open(store, keys, ARN, point.pointId);
      if (point.hasBlocks === true) {
        const entry = await getVolume(reader, this.#volume);
        const target = new MemoryVolume(entry.bytes);
        await restoreVolume(reader, entry, { target });
        const at = point.sourceTime.getTime();
        const own = this.#contents.get(point.runId);
        if (own !== undefined) this.#byTime.set(at, own);
        expect(Buffer.compare(target.bytes, this.#byTime.get(at) ?? new Uint8Array())).toBe(0);
        continue;
      }
      const there = new Set(this.#images.snapshots.map(({ snapshotId }) => snapshotId));
      for (const { snapshot } of reader.root.image?.snapshots ?? [])
        expect(there.has(snapshot) || this.#deletedByHand.has(snapshot)).toBe(true);
    }
  }

  /** The resource is protected no more: in the end its points have expired, and nothing is paid for any longer. */
  async end(): Promise<void> {
    const { catalog, clock } = this.#deployment;
    await catalog.resources.remove(ARN);
    for (let pass = 0; pass < 8; pass += 1) {
      clock.advance(10 * dayMs);
      await this.maintain();
    }
    expect(await Array.fromAsync(catalog.points.list(ARN))).toEqual([]);
    expect(this.#images.snapshots).toEqual([]);
  }
}

const seeds = Array.from(
  { length: Math.ceil(3 * Number(process.env['HOLDFAST_SEEDS'] ?? 1)) },
  (_, at) => at,
);

test.each(seeds)(
  'snapshots stay for as long as a point or the next run needs them, and no longer, seed %i',
  async (seed) => {
    const history = new ImageHistory(seed);
    await history.backUp();
    for (let step = 0; step < 30; step += 1) {
      await history.live();
      await history.check();
    }
    await history.end();
  },
);
