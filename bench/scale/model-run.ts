import { groupShards, inSpreadOrder } from '@holdfast/engine';
import { prices, safety, storageClassPrices, workRates } from '@holdfast/engine/model';
import type { JoinModel } from './join-model.ts';
import type { ListedModel } from './list-model.ts';
import { type LimitName, limits } from './limits.ts';
import { modelWork, type WorkModel } from './work-model.ts';

/** A run to model; the limits come besides. */
export interface RunOptions {
  readonly objects: number;
  readonly objectBytes: number;
  readonly workers: number;
  /** Writes a second that the chunk index takes at first. */
  readonly tableWrites: number;
  /** `built`: as the product works. `before`: one listing, shards in the order of keys, one join over all shards. */
  readonly way: 'built' | 'before';
  readonly listed: ListedModel;
  readonly join: JoinModel;
}

interface Broken {
  readonly limit: LimitName;
  readonly value: number;
}

export interface RunModel {
  readonly options: RunOptions;
  readonly hours: {
    readonly list: number;
    readonly work: number;
    readonly join: number;
    readonly total: number;
  };
  readonly dollars: Readonly<Record<string, number>>;
  readonly work: WorkModel;
  /** Writes a second of the row of the run, which all its workers touch, and of packs into the vault. */
  readonly rowWrites: number;
  readonly vaultWrites: number;
  readonly pagePacks: number;
  readonly rootBytes: number;
  readonly transitions: number;
  readonly historyEvents: number;
  /** Hours in which a daily run opens and moves the locks that have become short, and how many those are. */
  readonly leaseHours: number;
  readonly leasesADay: number;
  readonly broken: readonly Broken[];
}

/** Content is taken to halve. */
const ratio = 2;
/** A turn of a loop: a task and a choice; seven events. */
const turn = { transitions: 2, events: 7 };
const commitCallSeconds = 600;
const pagePackBytes = 8 * 2 ** 20;
const memoryGibibytes = limits.workerBytes.value / 2 ** 30;

export function modelRun(options: RunOptions): RunModel {
  const { objects, objectBytes, workers, way, listed, join } = options;
  const shards = listed.shards.length;
  const list = way === 'built' ? listed.seconds : (listed.pages * limits.listMs.value) / 1000;
  const work = modelWork({
    shards,
    filesAShard: objects / shards,
    filesASecond: Math.min(limits.workerFiles.value, limits.networkBytes.value / objectBytes),
    workers,
    order: way === 'built' ? spreadOrder(shards) : (nth) => nth,
    partitions: limits.sourcePartitions.value,
    tableWrites: options.tableWrites,
  });
  const groups = way === 'built' ? groupShards(shards).length : 0;
  const commit = groups > 0 ? groups * join.commitSecondsAGroup : shards * join.commitSecondsAShard;
  const joining = Math.ceil(groups / workers) * join.groupSeconds + commit;
  const total = (list + work.seconds + joining) / 3600;

  const pagePacks = groups > 0 ? groups + Math.ceil((objects * join.pageBytesAFile) / pagePackBytes) : shards;
  const chunkPacks = Math.max(shards, (objects * objectBytes) / ratio / workRates.packBytes);
  const listCalls = way === 'built' ? listed.calls : Math.ceil(list / 780);
  const commitCalls = Math.ceil(commit / commitCallSeconds);
  const transitions = turn.transitions * (listCalls + commitCalls + shards + groups) + 10;
  const leasesADay = (chunkPacks + pagePacks) / 30;
  const model = {
    options,
    hours: { list: list / 3600, work: work.seconds / 3600, join: joining / 3600, total },
    dollars: dollarsOf(options, { work, list, commit, groups, chunkPacks, pagePacks, transitions }),
    work,
    rowWrites: workers / safety.runLookSeconds + (2 * shards) / work.seconds,
    vaultWrites: (chunkPacks + shards) / work.seconds,
    pagePacks,
    rootBytes: pagePacks * join.rootBytesAPack,
    transitions,
    historyEvents: turn.events * (listCalls + commitCalls) + 60,
    leaseHours: (join.openSeconds + leasesADay * join.leaseSecondsAPack) / 3600,
    leasesADay,
  };
  return { ...model, broken: brokenBy(model, listed) };
}

/** The place in the order of keys of the n-th item of the list that the product writes. */
function spreadOrder(shards: number): (nth: number) => number {
  const order = inSpreadOrder(Array.from({ length: shards }, (_, at) => at));
  return (nth) => order[nth] as number;
}

interface Amounts {
  readonly work: WorkModel;
  readonly list: number;
  readonly commit: number;
  readonly groups: number;
  readonly chunkPacks: number;
  readonly pagePacks: number;
  readonly transitions: number;
}

function dollarsOf({ objects, listed, join }: RunOptions, amounts: Amounts): Record<string, number> {
  const { put, get } = storageClassPrices.STANDARD;
  const { work, list, commit, groups, chunkPacks, pagePacks, transitions } = amounts;
  const shards = listed.shards.length;
  const lambdaSeconds = list + work.workerSeconds + commit + groups * join.groupSeconds;
  return {
    'reading objects': objects * get,
    'chunk index': objects * (prices.dynamo.writeUnit + prices.dynamo.readUnit / 2),
    functions:
      lambdaSeconds * memoryGibibytes * prices.lambda.gibibyteSecond + (shards + groups) * prices.lambda.call,
    // Listed for the shards, and once more by the workers.
    listing: (2 * listed.pages + listed.probes) * put,
    'storing packs': (chunkPacks + shards + pagePacks) * put,
    // A claim and a confirmation, each with its entry in an index.
    catalog: (chunkPacks + shards + pagePacks) * 4 * prices.dynamo.writeUnit,
    'work bucket': shards * (3 * put + 3 * get),
    transitions: transitions * prices.stepFunctions.transition,
  };
}

function brokenBy(model: Omit<RunModel, 'broken'>, listed: ListedModel): Broken[] {
  const { options, hours, work } = model;
  const values: readonly (readonly [LimitName, number])[] = [
    ['targetHours', hours.total],
    ['mapItems', listed.shards.length],
    ['mapListBytes', listed.listBytes],
    ['historyEvents', model.historyEvents],
    ['rootBytes', model.rootBytes],
    ['workerBytes', listed.heapBytes],
    ['concurrency', options.workers],
    ['tableWrites', work.mostWrites],
    ['itemWrites', model.rowWrites],
    ['partitionWrites', model.vaultWrites],
  ];
  const broken = values.flatMap(([limit, value]) => (value > limits[limit].value ? [{ limit, value }] : []));
  if (work.hottestReads >= limits.partitionReads.value)
    broken.push({ limit: 'partitionReads', value: work.hottestReads });
  if (work.cutOff > 0) broken.push({ limit: 'callSeconds', value: limits.callSeconds.value });
  return broken;
}
