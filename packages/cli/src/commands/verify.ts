import {
  BackupError,
  type Catalog,
  type Clock,
  isKept,
  openVault,
  PointReader,
  type PointRow,
  type ReportProgress,
  type ResourceArn,
  VaultMissingError,
  verifyHistory,
  verifyImages,
  verifyPoints,
  verifyVaultFiles,
  type VolumeStretch,
} from '@holdfast/engine';
import { checkPointImage } from '@holdfast/image-files';
import { readingCharge } from '../names/archived-point.ts';
import { defineCommand } from '../terminal/command.ts';
import { UsageError } from '../terminal/errors.ts';
import { exitCodes } from '../terminal/exit-codes.ts';
import { isImage } from '../names/open-point.ts';
import { resolveResourceArn } from '../names/resolve.ts';
import { resolvePointOrResource } from '../names/resolve-point.ts';
import { VerifyAnswer, VerifyReport } from '../terminal/verify-report.ts';

export const verifyCommand = defineCommand({
  name: 'verify',
  summary:
    'Read all of a recovery point as a restore would, and name the files or volumes that cannot be restored; of an image in EBS alone, its snapshots.',
  answers: { verified: VerifyAnswer },
  declare: (command) =>
    command
      .argument('[point|resource...]')
      .option(
        '--all',
        'every point of the resources, or of the vault, that is still kept; what points share is read once',
      )
      .option('--filesystem', 'check the file systems of images, too, and name the files on damaged blocks')
      .option('--mark-damaged', 'have the next backups store anew what damaged packs hold'),
  async run(
    { connect, out, progress, clock, signal, warn },
    { all = false, filesystem = false, markDamaged = false },
    names,
  ) {
    if (!all && names.length === 0)
      throw new UsageError('name a point or a resource, or write "holdfast verify --all"');
    const { services, snapshots, openSnapshots } = await connect();
    const { store, keyring, catalog } = services;
    const now = clock.now();
    const listed = all ? await listAll(catalog, names) : await resolveAll(catalog, names, now);
    const passedOver = new Map<PointRow, string>();
    for (const point of all ? listed : []) {
      if (!isKept(point, now))
        passedOver.set(point, 'its retention has ended, and what it needs may be gone');
    }
    const points = listed.filter((point) => !passedOver.has(point));
    const [images, withFiles] = [points.filter(isImage), points.filter((point) => !isImage(point))];
    const resources = new Set(
      listed.filter((point) => !all || isKept(point, now)).map(({ resourceArn }) => resourceArn),
    );
    const charge = readingCharge(points);
    if (charge !== undefined) warn(charge);
    const report = new VerifyReport(out, points);
    const onProgress: ReportProgress = (event) => {
      progress.report(event);
      report.progress(event);
    };
    try {
      // First: it says more of a vault that cannot be opened than the attempt to open it.
      await report.vaultFiles(await verifyVaultFiles({ store, keyring }));
      const keys = await openVault({ store, keyring });
      for (const arn of resources)
        await report.history(arn, await verifyHistory({ store, keys, catalog }, arn, signal));
      const kept = (some: readonly PointRow[]) =>
        all ? stillKept(some, passedOver, clock) : some.map(withRoot);
      const read = async (some: readonly PointRow[]): Promise<void> => {
        const marking = markDamaged ? catalog : undefined;
        const options = { onProgress, signal, catalog: marking };
        for await (const verification of verifyPoints({ store, keys }, kept(some), options)) {
          await report.point(verification);
          if (filesystem && 'outcome' in verification && isImage(verification.point))
            await checkFileSystems(verification.point, verification.outcome.lostStretches);
        }
      };
      const checkFileSystems = async (point: PointRow, lost: readonly VolumeStretch[]): Promise<void> => {
        const { resourceArn, pointId, rootVersionId } = point;
        const reader = await PointReader.open(store, keys, resourceArn, pointId, rootVersionId);
        const options = { openSnapshots, onProgress: progress.report, signal };
        await report.fileSystems(point, await checkPointImage(reader, lost, options));
      };
      await read(withFiles);
      const inVault: PointRow[] = [];
      for await (const verification of verifyImages({ store, keys, snapshots }, kept(images), signal)) {
        if ('isInVault' in verification) {
          inVault.push(verification.point);
          continue;
        }
        const isThere = 'losses' in verification && verification.losses.length === 0;
        const areWalked = filesystem && isThere && openSnapshots !== undefined;
        await report.image(verification, areWalked);
        if (areWalked) await checkFileSystems(verification.point, []);
      }
      await read(inVault);
      for (const [point, reason] of passedOver) await report.passedOver(point, reason);
    } catch (error) {
      if (!(error instanceof BackupError) || error instanceof VaultMissingError) throw error;
      // Findings so far stay true; about the rest nothing is known.
      const stopped = report.stopped(error);
      await report.finish(markDamaged, stopped);
      if (!report.isDamaged) throw stopped;
      warn(stopped.message);
      return exitCodes.damaged;
    }
    await report.finish(markDamaged);
    if (report.isDamaged) return exitCodes.damaged;
    if (report.refused > 0 || report.isUnsound) return exitCodes.failed;
    // Among all points, archived ones are not expected to be thawed; a point that was named is.
    return report.notVerified > 0 && !all ? exitCodes.failed : exitCodes.ok;
  },
});

async function resolveAll(catalog: Catalog, names: readonly string[], now: Date): Promise<PointRow[]> {
  const points: PointRow[] = [];
  for (const name of names) {
    points.push(await resolvePointOrResource(catalog, name, now));
  }
  return points;
}

/** All points, oldest first within a resource: what came later shares most of it. */
async function listAll(catalog: Catalog, names: readonly string[]): Promise<PointRow[]> {
  const wanted = new Set<ResourceArn>();
  for (const name of names) wanted.add(await resolveResourceArn(catalog, name));
  const points: PointRow[] = [];
  for await (const point of catalog.points.listExpiring({})) {
    if (wanted.size === 0 || wanted.has(point.resourceArn)) points.push(point);
  }
  return points.sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

/** Ids of a resource's points sort by time, so this orders by resource, then time. */
function orderOf({ resourceArn, pointId }: PointRow): string {
  return `${resourceArn} ${pointId}`;
}

/** Leaves out points that expire before their turn comes: they may be gone. */
function* stillKept(
  points: readonly PointRow[],
  passedOver: Map<PointRow, string>,
  clock: Clock,
): Generator<ReturnType<typeof withRoot>> {
  for (const point of points) {
    if (isKept(point, clock.now())) yield withRoot(point);
    else passedOver.set(point, 'its retention ended before its turn came');
  }
}

function withRoot(point: PointRow): PointRow & { readonly versionId: string } {
  return { ...point, versionId: point.rootVersionId };
}
