import * as z from 'zod';
import type { Ec2Settings } from '../../../localstack/gateway/ec2/settings.ts';
import type { ArchiveSettings } from '../../../localstack/gateway/s3-archive/settings.ts';
import type { FaultRuleInput, FaultStatus } from '../../../localstack/gateway/faults/fault-rules.ts';
import type { App } from './deployed.ts';

const Rules = z.object({ rules: z.array(z.custom<FaultStatus>()) });

export class GatewayClient {
  readonly #url: string;

  constructor({ environment }: Pick<App, 'environment'>) {
    this.#url = `${environment['AWS_ENDPOINT_URL'] ?? ''}/_gateway`;
  }

  /** Adds rules; they apply in their order. */
  async disturb(...rules: readonly FaultRuleInput[]): Promise<void> {
    await this.#call('POST', 'faults', rules);
  }

  async countFired(): Promise<Readonly<Record<string, number>>> {
    const { rules } = Rules.parse(await this.#call('GET', 'faults'));
    return Object.fromEntries(rules.map(({ id, fired }) => [id, fired]));
  }

  async calm(): Promise<void> {
    await this.#call('DELETE', 'faults');
  }

  async setEc2(settings: Partial<Ec2Settings>): Promise<void> {
    await this.#call('PUT', 'ec2/settings', settings);
  }

  async setArchive(settings: Partial<ArchiveSettings>): Promise<void> {
    await this.#call('PUT', 's3-archive/settings', settings);
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`the gateway answered ${method} ${path} with ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}
