import { randomUUID } from 'node:crypto';
import type { AwsRequest } from '../aws-request.ts';
import { errorReply } from '../faults/error-replies.ts';
import { xmlReply, type Reply } from '../reply.ts';
import { BlockFiles } from './block-files.ts';
import { Ec2Error } from './ec2-error.ts';
import { ec2Operations } from './operations.ts';
import { parseQuery, toXml, type QueryStructure } from './query-protocol.ts';
import { Ec2Region, type Ec2Context } from './region.ts';
import { Ec2Settings } from './settings.ts';

const commonParameters = ['Action', 'Version', 'DryRun'];
const signatureParameter = /^X-Amz-/;

/** The EC2 of the gateway: instances, volumes, snapshots and images, per account and region. */
export class Ec2Service {
  settings: Ec2Settings = Ec2Settings.parse({});
  readonly #regions = new Map<string, Ec2Region>();
  readonly contents: BlockFiles;
  readonly #now: () => Date;

  constructor(dataDir: string, now: () => Date) {
    this.contents = new BlockFiles(dataDir);
    this.#now = now;
  }

  now(): Date {
    return this.#now();
  }

  region(accountId: string, name: string): Ec2Region {
    const id = `${accountId}/${name}`;
    const region = this.#regions.get(id) ?? new Ec2Region(accountId, name);
    this.#regions.set(id, region);
    return region;
  }

  context({ accountId, region }: AwsRequest): Ec2Context {
    return {
      region: this.region(accountId, region),
      settings: this.settings,
      contents: this.contents,
      now: this.#now(),
    };
  }

  /** @returns `undefined` when the operation is not modelled here. */
  async answer(request: AwsRequest, body: Uint8Array): Promise<Reply | undefined> {
    const operation = ec2Operations.get(request.operation);
    if (!operation) return undefined;
    const query = new URL(request.path, 'http://gateway').searchParams;
    const form = new URLSearchParams([...query, ...new URLSearchParams(Buffer.from(body).toString('utf8'))]);
    const input = parseQuery(form);
    try {
      assertKnown(input, operation.parameters);
      const context = this.context(request);
      if (input['DryRun'] === 'true') {
        operation.check?.(context, input);
        throw new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
      }
      const output = await operation.run(context, input);
      return xmlReply(200, toXml(`${request.operation}Response`, { requestId: randomUUID(), ...output }));
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      return errorReply(request, error.status, error.code, error.message);
    }
  }
}

function assertKnown(input: QueryStructure, parameters: readonly string[]): void {
  for (const name of Object.keys(input)) {
    if (signatureParameter.test(name) || commonParameters.includes(name) || parameters.includes(name))
      continue;
    throw new Ec2Error('UnknownParameter', `The parameter ${name} is not recognized`);
  }
}
