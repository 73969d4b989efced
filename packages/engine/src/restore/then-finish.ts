import type { RestoreTarget } from '../ports/restore-target.ts';
import { type UnkeptCount, UnkeptFacts } from './unkept-facts.ts';

/**
 * Does the work of a restore and finishes its target, also when the work fails: an interrupted restore leaves no
 * directory with rights that are not its own. Of two failures the work's is thrown; facts that were not kept are added
 * up.
 */
export async function thenFinish<
  Result extends { readonly files: number; readonly unkept?: readonly UnkeptCount[] },
>(
  target: RestoreTarget,
  work: () => Promise<Result>,
): Promise<Result & { readonly unkept: readonly UnkeptCount[] }> {
  let result: Result;
  try {
    result = await work();
  } catch (error) {
    await target.finish().catch(() => undefined);
    throw error;
  }
  const unkept = new UnkeptFacts();
  unkept.addAll(result.unkept ?? []);
  unkept.addAll(await target.finish());
  return { ...result, unkept: unkept.list() };
}
