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
