import { StoreUnavailableError } from '../errors.ts';

/**
 * The fault of a call:
 * - `fail-before`, `throttle`: it does not happen, the caller gets a {@link StoreUnavailableError};
 * - `fail-after`: it happens, the caller gets the error all the same;
 * - `time-out`: the caller gets the error first, and the call happens just before the next call of the plan;
 * - `duplicate`: it happens twice, the caller gets the first answer;
 * - `tear`: of what a `put`, a `putNew` or an `addPart` was to write, the first half is written, as if it were all; then
 *   the caller gets the error. No store that keeps its promises does it. For every other call it is `fail-after`;
 * - `kill`, `kill-after`: the process dies before or after it: this and every later call throw a {@link ProcessKilledError}.
 *
 * A list is one call: `fail-after` breaks it after its first item, `duplicate` does nothing to it.
 */
export type FaultKind =
  | 'fail-before'
  | 'fail-after'
  | 'time-out'
  | 'throttle'
  | 'duplicate'
  | 'tear'
  | 'kill'
  | 'kill-after';

export interface Fault {
  readonly kind: FaultKind;
  /** The number of the call, from 1: among all calls, or among those of `method`. */
  readonly call: number;
  readonly method?: string;
  /** Calls in a row. @default 1 */
  readonly times?: number;
}

/** The process was killed by a fault plan. Not a BackupError: no product code may handle it. */
export class ProcessKilledError extends Error {
  override readonly name = 'ProcessKilledError';
  constructor(method: string, call: number) {
    super(`the process was killed at call ${call}, ${method}`);
  }
}

/** Faults and the count of calls. Ports that share a plan share its count, so a run can be killed at any of its calls. */
export class FaultPlan {
  readonly #faults: readonly Fault[];
  readonly #methodCalls = new Map<string, number>();
  readonly #late: (() => Promise<unknown>)[] = [];
  #calls = 0;
  #killedAt: ProcessKilledError | undefined;

  constructor(faults: readonly Fault[] = []) {
    this.#faults = faults;
  }

  calls(method?: string): number {
    return method === undefined ? this.#calls : (this.#methodCalls.get(method) ?? 0);
  }

  get killed(): boolean {
    return this.#killedAt !== undefined;
  }

  /** Counts a call and returns its fault. */
  async begin(method: string): Promise<FaultKind | undefined> {
    if (this.#killedAt !== undefined) throw this.#killedAt;
    const call = ++this.#calls;
    const methodCall = this.calls(method) + 1;
    this.#methodCalls.set(method, methodCall);
    for (const late of this.#late.splice(0)) await late().catch(() => undefined);
    const fault = this.#faults.find((one) => {
      if (one.method !== undefined && one.method !== method) return false;
      const at = one.method === undefined ? call : methodCall;
      return at >= one.call && at < one.call + (one.times ?? 1);
    });
    if (fault?.kind === 'kill' || fault?.kind === 'kill-after')
      this.#killedAt = new ProcessKilledError(method, call);
    return fault?.kind;
  }

  /** Throws if the process was killed while a call was under way. */
  checkAlive(): void {
    if (this.#killedAt !== undefined) throw this.#killedAt;
  }

  /** Keeps a call that reaches the store only after its caller gave up. */
  postpone(call: () => Promise<unknown>): void {
    this.#late.push(call);
  }
}

/**
 * A port whose calls go wrong as planned: a store, a catalog, an index, and the uploads that a store returns. The plan
 * knows calls of a catalog's part by both names: `packs.claim`.
 * Only the port's own methods are to be called on it; a double's extras are called on the double itself.
 */
export function withFaults<Port extends object>(port: Port, plan: FaultPlan, part?: string): Port {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof property !== 'string') return member;
      if (typeof member === 'object' && member !== null) return withFaults(member, plan, property);
      if (typeof member !== 'function') return member;
      const method = part === undefined ? property : `${part}.${property}`;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, target, args);
      if (property === 'resumeMultipart')
        return (...args: unknown[]) => withFaults(call(...args) as object, plan);
      if (property === 'state') return call;
      if (property.startsWith('list')) {
        return (...args: unknown[]) =>
          faultyList(plan, method, () => call(...args) as AsyncIterable<unknown>);
      }
      return async (...args: unknown[]) => {
        const torn = async (): Promise<unknown> => call(...tear(method, args));
        const result = await faultyCall(plan, method, async () => call(...args), torn);
        return property === 'startMultipart' ? withFaults(result as object, plan) : result;
      };
    },
  });
}

/** Cuts the bytes of a write in half. */
function tear(method: string, args: readonly unknown[]): unknown[] {
  const at = { put: 1, putNew: 1, addPart: 0 }[method];
  return args.map((arg, index) => {
    if (index !== at) return arg;
    const bytes = Buffer.concat(arg instanceof Uint8Array ? [arg] : (arg as readonly Uint8Array[]));
    return new Uint8Array(bytes.subarray(0, bytes.length >> 1));
  });
}

async function faultyCall(
  plan: FaultPlan,
  method: string,
  call: () => Promise<unknown>,
  torn: () => Promise<unknown>,
): Promise<unknown> {
  const fault = await plan.begin(method);
  switch (fault) {
    case undefined: {
      const result = await call();
      plan.checkAlive();
      return result;
    }
    case 'duplicate': {
      const result = await call();
      await call().catch(() => undefined);
      return result;
    }
    case 'fail-after':
    case 'kill-after':
      // The answer of the call is lost, an error of its own too.
      await call().catch(() => undefined);
      break;
    case 'tear':
      await torn().catch(() => undefined);
      break;
    case 'time-out':
      plan.postpone(call);
      break;
    case 'fail-before':
    case 'throttle':
    case 'kill':
      break;
  }
  plan.checkAlive();
  throw unavailable(fault, method);
}

async function* faultyList(
  plan: FaultPlan,
  method: string,
  list: () => AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  const fault = await plan.begin(method);
  if (fault === 'kill') plan.checkAlive();
  if (fault === 'fail-before' || fault === 'throttle' || fault === 'time-out')
    throw unavailable(fault, method);
  for await (const item of list()) {
    if (fault !== 'kill-after') plan.checkAlive();
    yield item;
    if (fault === 'fail-after' || fault === 'tear') throw unavailable(fault, method);
  }
  plan.checkAlive();
  if (fault === 'fail-after' || fault === 'tear') throw unavailable(fault, method);
}

function unavailable(fault: FaultKind, method: string): StoreUnavailableError {
  return new StoreUnavailableError(`${method} did not answer (planned fault ${fault}); try again later`);
}
