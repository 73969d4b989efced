// The command line, bundled by bundle-programs.ts: what is measured is what a user runs.
import { main } from '@holdfast/cli/main';

await main();
