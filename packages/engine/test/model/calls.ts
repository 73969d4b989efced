import { canonicalText, Interner } from './fingerprint.ts';

/** A port that all actors share. Clock, chance and keys are each actor's own. */
export type SharedPort = 'store' | 'catalog' | 'index' | 'work';

/** What an actor asks of a port. */
export interface Call {
  readonly id: number;
  readonly port: SharedPort;
  /** Of the catalog, with its part: `packs.claim`. */
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a port says: a value, all items of a list, or an error. */
export type Answer = { readonly value: unknown } | { readonly error: Error };

/** Every call and every answer that one exploration has met, each with a number of its own. */
export class CallBook {
  readonly #calls = new Interner<Omit<Call, 'id'>>();
  readonly #byId: Call[] = [];
  readonly #answers = new Interner<Answer>();

  callOf(port: SharedPort, method: string, args: readonly unknown[]): Call {
    const kept = args.map(keep);
    while (kept.length > 0 && kept.at(-1) === undefined) kept.pop();
    const call = { port, method, args: kept };
    const id = this.#calls.idOf(call);
    return (this.#byId[id] ??= { id, ...call });
  }

  call(id: number): Call {
    return this.#byId[id] as Call;
  }

  answerId(answer: Answer): number {
    return this.#answers.idOf(answer, canonicalText(answer));
  }

  answer(id: number): Answer {
    return this.#answers.get(id);
  }
}

/** A caller may change its buffer once the call is answered, and calls are answered late here. */
function keep(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(keep);
  if (value instanceof AbortSignal) return undefined;
  return value;
}

/** A call as a trace shows it. */
export function describeCall({ port, method, args }: Call): string {
  return `${port}.${method}(${args.map(describe).join(', ')})`;
}

function describe(value: unknown): string {
  if (value instanceof Date) return value.toISOString().replace(':00.000Z', 'Z');
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string') return value.replaceAll(/([0-9a-f]{6})[0-9a-f]{10,}/g, '$1…');
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const shown = fields.map(([key, field]) => `${key}: ${describe(field)}`).join(', ');
  return `{ ${shown.length > 160 ? `${shown.slice(0, 160)}…` : shown} }`;
}
