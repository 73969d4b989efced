import { type CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { toEngineError } from '@holdfast/aws';

/** Outputs of one stack, read when they are first needed. */
export class StackOutputs {
  readonly #client: CloudFormationClient;
  readonly #stack: string;
  #outputs: Promise<ReadonlyMap<string, string> | undefined> | undefined;

  constructor(client: CloudFormationClient, stack: string) {
    this.#client = client;
    this.#stack = stack;
  }

  /** One output, or `undefined` when the stack has none of that name or does not exist. */
  async find(name: string): Promise<string | undefined> {
    this.#outputs ??= this.#read();
    return (await this.#outputs)?.get(name);
  }

  async #read(): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      const { Stacks } = await this.#client.send(new DescribeStacksCommand({ StackName: this.#stack }));
      const outputs = (Stacks?.[0]?.Outputs ?? []).flatMap(({ OutputKey, OutputValue }): [string, string][] =>
        OutputKey === undefined || OutputValue === undefined ? [] : [[OutputKey, OutputValue]],
      );
      return new Map(outputs);
    } catch (error) {
      // CloudFormation has no error of its own for it.
      if (error instanceof Error && /does not exist/i.test(error.message)) return undefined;
      throw toEngineError(error, `reading the outputs of stack ${this.#stack}`);
    }
  }
}
