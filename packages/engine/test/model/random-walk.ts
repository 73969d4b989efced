import type { HoldId, ResourceArn, RunId } from '../../src/ids.ts';
import { newId } from '../../src/bytes.ts';
import { BackupError, StoreUnavailableError } from '../../src/errors.ts';
import { initialiseVault } from '../../src/keys/open-vault.ts';
import { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { HoldRow } from '../../src/ports/catalog/holds.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { backUpFiles } from '../../src/runs/back-up-files.ts';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  MemorySource,
  MemoryWorkStore,
  SeededRandom,
} from '../../src/testing/index.ts';
import { CallBook, describeCall, type Answer, type Call } from './calls.ts';
import { changeFiles, Dice } from './dice.ts';
import { holdPoint, letGo } from './holders.ts';
import { Invariants } from './invariants.ts';
import { LiveActor, type Program } from './live-actor.ts';
import { maintainDaily, rebuild } from './maintainers.ts';
import { Restorer } from './restorer.ts';
import { emptyReport, type WalkReport } from './walk-report.ts';
import { WalkedVolume } from './walked-volume.ts';
import { perform, World, type Ports } from './world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

interface Actor {
  readonly name: string;
  readonly kind: 'run' | 'maintainer' | 'rebuilder' | 'holder';
  readonly live: LiveActor;
  /** Something went wrong on its way, so it may fail. */
  disturbed: boolean;
}

/** A walk found that a promise of the product does not hold. */
class WalkError extends Error {
  override readonly name = 'WalkError';
}

/**
 * Works with one vault for many days at random, the same for the same seed: whole runs of the product, daily maintenance,
 * holds, prolongations, marks of damage, lost and rebuilt tables; clocks that differ by minutes, calls that fail, happen
 * twice or late, actors that die or stall. Checks the invariants as it goes, restores points, and in the end lets
 * everything expire.
 * @throws WalkError with the last calls.
 */
export async function walkRandomly(seed: string | number, days: number): Promise<WalkReport> {
  const walk = await RandomWalk.begin(seed);
  return walk.run(days);
}

class RandomWalk {
  readonly report = emptyReport();
  readonly #seed: string | number;
  readonly #random: SeededRandom;
  readonly #dice: Dice;
  readonly #clock: FakeClock;
  readonly #ports: { -readonly [Port in keyof Ports]: Ports[Port] };
  readonly #keys: VaultKeys;
  readonly #keyring: MemoryKeyring;
  readonly #invariants: Invariants;
  readonly #restorer: Restorer;
  readonly #files = new Map<ResourceArn, Map<string, string>>();
  readonly #volume = new WalkedVolume('arn:aws:ec2:eu-central-1:111122223333:volume/vol-1' as ResourceArn);
  readonly #log: string[] = [];
  #book = new CallBook();
  #actors: Actor[] = [];
  #late: Call[] = [];
  #serial = 0;
  #rebuilding = false;

  private constructor(
    seed: string | number,
    parts: { random: SeededRandom; clock: FakeClock; ports: Ports; keys: VaultKeys; keyring: MemoryKeyring },
  ) {
    this.#seed = seed;
    this.#random = parts.random;
    this.#dice = new Dice(parts.random);
    this.#clock = parts.clock;
    this.#ports = { ...parts.ports };
    this.#keys = parts.keys;
    this.#keyring = parts.keyring;
    this.#invariants = new Invariants({ ...parts, holdsByRow: true });
    this.#restorer = new Restorer(parts.keys);
    for (let serial = 0; serial < 2; serial += 1)
      this.#files.set(
        `arn:aws:s3:::walk-${serial}` as ResourceArn,
        new Map([['first', `content ${serial}`]]),
      );
  }

  static async begin(seed: string | number): Promise<RandomWalk> {
    const random = new SeededRandom(`walk ${seed}`);
    const clock = new FakeClock();
    const store = new MemoryObjectStore({ clock });
    const keyring = new MemoryKeyring(random);
    const lock = { mode: 'governance', until: new Date('2030-01-01T00:00:00Z') } as const;
    const opened = await initialiseVault({ store, keyring, random, lock });
    const keys = VaultKeys.import(await opened.export());
    const ports = {
      store,
      catalog: new MemoryCatalog(),
      index: new MemoryChunkIndex(),
      work: new MemoryWorkStore(),
    };
    return new RandomWalk(seed, { random, clock, ports, keys, keyring });
  }

  async run(days: number): Promise<WalkReport> {
    for (let day = 0; day < days; day += 1) {
      this.report.days += 1;
      await this.#beginDay();
      const leave = this.#dice.happens('leaveUnfinished');
      const steps = leave ? this.#dice.number(400) : Infinity;
      for (let step = 0; step < steps && this.#actors.length > 0; step += 1) await this.#step();
      for (const actor of this.#actors) actor.disturbed = true;
      this.#late = [];
      this.#clock.advance(18 * hourMs + this.#dice.number(8 * hourMs));
      await this.#check('a day goes by');
      if (day % 5 === 4) await this.#restoreAll();
    }
    while (this.#actors.length > 0 || this.#rebuilding) {
      if (this.#actors.length === 0) await this.#startRebuilder();
      await this.#step();
    }
    await this.#restoreAll();
    await this.#checkRest();
    return this.report;
  }

  async #beginDay(): Promise<void> {
    // A new book now and then: nothing is looked up in an old one but the late calls, which are over.
    if (this.#actors.length === 0) this.#book = new CallBook();
    if (this.#rebuilding) {
      if (!this.#actors.some(({ kind }) => kind === 'rebuilder')) await this.#startRebuilder();
    } else {
      await this.#start('maintainer', async (services, keys) =>
        maintainDaily(services, keys, this.#resources),
      );
      if (this.#dice.happens('twoMaintainers'))
        await this.#start('maintainer', async (services, keys) =>
          maintainDaily(services, keys, this.#resources),
        );
      if (this.#dice.happens('hold')) await this.#startHold();
      if (this.#dice.happens('release')) await this.#startRelease();
    }
    for (const arn of this.#resources) if (this.#dice.happens('run')) await this.#startRun(arn);
    if (this.#dice.happens('damage')) await this.#damageMark();
  }

  /** Sweepers are done before a rebuild begins (rule 10): the loss stops them, and none starts before it has ended. */
  async #loseTables(): Promise<void> {
    this.#note('the tables are lost');
    this.report.tablesLost += 1;
    this.#ports.catalog = new MemoryCatalog();
    this.#ports.index = new MemoryChunkIndex();
    this.#actors = this.#actors.filter(({ kind }) => kind === 'run');
    this.#late = [];
    for (const actor of this.#actors) actor.disturbed = true;
    this.#rebuilding = true;
    await this.#startRebuilder();
  }

  async #startRebuilder(): Promise<void> {
    await this.#start('rebuilder', rebuild);
  }

  async #startRun(resourceArn: ResourceArn): Promise<void> {
    const runId = newId<RunId>(this.#random);
    const type = this.#dice.pick([
      'full',
      'incremental',
      'incremental',
      'incremental',
      'differential',
    ] as const);
    this.report.runs += 1;
    const keepDays = 2 + this.#resources.indexOf(resourceArn) * 4;
    const plan = `keep-${keepDays}`;
    const files = this.#files.get(resourceArn);
    if (files === undefined) {
      this.#volume.change(this.#dice);
      const takenAt = this.#clock.now();
      const { content, program } = this.#volume.backUp({ runId, type, plan, keepDays, takenAt });
      this.#restorer.expectVolume(runId, content);
      await this.#start('run', program);
      return;
    }
    changeFiles(files, this.#dice);
    const source = new MemorySource(new FakeClock(this.#clock.now()));
    for (const [path, content] of files) source.plant(path, content);
    this.#restorer.expect(runId, files);
    await this.#start('run', async (services) => {
      const { root } = await backUpFiles(
        services,
        {
          runId,
          resourceArn,
          resourceKind: 's3-bucket',
          plan,
          type,
          keepDays,
          readTags: true,
        },
        { source },
      );
      return root.point;
    });
  }

  get #resources(): readonly ResourceArn[] {
    return [...this.#files.keys(), this.#volume.arn];
  }

  async #startHold(): Promise<void> {
    const points = await Array.fromAsync(
      this.#ports.catalog.points.listExpiring({ from: this.#clock.now() }),
    );
    if (points.length === 0) return;
    const point = this.#dice.pick(points);
    const holdId = newId<HoldId>(this.#random);
    this.report.holds += 1;
    await this.#start('holder', async (services, keys) => {
      await holdPoint(services, keys, point, holdId);
      return 'held';
    });
  }

  async #startRelease(): Promise<void> {
    const holds = await Array.fromAsync(this.#ports.catalog.holds.list());
    const active = holds.filter(({ releasedAt }: HoldRow) => releasedAt === undefined);
    if (active.length === 0) return;
    const { holdId } = this.#dice.pick(active);
    await this.#start('holder', async (services, keys) => {
      await letGo(services, keys, holdId);
      return 'released';
    });
  }

  /** Marks bytes that are well: nobody may refer to them from now on. */
  async #damageMark(): Promise<void> {
    const packs = this.#ports.catalog.packRows().filter(({ state }) => state === 'live');
    if (packs.length > 0) await this.#ports.catalog.packs.markDamaged(this.#dice.pick(packs).packId);
  }

  async #start(kind: Actor['kind'], program: Program): Promise<void> {
    const name = `${kind} ${(this.#serial += 1)}`;
    const clock = new FakeClock(new Date(this.#clock.now().getTime() + this.#dice.skew(20 * minuteMs)));
    const spec = { name: `${this.#seed} ${name}`, program, storeSkewMs: this.#dice.skew(2 * minuteMs) };
    const live = await LiveActor.start(spec, {
      book: this.#book,
      keys: this.#keys,
      keyring: this.#keyring,
      clock,
    });
    this.#actors.push({ name, kind, live, disturbed: false });
  }

  async #step(): Promise<void> {
    if (this.#late.length > 0 && this.#dice.happens('land')) await this.#land();
    if (!this.#rebuilding && this.#dice.happens('loseTables')) await this.#loseTables();
    const actor = this.#dice.pick(this.#actors);
    const [number, call] = this.#dice.pick([...actor.live.pending]);
    this.#clock.advance(this.#dice.number(3_000));
    if (this.#dice.happens('stall')) {
      this.report.stalls += 1;
      this.#clock.advance(this.#dice.number(40 * minuteMs));
    }
    this.report.calls += 1;
    if (this.#dice.happens('crash')) {
      this.report.crashes += 1;
      this.#note(`${actor.name} crashes`);
      this.#actors = this.#actors.filter((one) => one !== actor);
      return;
    }
    await actor.live.deliver(number, await this.#perform(actor, call));
    if (actor.live.outcome !== undefined) this.#end(actor);
    const decisive = ['removeVersion', 'put', 'points.prolong', 'points.addHold', 'points.put'].includes(
      call.method,
    );
    if (decisive) await this.#check(describeCall(call));
  }

  async #perform(actor: Actor, call: Call): Promise<Answer> {
    const unanswered = { error: new StoreUnavailableError('nobody answered; try again later') };
    const failure = (['before', 'after', 'late', 'twice'] as const).find((kind) => this.#dice.happens(kind));
    this.#note(`${actor.name}: ${describeCall(call)}${failure === undefined ? '' : ` [fails ${failure}]`}`);
    if (failure !== undefined) {
      this.report.faults += 1;
      actor.disturbed = true;
    }
    if (failure === 'before') return unanswered;
    if (failure === 'late') {
      this.#late.push(call);
      return unanswered;
    }
    const answer = await perform(this.#ports, call, this.#clock.now());
    if (call.method === 'removeVersion' && 'error' in answer) this.report.refusals += 1;
    if (call.method === 'points.prolong') this.report.prolonged += 1;
    if (failure === 'after') return unanswered;
    return failure === 'twice' ? perform(this.#ports, call, this.#clock.now()) : answer;
  }

  async #land(): Promise<void> {
    const at = this.#dice.number(this.#late.length);
    const [call] = this.#late.splice(at, 1) as [Call];
    this.report.lateCalls += 1;
    this.#note(`late: ${describeCall(call)}`);
    await perform(this.#ports, call, this.#clock.now());
    await this.#check(`late ${describeCall(call)}`);
  }

  #end(actor: Actor): void {
    const { outcome } = actor.live;
    this.#actors = this.#actors.filter((one) => one !== actor);
    if (actor.kind === 'run' && outcome?.state === 'finished') this.report.committed += 1;
    if (actor.kind === 'rebuilder' && outcome?.state === 'finished' && outcome.word === 'rebuilt')
      this.#rebuilding = false;
    if (outcome?.state !== 'failed') return;
    const { error } = outcome;
    if (!(error instanceof BackupError)) throw this.#fault(`${actor.name} fails with ${error.stack}`);
    // Another run of the resource may be at work still, or be taken for alive; a point may be gone when it is held.
    const mayFail = ['RunOpenError', 'RunClosedError', 'UnknownNameError'].includes(error.name);
    if (!actor.disturbed && !mayFail)
      throw this.#fault(`${actor.name} met no fault and failed: ${error.name}: ${error.message}`);
  }

  async #check(after: string): Promise<void> {
    const what = await this.#invariants.check({ ports: this.#ports, time: this.#clock.now() });
    if (what !== undefined) throw this.#fault(`after ${after}: ${what}`);
  }

  async #restoreAll(): Promise<void> {
    const points: PointRow[] = [];
    for await (const point of this.#ports.catalog.points.listExpiring({})) points.push(point);
    for (const point of points) {
      if (point.expiring === true || (point.expiresAt <= this.#clock.now() && point.holds === undefined))
        continue;
      const what = await this.#restorer.check(this.#ports.store, point);
      if (what !== undefined) throw this.#fault(what);
      this.report.restored += 1;
    }
  }

  async #checkRest(): Promise<void> {
    const world = World.begin(this.#ports, this.#clock.now(), new CallBook());
    const what = await this.#invariants.checkRest(world);
    if (what !== undefined) throw this.#fault(what);
  }

  #note(line: string): void {
    this.#log.push(`${this.#clock.now().toISOString()} ${line}`);
    if (this.#log.length > 4_000) this.#log.splice(0, 2_000);
  }

  #fault(what: string): WalkError {
    return new WalkError(`seed ${this.#seed}: ${what}\n${this.#log.slice(-walkTraceLines).join('\n')}`);
  }
}

/** Calls that an error shows. */
const walkTraceLines = Number(process.env['HOLDFAST_WALK_TRACE'] ?? 60);
