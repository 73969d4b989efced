import type { ResourceArn, RunId } from '../../src/ids.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { Scenario } from './explorer.ts';
import type { Program } from './live-actor.ts';
import { expireOnce, sweepOnce } from './maintainers.ts';
import { runAlone } from './run-alone.ts';
import { makeScenario } from './scenarios.ts';
import { dayAfter, keepDays, makeSmallVault } from './small-vault.ts';
import { modelPolicy } from './thin-writer.ts';
import { WalkedVolume } from './walked-volume.ts';

/**
 * A whole run of a volume, as the product does it, beside maintenance. Its base is due when the clock jumps; what it takes
 * over from that is needed for some days more.
 */
export async function makeVolumeRun(change: Partial<Scenario>): Promise<Scenario> {
  const vault = await makeSmallVault();
  const volume = new WalkedVolume('arn:aws:ec2:eu-central-1:111122223333:volume/vol-1' as ResourceArn);
  const run = { plan: 'model', leasePolicy: modelPolicy };
  volume.write(0, 1);
  volume.write(1, 2);
  const [firstRun, nextRun] = ['04'.repeat(16), '05'.repeat(16)] as [RunId, RunId];
  const first = volume.backUp({ ...run, runId: firstRun, type: 'full', keepDays, takenAt: dayAfter(1) });
  const world = await runAlone(vault.world, { name: 'first run', program: first.program }, vault);
  const point = world.ports.catalog.rows().find((row) => 'rootName' in row && row.runId === firstRun);
  volume.write(1, 3);
  const next = volume.backUp({
    ...run,
    runId: nextRun,
    type: 'incremental',
    keepDays: 14,
    takenAt: dayAfter(2),
  });
  return makeScenario(
    () => ({
      actors: [
        { name: 'run', program: next.program },
        { name: 'maintainer', program: expireThenSweep },
      ],
      times: [dayAfter(13)],
      ...change,
    }),
    { ...vault, world: world.at(dayAfter(2)), point: point as PointRow },
  );
}

const expireThenSweep: Program = async (services, keys) => {
  await expireOnce(services, keys);
  return sweepOnce(services, keys);
};
