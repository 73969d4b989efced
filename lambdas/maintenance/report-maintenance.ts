import type { MaintenanceReport } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { caughtError, errorRecordOfCaught } from '../runtime/event-fields.ts';
import { partOf } from './maintenance-fields.ts';
import { metric } from '../runtime/metrics.ts';
import { MaintenanceFailedError } from './maintenance-failed-error.ts';
import { maintenanceSteps } from './steps.ts';

/** Absent where a partition failed. */
const count = z.int().nonnegative().default(0);
const part = <Name extends Parameters<typeof partOf>[0]>(name: Name) => z.object(partOf(name, count));
const absentIfFailed = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);

/** The whole state of an execution; a step that failed left only its error. */
const ReportInput = z.object({
  errors: z.record(z.string(), caughtError),
  reconciled: absentIfFailed(z.object({ state: part('reconciled') })),
  holds: absentIfFailed(z.object({ state: part('holds') })),
  containers: absentIfFailed(z.array(part('containers'))),
  renewed: absentIfFailed(z.array(part('renewed'))),
  expired: absentIfFailed(z.object({ skipped: z.boolean(), state: part('expired') })),
  swept: absentIfFailed(z.array(part('swept'))),
  snapshots: absentIfFailed(z.object({ state: part('snapshots') })),
  verified: absentIfFailed(z.array(part('verified'))),
});
type ReportInput = z.output<typeof ReportInput>;

/**
 * Adds up a day's maintenance and publishes it. Ends with {@link MaintenanceFailedError} when a step failed, an item
 * could not be worked off, or damage was found: all else has been done by then.
 */
export const reportMaintenanceStep = defineStep(
  maintenanceSteps,
  'report-maintenance',
  ReportInput,
  async (services, input, { count: tell }): Promise<MaintenanceReport> => {
    const report = add(input);
    const failed = failuresOf(input);
    tell([
      metric('PointsExpired', report.pointsExpired),
      metric('PacksSwept', report.packsSwept),
      metric('BytesSwept', report.bytesSwept),
      metric('LeasesRenewed', report.packsRenewed),
      metric('PointsMissing', report.pointsMissing),
      metric('PacksDamaged', report.packsDamaged + report.pointsUnreadable),
      metric('BytesVerified', report.bytesVerified),
      metric('PointsWithoutSnapshots', report.pointsWithoutSnapshots),
      metric('MaintenanceFailures', failed.length > 0 ? 1 : 0),
    ]);
    services.log.info('maintenance ended', { ...report });
    if (failed.length > 0) throw new MaintenanceFailedError(failed);
    const { pointsMissing, packsDamaged, pointsUnreadable, pointsWithoutSnapshots } = report;
    if (pointsMissing + packsDamaged + pointsUnreadable + pointsWithoutSnapshots > 0) {
      throw new MaintenanceFailedError([
        ...(pointsWithoutSnapshots > 0
          ? [`${pointsWithoutSnapshots} points of images have lost EBS snapshots`]
          : []),
        ...(pointsMissing > 0 ? [`${pointsMissing} points are not in the vault any more`] : []),
        ...(pointsUnreadable > 0
          ? [`${pointsUnreadable} points cannot be prolonged, their pages are damaged`]
          : []),
        ...(packsDamaged > 0 ? [`${packsDamaged} packs or roots are damaged`] : []),
      ]);
    }
    return report;
  },
);

function failuresOf(input: ReportInput): string[] {
  const { errors, expired } = input;
  const steps = Object.entries(errors).map(([step, error]) => {
    const { name, message } = errorRecordOfCaught(error);
    return `${step}: ${name}: ${message}`;
  });
  const items = partsOf(input).flatMap(({ failures }) => failures.messages);
  const skipped =
    expired?.skipped === true
      ? ['no point and no pack was removed, because some points could not be held or renewed']
      : [];
  return [...steps, ...items, ...skipped];
}

/** All parts of the work whose items may have failed one by one. */
function partsOf(input: ReportInput) {
  const { reconciled, holds, renewed, containers, expired, swept, snapshots, verified } = input;
  return [
    ...[reconciled, holds, expired, snapshots].flatMap((step) => (step === undefined ? [] : [step.state])),
    ...(renewed ?? []),
    ...(containers ?? []),
    ...(swept ?? []),

    ...(verified ?? []),
  ];
}

function add(input: ReportInput): MaintenanceReport {
  const { reconciled, holds, containers, renewed, expired, swept, snapshots, verified } = input;
  return {
    roots: reconciled?.state.roots ?? 0,
    pointsRecovered: reconciled?.state.recovered ?? 0,
    pointsMissing: reconciled?.state.missing ?? 0,
    pointsRenewed: sum(renewed, (one) => one.renewed),
    packsRenewed: sum(renewed, (one) => one.packs),
    holds: holds?.state.holds ?? 0,
    containersStarted: sum(containers, (one) => one.started),
    pointsToConsolidate: sum(containers, (one) => one.waiting),
    pointsTooLarge: sum(containers, (one) => one.tooLarge),
    pointsWithoutPlan: sum(renewed, (one) => one.withoutPlan),
    pointsTooLate: sum(renewed, (one) => one.tooLate),
    packsLost: sum(renewed, (one) => one.lostPacks),
    pointsExpired: expired?.state.expired ?? 0,
    pointsInUse: expired?.state.inUse ?? 0,
    snapshotsRemoved: (expired?.state.snapshots ?? 0) + (snapshots?.state.removed ?? 0),
    snapshotsInUse: snapshots?.state.inUse ?? 0,
    pointsWithoutSnapshots: snapshots?.state.pointsLacking ?? 0,
    packsSwept: sum(swept, (one) => one.swept),
    bytesSwept: sum(swept, (one) => one.bytes),
    packsVerified: sum(verified, (one) => one.packs),
    bytesVerified: sum(verified, (one) => one.bytes),
    packsPassedOver: sum(verified, (one) => one.passedOver),
    packsDamaged: sum(verified, (one) => one.damaged),
    pointsUnreadable: sum(renewed, (one) => one.unreadable),
    failures: sum(partsOf(input), (one) => one.failures.count),
  };
}

function sum<Part>(parts: readonly Part[] | undefined, of: (part: Part) => number): number {
  return (parts ?? []).reduce((total, one) => total + of(one), 0);
}
