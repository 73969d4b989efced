import type { Emulator } from '../composition.ts';

/** Calls that AWS answers: what moves while nothing else can be seen. */
export class Calls {
  readonly #url: string;
  #before = new Map<string, number>();

  constructor({ endpointUrl }: Emulator) {
    this.#url = `${endpointUrl}/_gateway/requests`;
  }

  /** Says how many there were since it was asked last, of the services that were called most. */
  async sinceLast(): Promise<string> {
    const now = await this.#count();
    const most = [...now]
      .map(([service, count]) => [service, count - (this.#before.get(service) ?? 0)] as const)
      .filter(([, count]) => count > 0)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 4);
    this.#before = now;
    if (most.length === 0) return 'waiting';
    return `calls: ${most.map(([service, count]) => `${count.toLocaleString('en-US')} of ${service}`).join(', ')}`;
  }

  async #count(): Promise<Map<string, number>> {
    const answer = await fetch(this.#url);
    const { requests } = (await answer.json()) as { requests: Record<string, number> };
    const byService = new Map<string, number>();
    for (const [name, count] of Object.entries(requests)) {
      const [service = ''] = name.split(':');
      byService.set(service, (byService.get(service) ?? 0) + count);
    }
    return byService;
  }
}
