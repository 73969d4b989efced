import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withRunningCosts } from './running-costs.ts';

// `npm run costs`, after a change of prices, functions, alarms, metrics, schedules or workflows.
const readme = join(import.meta.dirname, '..', 'README.md');
await writeFile(readme, withRunningCosts(await readFile(readme, 'utf8')));
