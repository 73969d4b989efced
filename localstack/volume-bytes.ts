import type { VolumeDigest } from './gateway/ec2/block-files.ts';

/** The bytes of the gateway's volumes, read and written as their guests would, wherever the gateway runs. */
export class VolumeBytes {
  readonly #endpointUrl: string;

  /** @param endpointUrl - of the gateway, as AWS_ENDPOINT_URL has it. */
  constructor(endpointUrl: string) {
    this.#endpointUrl = endpointUrl;
  }

  async write(volumeId: string, offset: number, content: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#call('PUT', `${volumeId}/bytes?offset=${offset}`, content);
  }

  /** Discards at most 16 MiB, as the TRIM of a guest: they read as zeros, and their blocks are no longer written. */
  async trim(volumeId: string, offset: number, length: number): Promise<void> {
    await this.#call('DELETE', `${volumeId}/bytes?offset=${offset}&length=${length}`);
  }

  /** At most 16 MiB; fewer bytes where the volume ends. */
  async read(volumeId: string, offset: number, length: number): Promise<Uint8Array> {
    const response = await this.#call('GET', `${volumeId}/bytes?offset=${offset}&length=${length}`);
    return response.bytes();
  }

  /** SHA-256 of a stretch of any length up to its last byte that is not zero, in hex; no bytes travel for it. */
  async digest(volumeId: string, offset: number, length: number): Promise<VolumeDigest> {
    const response = await this.#call('GET', `${volumeId}/digest?offset=${offset}&length=${length}`);
    return (await response.json()) as VolumeDigest;
  }

  async #call(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Response> {
    const url = `${this.#endpointUrl}/_gateway/ec2/volumes/${path}`;
    const response = await fetch(url, { method, body: body ?? null });
    if (!response.ok)
      throw new Error(
        `the gateway answered ${method} ${url} with ${response.status}: ${await response.text()}`,
      );
    return response;
  }
}
