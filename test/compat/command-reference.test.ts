import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cliErrorSchema, cliOutputSchema, commandsPage, manPages } from '../../scripts/command-reference.ts';

const published = async (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, '..', '..', 'docs', name), 'utf8');

test('the list of all commands and the schemas of answers and failures are those of the program', async () => {
  expect(await published('commands.md')).toBe(commandsPage());
  expect(await published('cli-error.schema.json')).toBe(cliErrorSchema());
  expect(await published('cli-output.schema.json')).toBe(cliOutputSchema());
});

test('each command has a man page, in which no text commands the formatter', () => {
  const pages = manPages();

  expect([...pages.keys()]).toEqual(
    expect.arrayContaining([
      'holdfast.1',
      'holdfast-restore.1',
      'holdfast-hold-set.1',
      'holdfast-completion.1',
    ]),
  );
  for (const page of pages.values()) {
    const requests = page.split('\n').filter((line) => /^['.]/.test(line));
    expect(requests.join('\n')).not.toMatch(/^(?!\.(?:TH|SH|TP|B|BR) )(?!\.TP$)/m);
  }
});

/** Names of fields that hold a time, anywhere in a JSON Schema. */
function timesIn(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties } = schema as { readonly properties?: Readonly<Record<string, object>> };
  const own = Object.entries(properties ?? {}).filter(
    ([, { format, $ref }]: [string, { format?: string; $ref?: string }]) =>
      format === 'date-time' || $ref === '#/$defs/Time',
  );
  return [...own.map(([name]) => name), ...Object.values(schema).flatMap(timesIn)];
}

test('fields that hold a time are called as docs/json.md says', () => {
  const { $defs } = JSON.parse(cliOutputSchema()) as { $defs: Readonly<Record<string, unknown>> };

  const names = new Set(timesIn($defs));

  // Entries of the audit log are as they are stored.
  expect([...names].filter((name) => !/(?:At|Time|Until)$|^until$/.test(name))).toEqual(['at']);
  expect(names.size).toBeGreaterThan(10);
});
