// npm run simulate [-- --years=3 --files=1000 --kib=128]
// Daily points of files, and of a volume, of which 1 % changes every day, kept for 35 days, made, expired and swept by the engine:
// what the vault holds over what the points need, with and without rule 5 of docs/leases.md, and what leases cost.
import { parseArgs } from 'node:util';
import { leaseCosts } from './lease-costs.ts';
import { mean, quartersOf } from './quarters.ts';
import { VaultSimulation } from './vault-simulation.ts';

const { values } = parseArgs({
  options: {
    years: { type: 'string', default: '3' },
    files: { type: 'string', default: '1000' },
    kib: { type: 'string', default: '128' },
  },
});
const years = Number(values.years);
const quartersPerYear = 4;
const quarterDays = 91;

for (const [title, copyBelow, isVolume] of [
  ['with rule 5: what is used of mostly dead packs is copied', 0.5, false],
  ['of the blocks of a volume, with rule 5', 0.5, true],
  ['without it', 0, false],
] as const) {
  console.log(`\n${title}\n quarter   packs    most   pages   all`);
  const simulation = new VaultSimulation({
    files: Number(values.files),
    fileBytes: Number(values.kib) * 1024,
    churn: 0.01,
    keepDays: 35,
    policy: { copyBelow },
    isVolume,
  });
  const packCounts: number[] = [];
  for await (const quarter of quartersOf(simulation, years * quartersPerYear)) {
    const { packs, mostPacks, pages, stored, meanPackCount } = quarter;
    const numbers = [packs, mostPacks, pages, stored].map((share) => share.toFixed(3).padStart(7));
    console.log(`${String(quarter.quarter).padStart(8)} ${numbers.join(' ')}`);
    packCounts.push(meanPackCount);
    if (quarter.quarter % quartersPerYear !== 0) continue;
    const { requestsPerPackAndGeneration, perTiBMonth } = leaseCosts(
      simulation.calls,
      mean(packCounts.splice(0)),
      quartersPerYear * quarterDays,
    );
    console.log(
      `    year: ${requestsPerPackAndGeneration.toFixed(2)} PutObjectRetention a pack and generation, ` +
        `leases cost $${perTiBMonth.toFixed(3)} per TiB and month`,
    );
    simulation.calls.reset();
  }
  console.log(
    `    entries of the oldest and the newest point restored wrongly: ${await simulation.countWrong()}`,
  );
}
