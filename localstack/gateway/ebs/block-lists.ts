import * as z from 'zod';
import { blockBytes } from '../ec2/block-files.ts';
import { later, type Snapshot } from '../ec2/region.ts';
import { jsonReply, type Reply } from '../reply.ts';
import { getCompletedSnapshot, parsed, type EbsCall } from './ebs-call.ts';
import { invalid } from './ebs-error.ts';

const leastPage = 100;
const PageQuery = z.object({
  maxresults: z.coerce.number().int().min(1).max(10_000).default(leastPage),
  pagetoken: z.string().optional(),
  startingblockindex: z.coerce.number().int().min(0).default(0),
});

/** Written blocks in their order, each with what the list says of it, if anything. */
interface BlockList<Block> {
  /** Ids of the snapshots, which the tokens of its pages are good for. */
  readonly of: string;
  /** What the list tells the size of. */
  readonly snapshot: Snapshot;
  readonly indexes: (from: number) => Iterable<number>;
  readonly describe: (index: number) => Block | undefined;
}

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListSnapshotBlocks.html */
export function listSnapshotBlocks(call: EbsCall): Reply {
  const snapshot = getCompletedSnapshot(call, call.parameters['snapshotid']);
  const written = call.ec2.contents.writtenBlocks(snapshot.snapshotId);
  const { blocks, ...page } = cutPage(call, {
    of: snapshot.snapshotId,
    snapshot,
    indexes: (from) => written.list(from),
    describe: (BlockIndex) => ({ BlockIndex, BlockToken: blockToken(call, snapshot, BlockIndex) }),
  });
  return jsonReply(200, { Blocks: blocks, ...page, ...head(call, snapshot) });
}

/** @see https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListChangedBlocks.html */
export function listChangedBlocks(call: EbsCall): Reply {
  const first = getCompletedSnapshot(call, call.parameters['firstsnapshotid']);
  const second = getCompletedSnapshot(call, call.parameters['snapshotid']);
  if (first.lineage !== second.lineage)
    throw invalid('UNRELATED_SNAPSHOTS', `${first.snapshotId} and ${second.snapshotId} are not related`);
  const before = call.ec2.contents.writtenBlocks(first.snapshotId);
  const after = call.ec2.contents.writtenBlocks(second.snapshotId);
  const { blocks, ...page } = cutPage(call, {
    of: `${first.snapshotId}/${second.snapshotId}`,
    snapshot: second,
    indexes: (from) => union(before.list(from), after.list(from)),
    describe: (BlockIndex) => {
      const [old, young] = [before.findWrite(BlockIndex), after.findWrite(BlockIndex)];
      if (old === young) return undefined;
      return {
        BlockIndex,
        FirstBlockToken: old === undefined ? undefined : blockToken(call, first, BlockIndex),
        SecondBlockToken: young === undefined ? undefined : blockToken(call, second, BlockIndex),
      };
    },
  });
  return jsonReply(200, { ChangedBlocks: blocks, ...page, ...head(call, second) });
}

function head({ ec2, settings }: EbsCall, { volumeSizeGiB }: Snapshot): object {
  const ExpiryTime = later(ec2.now, settings.blockTokenMs).getTime() / 1000;
  return { ExpiryTime, VolumeSize: volumeSizeGiB, BlockSize: blockBytes };
}

function blockToken({ ec2, settings, tokens }: EbsCall, { snapshotId }: Snapshot, index: number): string {
  return tokens.seal('block', snapshotId, index, ec2.now.getTime() + settings.blockTokenMs);
}

/**
 * A page looks at so many written blocks as were asked for, and lists those of which something is said: it can be empty
 * in the middle of a list, and skips what was never written.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/readsnapshots.html
 */
function cutPage<Block>(
  call: EbsCall,
  list: BlockList<Block>,
): { readonly blocks: readonly Block[]; readonly NextToken?: string } {
  const query = parsed(PageQuery, call.parameters);
  const place = openPlace(call, list.of, query.pagetoken) ?? {
    from: query.startingblockindex,
    kind: 'start',
  };
  // AWS does not say what it answers: nobody should ask.
  if (place.kind === 'start' && place.from * blockBytes >= list.snapshot.volumeSizeGiB * 2 ** 30)
    throw invalid('INVALID_PARAMETER_VALUE', `Block ${place.from} is beyond the end of the volume.`);
  if (call.settings.emptyPages && place.kind !== 'after-empty')
    return { blocks: [], NextToken: sealPlace(call, list.of, { from: place.from, kind: 'after-empty' }) };
  // AWS takes fewer than it has as its least page.
  let left = Math.max(leastPage, query.maxresults);
  const blocks: Block[] = [];
  for (const index of list.indexes(place.from)) {
    if (left === 0) return { blocks, NextToken: sealPlace(call, list.of, { from: index, kind: 'next' }) };
    left -= 1;
    const block = list.describe(index);
    if (block !== undefined) blocks.push(block);
  }
  return { blocks };
}

interface Place {
  readonly from: number;
  readonly kind: string;
}

function sealPlace({ ec2, settings, tokens }: EbsCall, of: string, { from, kind }: Place): string {
  return tokens.seal('page', of, from, kind, ec2.now.getTime() + settings.pageTokenMs);
}

function openPlace({ ec2, tokens }: EbsCall, of: string, token: string | undefined): Place | undefined {
  if (token === undefined) return undefined;
  const [type, listed, from, kind, expiresAt] = tokens.open(token) ?? [];
  if (type !== 'page' || listed !== of || kind === undefined)
    throw invalid('INVALID_PAGE_TOKEN', 'The page token is not of this list.');
  if (ec2.now.getTime() >= Number(expiresAt))
    throw invalid('INVALID_PAGE_TOKEN', 'The page token has expired.');
  return { from: Number(from), kind };
}

function* union(left: Iterator<number, void>, right: Iterator<number, void>): Generator<number> {
  let [one, other] = [left.next(), right.next()];
  while (!one.done || !other.done) {
    const [a, b] = [one.done ? Infinity : one.value, other.done ? Infinity : other.value];
    yield Math.min(a, b);
    if (a <= b) one = left.next();
    if (b <= a) other = right.next();
  }
}
