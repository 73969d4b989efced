import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

const longestValue = 100;

/** One thing that is wrong with an input, in words for whoever wrote it: the field, its value, and what it should be. */
export function inputProblem(issue: Issue, input: unknown): string {
  const path = issue.path.map(String).join('.');
  const field = path === '' ? 'it' : `"${path}"`;
  const value = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key],
    input,
  );
  if (issue.code === 'unrecognized_keys')
    return `${field} has no field ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`;
  if (value === undefined && path !== '' && issue.code !== 'custom') return `${field} is missing`;
  return `${field} is ${shown(value)}: ${wanted(issue)}`;
}

function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `it should be ${nouns[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `it should be ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`.replace(
        /, ([^,]*)$/,
        ' or $1',
      );
    case 'too_small':
      return `it should ${sizeOf(issue.origin)} ${String(issue.minimum)} or more`;
    case 'too_big':
      return `it should ${sizeOf(issue.origin)} ${String(issue.maximum)} or less`;
    case 'invalid_format':
      return formats[issue.format] ?? issue.message;
    default:
      return issue.message;
  }
}

const nouns: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  string: 'a text',
};

const formats: Readonly<Record<string, string>> = {
  datetime: 'it should be a time with its zone, such as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00',
};

function sizeOf(origin: string): string {
  if (origin === 'string') return 'have a length of';
  return origin === 'array' ? 'have entries:' : 'be';
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longestValue));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null ? 'null' : 'an object';
}
