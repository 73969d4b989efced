import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliErrorSchema, cliOutputSchema, commandsPage } from './command-reference.ts';

// Run it with `node scripts/write-command-reference.ts` after a change of what a command says of itself.
const docs = join(import.meta.dirname, '..', 'docs');
await writeFile(join(docs, 'commands.md'), commandsPage());
await writeFile(join(docs, 'cli-error.schema.json'), cliErrorSchema());
await writeFile(join(docs, 'cli-output.schema.json'), cliOutputSchema());
