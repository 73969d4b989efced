import type { EbsClients } from '@holdfast/aws/ebs';
import { type BlockSource, PacedBlockSource, Pacer, type PacerServices } from '@holdfast/engine';
import { blockRates } from '@holdfast/engine/model';

/** The blocks of snapshots in EBS, read in turn with all workers of the deployment. What that takes is loaded on demand. */
export class EbsSnapshots {
  readonly #services: PacerServices;
  readonly #region: string;
  #clients: EbsClients | undefined;

  constructor(services: PacerServices, region: string) {
    this.#services = services;
    this.#region = region;
  }

  async open(): Promise<BlockSource> {
    const { EbsBlockSource, makeEbsClients } = await import('@holdfast/aws/ebs');
    this.#clients ??= makeEbsClients({ region: this.#region });
    const { clock, random } = this.#services;
    // A quota that AWS raised is not known here: then this process keeps to its part of the usual one.
    const pacer = new Pacer(this.#services, 'read-block', blockRates(this.#region));
    return new PacedBlockSource(new EbsBlockSource(this.#clients.ebs, clock, random), pacer);
  }

  close(): void {
    this.#clients?.ebs.destroy();
  }
}
