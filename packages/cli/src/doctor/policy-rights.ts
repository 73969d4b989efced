import * as z from 'zod';

const OneOrMany = z.union([z.string(), z.array(z.string())]);
const Principals = z.union([z.literal('*'), z.record(z.string(), OneOrMany)]);
const RawStatement = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: OneOrMany.optional(),
  NotAction: OneOrMany.optional(),
  Resource: OneOrMany.optional(),
  NotResource: OneOrMany.optional(),
  Principal: Principals.optional(),
  NotPrincipal: Principals.optional(),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
const Document = z.looseObject({ Statement: z.union([RawStatement, z.array(RawStatement)]) });

/** Patterns one of which fits, or none of which does; names of actions are of either case. */
interface Part {
  readonly isExcept: boolean;
  readonly isCaseless: boolean;
  readonly patterns: readonly string[];
}

/** A statement of a policy, without what changes nothing: order, case, and the ways to write a list of one. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Part;
  /** Resources; in a trust policy, who may assume the role. */
  readonly on: Part;
  /** Values by operator and key. All of them have to hold. */
  readonly conditions: ReadonlyMap<string, readonly string[]>;
}

/** One action on one resource, or by one principal. */
export interface Right {
  readonly action: string;
  readonly on: string;
  readonly isConditional: boolean;
}

/** The statements of a policy; `undefined` where it is none. */
export function statementsOf(document: unknown): readonly Statement[] | undefined {
  const parsed = Document.safeParse(document);
  return parsed.success ? [parsed.data.Statement].flat().map(toStatement) : undefined;
}

function toStatement(raw: z.infer<typeof RawStatement>): Statement {
  const on =
    raw.Principal === undefined && raw.NotPrincipal === undefined
      ? partOf(raw.Resource, raw.NotResource)
      : partOf(
          raw.Principal && principalsOf(raw.Principal),
          raw.NotPrincipal && principalsOf(raw.NotPrincipal),
        );
  const conditions = new Map<string, readonly string[]>();
  for (const [operator, keys] of Object.entries(raw.Condition ?? {}))
    for (const [key, values] of Object.entries(keys))
      conditions.set(`${operator} ${key}`.toLowerCase(), [values].flat().map(String));
  return {
    effect: raw.Effect,
    actions: { ...partOf(raw.Action, raw.NotAction), isCaseless: true },
    on,
    conditions,
  };
}

function partOf(some: string | readonly string[] = [], except?: string | readonly string[]): Part {
  return { isExcept: except !== undefined, isCaseless: false, patterns: [except ?? some].flat() };
}

/** Principals with their kinds: an account is its root, and everybody is one, however written. */
function principalsOf(principals: z.infer<typeof Principals>): string[] {
  if (principals === '*') return ['AWS:*'];
  return Object.entries(principals).flatMap(([kind, names]) =>
    [names].flat().map((name) => `${kind}:${name.replace(/^arn:[\w-]+:iam::(\d{12}):root$/, '$1')}`),
  );
}

/** Rights that some statements of one effect have, and none of the others. */
export function rightsBeyond(
  effect: Statement['effect'],
  statements: readonly Statement[],
  others: readonly Statement[],
): readonly Right[] {
  const same = others.filter((other) => other.effect === effect);
  return statements
    .filter((statement) => statement.effect === effect)
    .flatMap((statement) => {
      const bounded = same.filter((other) => holdsWhenever(other, statement));
      return partsOf(statement.actions).flatMap((action) =>
        partsOf(statement.on)
          .filter((on) => !bounded.some((other) => covers(other.actions, action) && covers(other.on, on)))
          .map((on) => ({
            action: textOf(action),
            on: textOf(on),
            isConditional: statement.conditions.size > 0,
          })),
      );
    });
}

/** True where each condition of a statement holds whenever those of the other do. */
function holdsWhenever(statement: Statement, other: Statement): boolean {
  return [...statement.conditions].every(([condition, values]) => {
    const known = other.conditions.get(condition);
    if (known === undefined) return false;
    // A list of what must not be is looser the shorter it is.
    const [few, many] = condition.split(' ')[0]?.includes('not') ? [values, known] : [known, values];
    return few.every((value) => many.includes(value));
  });
}

/** The patterns of a part, each for itself; exceptions are one. */
function partsOf(part: Part): readonly Part[] {
  return part.isExcept ? [part] : part.patterns.map((pattern) => ({ ...part, patterns: [pattern] }));
}

function textOf({ isExcept, patterns }: Part): string {
  return isExcept ? `all but ${patterns.join(', ')}` : patterns.join(', ');
}

/** True where all that fits one of {@link partsOf} fits the part. */
function covers(part: Part, one: Part): boolean {
  const includes = (outer: string, inner: string): boolean =>
    part.isCaseless ? fits(outer.toLowerCase(), inner.toLowerCase()) : fits(outer, inner);
  if (!part.isExcept)
    return part.patterns.some((pattern) =>
      one.isExcept ? pattern === '*' : one.patterns.every((inner) => includes(pattern, inner)),
    );
  return (
    one.isExcept && part.patterns.every((spared) => one.patterns.some((pattern) => includes(pattern, spared)))
  );
}

/**
 * True where whatever fits the inner pattern fits the outer one; an asterisk of the inner one is for an asterisk only. Goes
 * back to the last asterisk alone, which is enough: a pattern of many would keep a regular expression busy for years.
 */
function fits(outer: string, inner: string): boolean {
  let at = 0;
  let last: { readonly asterisk: number; until: number } | undefined;
  for (let to = 0; to < inner.length;) {
    const sign = outer[at];
    if (sign === '*') {
      last = { asterisk: at, until: to };
      at += 1;
    } else if (sign === inner[to] || (sign === '?' && inner[to] !== '*')) {
      at += 1;
      to += 1;
    } else if (last !== undefined) {
      last.until += 1;
      at = last.asterisk + 1;
      to = last.until;
    } else return false;
  }
  return /^\**$/.test(outer.slice(at));
}
