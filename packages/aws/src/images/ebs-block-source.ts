import { createHash } from 'node:crypto';
import {
  type Block,
  type ChangedBlock,
  type EBSClient,
  GetSnapshotBlockCommand,
  ListChangedBlocksCommand,
  ListSnapshotBlocksCommand,
} from '@aws-sdk/client-ebs';
import {
  type BlockContent,
  type BlockPage,
  type BlockSource,
  type Clock,
  type PagePlace,
  type RandomBytes,
  type SnapshotBlock,
  StoreUnavailableError,
} from '@holdfast/engine';
import { ebsPageBlocks } from '@holdfast/engine/model';
import { backOff } from '../sdk/backoff.ts';
import { isAbort } from '../sdk/sdk-errors.ts';
import { type BlockCall, reasonOf, toBlockError } from './ebs-errors.ts';

/** Times in a row that a block may come broken or other than its checksum says. */
const fruitlessAttempts = 5;

interface Answer {
  readonly Blocks?: readonly Block[];
  readonly ChangedBlocks?: readonly ChangedBlock[];
  readonly VolumeSize?: number;
  readonly BlockSize?: number;
  readonly NextToken?: string;
}

/** Place in a list: a token that is good for an hour, or an index. */
interface Place {
  readonly NextToken?: string;
  readonly StartingBlockIndex?: number;
  readonly MaxResults: number;
}

/**
 * The EBS direct APIs as a source of blocks. They are read where the role is allowed to read them: the account's own
 * snapshots, or those shared with it.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/readsnapshots.html
 */
export class EbsBlockSource implements BlockSource {
  readonly #ebs: EBSClient;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(ebs: EBSClient, clock: Clock, random: RandomBytes) {
    this.#ebs = ebs;
    this.#clock = clock;
    this.#random = random;
  }

  list(SnapshotId: string, from: number | PagePlace, signal?: AbortSignal): AsyncIterable<BlockPage> {
    const call = { what: `listing the blocks of snapshot ${SnapshotId}`, snapshot: SnapshotId };
    const ask = (place: Place): Promise<Answer> =>
      this.#ebs.send(new ListSnapshotBlocksCommand({ SnapshotId, ...place }), { abortSignal: signal });
    return pages(call, from, ask, ({ Blocks = [] }) =>
      Blocks.map(({ BlockIndex = 0, BlockToken }) => ({ index: BlockIndex, token: BlockToken })),
    );
  }

  listChanged(
    SecondSnapshotId: string,
    FirstSnapshotId: string,
    from: number | PagePlace,
    signal?: AbortSignal,
  ): AsyncIterable<BlockPage> {
    const call = {
      what: `listing the blocks of snapshot ${SecondSnapshotId} that differ from ${FirstSnapshotId}`,
      snapshot: SecondSnapshotId,
      base: FirstSnapshotId,
    };
    const ask = (place: Place): Promise<Answer> =>
      this.#ebs.send(new ListChangedBlocksCommand({ FirstSnapshotId, SecondSnapshotId, ...place }), {
        abortSignal: signal,
      });
    return pages(call, from, ask, ({ ChangedBlocks = [] }) =>
      ChangedBlocks.map(({ BlockIndex = 0, SecondBlockToken }) => ({
        index: BlockIndex,
        token: SecondBlockToken,
      })),
    );
  }

  async read(
    snapshot: string,
    { index, token }: Required<SnapshotBlock>,
    signal?: AbortSignal,
  ): Promise<BlockContent | 'expired'> {
    const what = `reading block ${index} of snapshot ${snapshot}`;
    const command = new GetSnapshotBlockCommand({
      SnapshotId: snapshot,
      BlockIndex: index,
      BlockToken: token,
    });
    let broken: unknown;
    for (let attempt = 0; attempt < fruitlessAttempts; attempt += 1) {
      if (attempt > 0) await backOff(attempt, this.#clock, this.#random, signal);
      let answer;
      try {
        answer = await this.#ebs.send(command, { abortSignal: signal });
      } catch (error) {
        if (reasonOf(error) === 'INVALID_BLOCK_TOKEN') return 'expired';
        throw toBlockError(error, { what, snapshot });
      }
      try {
        const bytes = (await answer.BlockData?.transformToByteArray()) ?? new Uint8Array();
        const sha256 = createHash('sha256').update(bytes).digest();
        if (sha256.toString('base64') === answer.Checksum) return { bytes, sha256 };
        broken = new Error(`its ${bytes.length} bytes are not those of the checksum ${answer.Checksum}`);
      } catch (error) {
        if (isAbort(error)) throw error;
        signal?.throwIfAborted();
        broken = error;
      }
    }
    throw new StoreUnavailableError(`${what} came broken ${fruitlessAttempts} times; try again later`, {
      cause: broken,
    });
  }
}

/** Follows a list page by page. Where a token has expired, the list is asked for again, from the last index on. */
async function* pages(
  call: BlockCall,
  from: number | PagePlace,
  ask: (place: Place) => Promise<Answer>,
  toBlocks: (answer: Answer) => readonly SnapshotBlock[],
): AsyncGenerator<BlockPage> {
  let { index: next, token }: Partial<PagePlace> & { readonly index: number } =
    typeof from === 'number' ? { index: from } : from;
  let begunAnewAt: number | undefined;
  for (;;) {
    let answer;
    try {
      answer = await ask({
        StartingBlockIndex: token === undefined ? next : undefined,
        NextToken: token,
        MaxResults: ebsPageBlocks,
      });
    } catch (error) {
      const hasExpired = token !== undefined && reasonOf(error) === 'INVALID_PAGE_TOKEN';
      if (!hasExpired || begunAnewAt === next) throw toBlockError(error, call);
      begunAnewAt = next;
      token = undefined;
      continue;
    }
    const { VolumeSize = 0, BlockSize = 0, NextToken } = answer;
    if (VolumeSize === 0 || BlockSize === 0)
      throw new StoreUnavailableError(`${call.what} was answered without a size; try again later`);
    const [blocks, bytes] = [toBlocks(answer), VolumeSize * 2 ** 30];
    next = (blocks.at(-1)?.index ?? next - 1) + 1;
    // Behind the volume's last block nothing may be asked for, should the token expire.
    token = next * BlockSize < bytes ? NextToken : undefined;
    const place = token === undefined ? undefined : { index: next, token };
    yield { bytes, blockBytes: BlockSize, blocks, next: place };
    if (token === undefined) return;
  }
}
