import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { findInteger, findText } from './parameters.ts';
import type { QueryStructure } from './query-protocol.ts';

const leastPage = 5;
const largestPage = 1000;

/**
 * Cuts one page out of resources ordered by their sequence. A token names the last resource before the page, so that
 * changes between two pages shift nothing. Without MaxResults all come in one page, as in EC2.
 */
export function page<T extends { readonly sequence: number }>(
  resources: readonly T[],
  input: QueryStructure,
  requestedIds: readonly string[],
): { readonly items: readonly T[]; readonly nextToken?: string } {
  const maxResults = findInteger(input, 'MaxResults');
  if (maxResults !== undefined && requestedIds.length > 0) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'The parameter MaxResults cannot be used with a list of ids',
    );
  }
  if (maxResults !== undefined && maxResults < leastPage) {
    throw invalidParameter(
      'maxResults',
      maxResults,
      `Expecting a value greater than or equal to ${leastPage}.`,
    );
  }
  const after = sequenceOf(findText(input, 'NextToken'));
  const rest = resources.filter((resource) => resource.sequence > after);
  const items = rest.slice(
    0,
    Math.min(maxResults ?? Infinity, maxResults === undefined ? Infinity : largestPage),
  );
  const last = items.at(-1);
  if (!last || items.length === rest.length) return { items };
  return { items, nextToken: Buffer.from(`after:${last.sequence}`).toString('base64url') };
}

function sequenceOf(token: string | undefined): number {
  if (token === undefined) return 0;
  const sequence = /^after:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (sequence === undefined) throw new Ec2Error('InvalidNextToken', `The token '${token}' is invalid`);
  return Number(sequence);
}
