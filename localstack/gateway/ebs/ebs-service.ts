import type { IncomingHttpHeaders } from 'node:http';
import type { AwsRequest } from '../aws-request.ts';
import type { Ec2Service } from '../ec2/ec2-service.ts';
import { errorReply } from '../faults/error-replies.ts';
import { decoded } from '../operation-names.ts';
import type { Reply } from '../reply.ts';
import { listChangedBlocks, listSnapshotBlocks } from './block-lists.ts';
import { getSnapshotBlock } from './block-reading.ts';
import { CallRates } from './call-rates.ts';
import type { EbsCall } from './ebs-call.ts';
import { EbsError } from './ebs-error.ts';
import { SealedTokens } from './sealed-tokens.ts';
import { EbsSettings, type EbsOperation } from './settings.ts';
import { completeSnapshot, putSnapshotBlock, startSnapshot } from './snapshot-writing.ts';

const operations = new Map<string, (call: EbsCall) => Reply | Promise<Reply>>(
  Object.entries({
    ListSnapshotBlocks: listSnapshotBlocks,
    ListChangedBlocks: listChangedBlocks,
    GetSnapshotBlock: getSnapshotBlock,
    StartSnapshot: startSnapshot,
    PutSnapshotBlock: putSnapshotBlock,
    CompleteSnapshot: completeSnapshot,
  } satisfies Record<EbsOperation, unknown>),
);

/** The EBS direct APIs of the gateway: the snapshots of its EC2, read and written by the block. */
export class EbsService {
  settings: EbsSettings = EbsSettings.parse({});
  readonly #ec2: Ec2Service;
  readonly #tokens = new SealedTokens();
  readonly #rates = new CallRates();

  constructor(ec2: Ec2Service) {
    this.#ec2 = ec2;
  }

  /** @returns `undefined` for what is none of the six operations. */
  async answer(
    request: AwsRequest,
    headers: IncomingHttpHeaders,
    body: Uint8Array,
  ): Promise<Reply | undefined> {
    const operation = operations.get(request.operation);
    if (!operation) return undefined;
    const { settings } = this;
    const ec2 = this.#ec2.context(request);
    const parameters = parametersOf(request, headers);
    try {
      this.#rates.take(request, parameters['snapshotid'], settings, ec2.now);
      return await operation({ ec2, settings, tokens: this.#tokens, parameters, body });
    } catch (error) {
      if (!(error instanceof EbsError)) throw error;
      const members: Record<string, string> = error.reason === undefined ? {} : { Reason: error.reason };
      return errorReply(request, error.status, error.code, error.message, members);
    }
  }
}

/** Reads `/snapshots/<id>/blocks/<index>`, `/snapshots/<id>/changedblocks` and `/snapshots/completion/<id>`. */
function parametersOf(request: AwsRequest, headers: IncomingHttpHeaders): EbsCall['parameters'] {
  const { pathname, searchParams } = new URL(request.path, 'http://gateway');
  const [, , snapshotid, , blockindex] = pathname.replace('/completion/', '/').split('/').map(decoded);
  const query = [...searchParams].map(([name, value]) => [name.toLowerCase(), value] as const);
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-'));
  return { ...Object.fromEntries([...query, ...own]), snapshotid, blockindex };
}
