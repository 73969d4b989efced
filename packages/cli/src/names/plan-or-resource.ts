import { type ResourceArn, UnknownNameError } from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
import { findNearest } from '../terminal/nearest.ts';
import { resolveResourceArn } from './resolve.ts';

export type PlanOrResource = { readonly plan: string } | { readonly resourceArn: ResourceArn };

/**
 * The plan of that name, if one is deployed, else the resource.
 * @throws {@link UnknownNameError} there is neither.
 * @throws {@link UsageError} several resources have that name.
 */
export async function resolvePlanOrResource(
  { services }: Pick<Connection, 'services'>,
  plans: Plans | undefined,
  name: string,
): Promise<PlanOrResource> {
  if (plans?.some((plan) => plan.name === name) === true) return { plan: name };
  try {
    return { resourceArn: await resolveResourceArn(services.catalog, name) };
  } catch (error) {
    const near = findNearest(name, plans?.map((plan) => plan.name) ?? []);
    if (!(error instanceof UnknownNameError) || near === undefined) throw error;
    throw new UnknownNameError(`${error.message}; nor is a plan called so: did you mean ${near}?`);
  }
}
