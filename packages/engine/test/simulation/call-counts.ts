/** How often which call of a port was made; of calls about a stored object, by the first part of its name. */
export class CallCounts {
  readonly #counts = new Map<string, number>();

  add(call: string, count = 1): void {
    this.#counts.set(call, this.of(call) + count);
  }

  /** For instance `store.extendLock packs`, or `catalog.packs.raiseLockUntil`. */
  of(call: string): number {
    return this.#counts.get(call) ?? 0;
  }

  reset(): void {
    this.#counts.clear();
  }
}

/** A port whose calls are counted. */
export function counted<Port extends object>(port: Port, counts: CallCounts, name: string): Port {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof property !== 'string') return member;
      if (typeof member === 'object' && member !== null)
        return counted(member, counts, `${name}.${property}`);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const [first] = args;
        const call = `${name}.${property}`;
        counts.add(call);
        if (typeof first === 'string' && first.includes('/')) counts.add(`${call} ${first.split('/')[0]}`);
        if (Array.isArray(first)) counts.add(`${call} items`, first.length);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}
