import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { AwsRequest } from '../aws-request.ts';
import { matchesPattern } from '../wildcard.ts';

const FaultMatch = z.strictObject({
  service: z.string().optional(),
  operation: z.string().optional(),
  method: z.string().optional(),
  bucket: z.string().optional(),
  key: z.string().optional(),
  path: z.string().optional(),
  bodyContains: z.string().optional(),
  lambdaFunction: z.string().optional(),
});

const FaultAction = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('error'),
    status: z.int().min(300).max(599),
    code: z.string(),
    message: z.string().default('injected by a fault rule'),
    members: z.record(z.string(), z.string()).default({}),
  }),
  z.strictObject({ kind: z.literal('throttle') }),
  z.strictObject({ kind: z.literal('latency'), ms: z.int().min(0) }),
  z.strictObject({ kind: z.literal('drop-before') }),
  z.strictObject({ kind: z.literal('drop-after') }),
  z.strictObject({ kind: z.literal('kill-lambda'), when: z.enum(['before', 'after']).default('before') }),
]);

/**
 * One disturbance of the calls that match it. All given fields of `match` have to hold; `operation`, `bucket`,
 * `key`, `path` and `lambdaFunction` take `*` and `?`. The first `skip` matching calls pass, then it fires at
 * most `count` times, each with `probability` from a generator seeded with `seed`.
 */
export const FaultRule = z.strictObject({
  id: z.string().optional(),
  match: FaultMatch.default({}),
  action: FaultAction,
  skip: z.int().min(0).default(0),
  count: z.int().min(1).optional(),
  probability: z.number().min(0).max(1).default(1),
  seed: z.int().default(1),
});
export type FaultRule = z.infer<typeof FaultRule>;
export type FaultRuleInput = z.input<typeof FaultRule>;
export type FaultAction = z.infer<typeof FaultAction>;

export interface FaultStatus extends FaultRule {
  readonly id: string;
  readonly matched: number;
  readonly fired: number;
}

/** Facts beyond the call's head, read only when a rule asks. */
export interface FaultEvidence {
  readonly body: Uint8Array | undefined;
  /** Name of the Lambda function whose worker made the call. */
  readonly findLambdaFunction: () => string | undefined;
}

/** The effect of a rule on one call. */
export interface FiredFault {
  readonly action: FaultAction;
  /** Aborted when the rule is removed or replaced. */
  readonly lifted: AbortSignal;
}

interface ActiveRule {
  readonly rule: FaultRule & { readonly id: string };
  readonly random: () => number;
  readonly lifting: AbortController;
  matched: number;
  fired: number;
}

export class FaultRules {
  #active: ActiveRule[] = [];

  /** Adds a rule; one with the id of another replaces it and starts counting anew. */
  add(rule: FaultRule): FaultStatus {
    const id = rule.id ?? randomUUID();
    const added: ActiveRule = {
      rule: { ...rule, id },
      random: seededRandom(rule.seed),
      lifting: new AbortController(),
      matched: 0,
      fired: 0,
    };
    this.remove(id);
    this.#active.push(added);
    return status(added);
  }

  list(): FaultStatus[] {
    return this.#active.map(status);
  }

  /** Removes the rule with this id, or all of them; calls that they delay go on. */
  remove(id?: string): void {
    const isRemoved = ({ rule }: ActiveRule): boolean => id === undefined || rule.id === id;
    for (const { lifting } of this.#active.filter(isRemoved)) lifting.abort();
    this.#active = this.#active.filter((active) => !isRemoved(active));
  }

  /** Collects what to do to a call: delays first, then the first other action that fires. */
  fire(request: AwsRequest, evidence: FaultEvidence): FiredFault[] {
    const fired: FiredFault[] = [];
    for (const active of this.#active) {
      if (!matches(active.rule, request, evidence)) continue;
      active.matched += 1;
      const { skip, count = Infinity, probability, action } = active.rule;
      if (active.matched <= skip || active.fired >= count || active.random() >= probability) continue;
      active.fired += 1;
      fired.push({ action, lifted: active.lifting.signal });
      if (action.kind !== 'latency') break;
    }
    return fired;
  }
}

function status(active: ActiveRule): FaultStatus {
  return { ...active.rule, matched: active.matched, fired: active.fired };
}

function matches(rule: FaultRule, request: AwsRequest, evidence: FaultEvidence): boolean {
  const { service, operation, method, bucket, key, path, bodyContains, lambdaFunction } = rule.match;
  if (service !== undefined && service !== request.service) return false;
  if (method !== undefined && method !== request.method) return false;
  if (operation !== undefined && !matchesPattern(operation, request.operation)) return false;
  if (bucket !== undefined && !matchesPattern(bucket, request.bucket ?? '')) return false;
  if (key !== undefined && !matchesPattern(key, request.key ?? '')) return false;
  if (path !== undefined && !matchesPattern(path, request.path)) return false;
  if (bodyContains !== undefined && !Buffer.from(evidence.body ?? []).includes(bodyContains)) return false;
  if (lambdaFunction === undefined && rule.action.kind !== 'kill-lambda') return true;
  const caller = evidence.findLambdaFunction();
  return caller !== undefined && matchesPattern(lambdaFunction ?? '*', caller);
}

/** mulberry32: small, and the same sequence everywhere for one seed. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
