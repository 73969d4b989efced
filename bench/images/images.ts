import { putFigures } from '../figures.ts';
import { CountedVault, type RunCost } from './cost-of-run.ts';
import { measureWire } from './measure-wire.ts';
import { ProgramVolume } from './program-volume.ts';
import { figuresOf } from './report-images.ts';

// `npm run bench:images`: what backups of a volume ask of AWS, and cost, for each TiB.

/** Blocks of two volumes: what a run takes whatever its size is in both, and what grows is their difference. */
const sizes = [4_096, 8_192] as const;
/** Runs one after the other, by the share of the blocks that changed since the one before. */
const runs = [
  { type: 'full', share: 1 },
  { type: 'incremental', share: 0.1 },
  { type: 'incremental', share: 0.01 },
  { type: 'full', share: 0.01 },
] as const;

async function costsOf(blocks: number): Promise<RunCost[]> {
  const volume = new ProgramVolume(blocks, 'run 0');
  const vault = new CountedVault();
  const costs: RunCost[] = [];
  for (const [at, { type, share }] of runs.entries()) {
    if (at > 0) volume.change(`run ${at - 1}`, `run ${at}`, share);
    costs.push(await vault.backUp(type, volume, `run ${at}`));
    console.error(`${blocks} blocks: ${type}, ${share * 100} % changed`);
  }
  return costs;
}

const wire = await measureWire(new ProgramVolume(1_024, 'run 0'), 'run 0');
console.error('a worker has read blocks over the wire');
const [small, large] = [await costsOf(sizes[0]), await costsOf(sizes[1])];
const figures = figuresOf(runs, sizes, { small, large, wire });
console.log(figures);
putFigures('images.md', { begin: '<!-- figures -->', end: '<!-- end of figures -->' }, figures);
