import type { ResourceArn } from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import type { Connection } from '../deployment/connection.ts';
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
  return { resourceArn: await resolveResourceArn(services.catalog, name) };
}
