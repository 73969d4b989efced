import { type Catalog, type ResourceArn, type ResourceRow, UnknownNameError } from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { safeText } from '../terminal/text.ts';

const candidatesShown = 10;

/** What people call a resource: the last part of its ARN, a bucket's name or an instance's id. */
export function shortNameOf(arn: string): string {
  return arn.slice(Math.max(arn.lastIndexOf(':'), arn.lastIndexOf('/')) + 1) || arn;
}

/**
 * The catalog's row of a resource, by ARN, bucket name, instance or volume id.
 * @throws {@link UnknownNameError} the catalog has none of that name.
 * @throws {@link UsageError} several have; the message lists them.
 */
export async function resolveResource(catalog: Catalog, name: string): Promise<ResourceRow> {
  const row = await findResource(catalog, name);
  if (row !== undefined) return row;
  throw new UnknownNameError(
    `resource "${safeText(name)}" is not in the catalog; "holdfast resources" lists what is; ` +
      'a resource that has just been tagged appears with the next cycle of its plan',
  );
}

/**
 * The ARN that a name stands for. An ARN is taken as it is: points outlive the row of their resource.
 * @throws {@link UnknownNameError} the catalog has none of that name.
 * @throws {@link UsageError} several have.
 */
export async function resolveResourceArn(catalog: Catalog, name: string): Promise<ResourceArn> {
  return isArn(name) ? name : (await resolveResource(catalog, name)).arn;
}

/** As {@link resolveResource}, but the catalog may have none. */
export async function findResource(catalog: Catalog, name: string): Promise<ResourceRow | undefined> {
  if (isArn(name)) return catalog.resources.find(name);
  const found: ResourceRow[] = [];
  for await (const row of catalog.resources.list()) if (isNamed(row.arn, name)) found.push(row);
  if (found.length <= 1) return found[0];
  const arns = found.map(({ arn }) => arn).sort();
  const more = arns.length > candidatesShown ? `, and ${arns.length - candidatesShown} more` : '';
  throw new UsageError(
    `"${safeText(name)}" may be any of ${arns.slice(0, candidatesShown).join(', ')}${more}; name one by its ARN`,
  );
}

function isArn(name: string): name is ResourceArn {
  return /^(arn|holdfast):/.test(name);
}

/** The end of an ARN that begins after a `:` or `/`: a directory's path has slashes of its own. */
export function isNamed(arn: string, name: string): boolean {
  const before = arn.at(-name.length - 1);
  return name !== '' && arn.endsWith(name) && (before === ':' || before === '/');
}
