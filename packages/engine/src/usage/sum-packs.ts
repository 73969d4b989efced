import type { Packs } from '../ports/catalog/packs.ts';
import { priceStored } from '../quote/price-retention.ts';
import type { OwnedPack, PackOwners } from './pack-owners.ts';

/** Ids that a catalog takes in one call. */
const packsACall = 1000;

/** Bytes in the vault, and dollars a month. */
export interface UsageAmounts {
  /** Bytes of packs that nobody else needs: they go when this goes. */
  readonly ownBytes: number;
  /** Bytes of packs that others need, too. */
  readonly sharedBytes: number;
  /** Own bytes, and an equal part of each shared pack: over all together, what is stored. */
  readonly partBytes: number;
  /** A month, for `partBytes`. */
  readonly dollars: number;
}

export const emptyAmounts: UsageAmounts = { ownBytes: 0, sharedBytes: 0, partBytes: 0, dollars: 0 };

interface PackSums {
  readonly ofOwners: readonly UsageAmounts[];
  readonly ofGroups: readonly UsageAmounts[];
  /** Packs without a row, or whose bytes are not known. */
  readonly unknown: number;
}

/**
 * Adds up the packs of owners, and of groups of them; a pack that several owners of one group need is that group's own.
 * @param groupOf - the group of each owner.
 */
export async function sumPacks(
  catalog: Pick<Packs, 'findAll'>,
  owned: PackOwners,
  groupOf: readonly number[],
): Promise<PackSums> {
  const ofOwners: UsageAmounts[] = [];
  const ofGroups: UsageAmounts[] = [];
  let unknown = 0;
  const ids = [...owned.packs.keys()];
  for (let at = 0; at < ids.length; at += packsACall) {
    const batch = ids.slice(at, at + packsACall);
    const rows = await catalog.findAll(batch);
    for (const packId of batch) {
      const pack = owned.packs.get(packId);
      const bytes = rows.get(packId)?.bytes;
      if (pack === undefined) continue;
      if (bytes === undefined) unknown += 1;
      else addPack(pack, bytes / owned.share, groupOf, ofOwners, ofGroups);
    }
  }
  return { ofOwners, ofGroups, unknown: unknown / owned.share };
}

function addPack(
  { owners, archiveClass }: OwnedPack,
  bytes: number,
  groupOf: readonly number[],
  ofOwners: UsageAmounts[],
  ofGroups: UsageAmounts[],
): void {
  const part = { bytes: bytes / owners.length, dollars: priceStored(bytes, archiveClass) / owners.length };
  const groups = owners.map((owner) => groupOf[owner] ?? -1);
  const isOfOneGroup = groups.every((group) => group === groups[0]);
  for (const owner of owners) addTo(ofOwners, owner, bytes, owners.length === 1, part);
  for (const group of new Set(groups)) {
    const members = groups.filter((one) => one === group).length;
    const ofMembers = { bytes: part.bytes * members, dollars: part.dollars * members };
    addTo(ofGroups, group, bytes, isOfOneGroup, ofMembers);
  }
}

function addTo(
  all: UsageAmounts[],
  at: number,
  bytes: number,
  isOwn: boolean,
  part: { readonly bytes: number; readonly dollars: number },
): void {
  const { ownBytes, sharedBytes, partBytes, dollars } = all[at] ?? emptyAmounts;
  all[at] = {
    ownBytes: ownBytes + (isOwn ? bytes : 0),
    sharedBytes: sharedBytes + (isOwn ? 0 : bytes),
    partBytes: partBytes + part.bytes,
    dollars: dollars + part.dollars,
  };
}
