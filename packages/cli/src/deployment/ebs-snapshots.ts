import type { EbsClients } from '@holdfast/aws/ebs';
import { type BlockSource, PacedBlockSource, Pacer, type PacerServices } from '@holdfast/engine';
import { blockRates } from '@holdfast/engine/model';
import type { ConnectedDeployment } from './connection.ts';

/** The blocks of snapshots in EBS, read in turn with all workers of the deployment. What that takes is loaded on demand. */
export class EbsSnapshots {
  readonly #services: PacerServices;
  readonly #region: string;
  readonly #findQuota: ConnectedDeployment['findBlockQuota'];
  #clients: EbsClients | undefined;

  constructor(services: PacerServices, region: string, findQuota: ConnectedDeployment['findBlockQuota']) {
    this.#services = services;
    this.#region = region;
    this.#findQuota = findQuota;
  }

  async open(): Promise<BlockSource> {
    const { EbsBlockSource, makeEbsClients } = await import('@holdfast/aws/ebs');
    this.#clients ??= makeEbsClients({ region: this.#region });
    const { clock, random } = this.#services;
    const pacer = new Pacer(this.#services, 'read-block', blockRates(this.#region, await this.#findQuota()));
    return new PacedBlockSource(new EbsBlockSource(this.#clients.ebs, clock, random), pacer);
  }

  close(): void {
    this.#clients?.ebs.destroy();
  }
}
