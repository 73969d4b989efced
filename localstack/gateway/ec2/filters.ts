import { matchesPattern } from '../wildcard.ts';
import { invalidParameter } from './ec2-error.ts';
import { getText, listStructures, listTexts } from './parameters.ts';
import type { QueryStructure } from './query-protocol.ts';
import type { Tags } from './tag-history.ts';

/** A resource as filters see it; one of an attribute's values has to match. */
export interface Filterable {
  readonly attributes: Readonly<Record<string, readonly (string | number | boolean | undefined)[]>>;
  readonly tags: Tags;
}

/**
 * Keeps the resources that match all filters of a Describe call, each by any of its values; wildcards as in EC2.
 * @throws {@link Ec2Error} `InvalidParameterValue` for a filter that the resource type does not have.
 */
export function listFiltered<T>(
  resources: readonly T[],
  input: QueryStructure,
  filterable: (resource: T) => Filterable,
): T[] {
  const filters = listStructures(input, 'Filter').map((filter) => ({
    name: getText(filter, 'Name'),
    patterns: listTexts(filter, 'Value'),
  }));
  return resources.filter((resource) => {
    const { attributes, tags } = filterable(resource);
    return filters.every(({ name, patterns }) => {
      const values = valuesOf(name, attributes, tags);
      return values.some((value) => patterns.some((pattern) => matchesPattern(pattern, value)));
    });
  });
}

function valuesOf(name: string, attributes: Filterable['attributes'], tags: Tags): string[] {
  if (name === 'tag-key') return Object.keys(tags);
  if (name.startsWith('tag:')) {
    const value = tags[name.slice('tag:'.length)];
    return value === undefined ? [] : [value];
  }
  const values = attributes[name];
  if (!values) throw invalidParameter('filter', name, `The filter '${name}' is invalid`);
  return values.filter((value) => value !== undefined).map(String);
}
