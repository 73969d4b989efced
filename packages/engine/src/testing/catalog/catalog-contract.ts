import { describe } from 'vitest';
import type { MakeCatalog } from './catalog-under-test.ts';
import { holdsContract } from './holds-contract.ts';
import { packsContract } from './packs-contract.ts';
import { packsMarksContract } from './packs-marks-contract.ts';
import { packsSweepContract } from './packs-sweep-contract.ts';
import { pointsContract } from './points-contract.ts';
import { pointsExpiryContract } from './points-expiry-contract.ts';
import { progressContract } from './progress-contract.ts';
import { resourcesContract } from './resources-contract.ts';
import { restoresContract } from './restores-contract.ts';
import { runsContract } from './runs-contract.ts';

export interface CatalogContractOptions {
  readonly name: string;
  readonly make: MakeCatalog;
}

/**
 * Every sentence of the catalog's ports, as tests. Lists across resources may lag behind a write for a moment,
 * so the suite asks them again for up to ten seconds; single rows and the points of a resource may not.
 */
export function catalogContract({ name, make }: CatalogContractOptions): void {
  describe(`${name} as a catalog`, () => {
    resourcesContract(make);
    runsContract(make);
    pointsContract(make);
    pointsExpiryContract(make);
    packsContract(make);
    packsSweepContract(make);
    packsMarksContract(make);
    holdsContract(make);
    restoresContract(make);
    progressContract(make);
  });
}
