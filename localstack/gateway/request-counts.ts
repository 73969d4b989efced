import type { AwsRequest } from './aws-request.ts';

/** Counts calls by service and operation, for tests that assert how many requests something costs. */
export class RequestCounts {
  readonly #counts = new Map<string, number>();

  add(request: AwsRequest): void {
    const name = `${request.service}:${request.operation}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Counts by `service:operation`, sorted by name. */
  list(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([left], [right]) => (left < right ? -1 : 1)));
  }

  reset(): void {
    this.#counts.clear();
  }
}
