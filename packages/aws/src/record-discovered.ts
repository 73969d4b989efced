import type { Catalog, Clock, Plans, ResourceArn } from '@holdfast/engine';
import type { TaggedResource } from './tagged-resources.ts';

/**
 * Writes what discovery found into the catalog: a row for each resource, with a problem where its tag names no plan.
 * Rows of resources that lost their tag are removed; their points stay. Directories are left alone, as no tag selects
 * them. Repeatable.
 * @returns what was found, problems included.
 */
export async function recordDiscovered(
  { catalog, clock }: { readonly catalog: Catalog; readonly clock: Clock },
  plans: Plans,
  discovered: readonly TaggedResource[],
): Promise<TaggedResource[]> {
  const resources = discovered.map((resource) => withPlanChecked(resource, plans));
  const seenAt = clock.now();
  for (const resource of resources) await catalog.putResource({ ...resource, seenAt });
  const found = new Set<ResourceArn>(resources.map(({ arn }) => arn));
  const gone: ResourceArn[] = [];
  for await (const { arn, kind } of catalog.listResources()) {
    if (kind !== 'directory' && !found.has(arn)) gone.push(arn);
  }
  for (const arn of gone) await catalog.removeResource(arn);
  return resources;
}

function withPlanChecked(resource: TaggedResource, plans: Plans): TaggedResource {
  if (resource.problem !== undefined || plans.some(({ name }) => name === resource.plan)) return resource;
  const names = plans.map(({ name }) => name).join(', ');
  return {
    ...resource,
    problem: `its tag names plan "${resource.plan}", which is not deployed; name one of: ${names}`,
  };
}
