import { dayMs } from '@holdfast/engine/model';
import type { StackTemplate } from './stack-template.ts';
import { attention, type Judgement, good, unknown } from './judgement.ts';

/**
 * Days from which Lambda no longer mends a runtime, and from which functions of it cannot be updated any more: as AWS had
 * them on 2026-11-30, which are projections until half a year before.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
 */
const runtimeEnds: ReadonlyMap<string, { readonly deprecated: string; readonly frozen: string }> = new Map([
  ['nodejs22.x', { deprecated: '2027-04-30', frozen: '2027-07-01' }],
  ['nodejs24.x', { deprecated: '2028-04-30', frozen: '2028-07-01' }],
]);

/** AWS itself tells of a deprecation so long before. */
const aheadDays = 180;

/** Judges the runtimes of the deployed functions. */
export function judgeRuntimes(template: StackTemplate, now: Date): Judgement {
  const runtimes = new Set<string>();
  for (const { Type, Properties: { Runtime } = {} } of Object.values(template.Resources))
    if (Type === 'AWS::Lambda::Function' && typeof Runtime === 'string') runtimes.add(Runtime);
  if (runtimes.size === 0) return unknown('the template names no runtime of a function');
  const lines = [...runtimes].sort().map((runtime): Judgement => {
    const ends = runtimeEnds.get(runtime);
    if (ends === undefined) return unknown(`${runtime} is not among those that this program knows`);
    const { deprecated, frozen } = ends;
    if (now.getTime() < Date.parse(deprecated) - aheadDays * dayMs)
      return good(`${runtime} is mended until ${deprecated}; no setting and no format is deprecated`);
    return attention(
      `Lambda mends ${runtime} until ${deprecated}, and updates no function of it from ${frozen} on: deploy a newer version before`,
    );
  });
  const worst = (['attention', 'unknown', 'good'] as const).find((state) =>
    lines.some((line) => line.state === state),
  );
  return { state: worst ?? 'good', finding: lines.map(({ finding }) => finding).join('; ') };
}
