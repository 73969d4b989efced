import type { RetentionClass } from './retention-class.ts';

/** The state machines, by their names. */
export type MachineName = 'cycle' | 'protect' | 'restore' | 'hold' | 'maintenance' | 'check';

/**
 * The numbers that keep points restorable, and runs from being given up or from waiting for ever. Each says what breaks
 * when it is smaller. None is a setting: they lean on each other, and on limits of AWS.
 */
export interface SafetyNumbers {
  // Leases: docs/leases.md

  /** To the end of a generation locks are rounded up. Smaller: every lock is moved more often, at the price of a request each. */
  readonly generationDays: Readonly<Record<RetentionClass, number>>;
  /** What a run may take from its start until its commit. Smaller: more runs have to lease everything anew at their end. */
  readonly runSlackHours: number;
  /** Share of a pack: of one of which less is used, the rest is copied. Smaller: dead bytes are kept and paid for. */
  readonly copyBelowShare: number;
  /** Keys are locked for longer than the last pack. Smaller: daily runs move the locks of keys every day. */
  readonly keysAheadDays: number;
  /** A synthetic full's base stays readable for so long. Smaller: packs are swept under the run that reads them. */
  readonly baseReadingDays: number;
  /**
   * A container is locked for so long until its commit. Smaller: a sweeper may take it from a run that is at work. Longer
   * than `unfinishedUploadDays`, after which there is nothing to take.
   */
  readonly containerUploadDays: number;
  /** S3 gives an unfinished upload up after so long. Smaller: one that is at work is cut off. */
  readonly unfinishedUploadDays: number;
  /** After its end a lease is left alone for so long. Smaller than a clock is wrong: what a run leases now is swept. */
  readonly sweepGraceHours: number;
  /** Where only a legal hold of the store stands in the way. Smaller: it is asked in vain more often. */
  readonly sweepAgainHours: number;
  /**
   * So long before its expiry, at most and at least, a point that is kept on is prolonged. Smaller than the least, which
   * is a day of maintenance and some hours: it expires before maintenance comes again.
   */
  readonly renewalMarginDays: { readonly most: number; readonly least: number };
  /** A held point whose lock ends sooner is prolonged. Smaller: maintenance that fails for so long loses held points. */
  readonly heldLeastDays: number;
  /** It is then locked for so long, and up to the stagger longer. Smaller: its packs are looked at on more days. */
  readonly heldLockDays: number;
  /** Smaller: a large hold is renewed on one day. */
  readonly heldStaggerDays: number;
  /** The store keeps entries of the audit log for so long. Smaller: who covers something up has to wait less. */
  readonly auditKeepDays: number;

  // What the vault's policy lets anybody lock

  /** Beyond the retention, for a run's slack. Smaller: the policy refuses the locks of a run that takes long, and it fails. */
  readonly capSlackDays: number;
  /** For clocks, for how S3 rounds days, and for keys. Smaller: the policy refuses locks that the product needs. */
  readonly capMarginDays: number;

  // Signs of life

  /** A run counts as alive for so long after a sign of life. Smaller than a call takes: another run takes its resource over. */
  readonly runAliveMinutes: number;
  /** How often a long listing gives one. */
  readonly runTouchMinutes: number;
  /** How often a worker looks for whether its run goes on. Smaller: more writes to the catalog. Larger: it stops late. */
  readonly runLookSeconds: number;
  /** Outer nets; see below what each holds. Smaller: what still makes progress is ended. Less than `workObjectDays`. */
  readonly longestExecutionHours: Readonly<Record<MachineName, number>>;
  /** A cycle waits for a run for so long. Smaller than a run may take: it is reported before it has ended. */
  readonly cycleWaitDays: number;
  /** Objects of the work bucket. Smaller than an execution: it loses its lists and results while it is at work. */
  readonly workObjectDays: number;
  /** What ended in this time is looked at again. Smaller than a missed daily call: a run stays open that nobody closes. */
  readonly closeLookBackHours: number;
  /** Smaller than a day and some: alarms for maintenance that is only late. */
  readonly maintenanceWithinHours: number;

  // What others need time for

  /** A time stamp of a source may stand still for so long while content changes. Smaller: a change is taken for read. */
  readonly sourceSettleMs: number;
  /** EC2's reads lag behind its writes. Smaller: snapshots are taken twice, volumes count as gone. */
  readonly ec2VisibleMinutes: number;
  /** For a first snapshot of the largest volume. Smaller: one that would have been complete is given up. */
  readonly snapshotDays: number;
  /** For a volume out of a snapshot. Smaller: the same. */
  readonly volumeHours: number;
  /** Snapshots without a point stay for so long. Smaller: nobody can look at what a failed run left. Those of an open run stay. */
  readonly strayStaysDays: number;
  /** Points younger than this are not asked for their snapshots. Smaller: one counts as lacking what is only not listed. */
  readonly pointSettleHours: number;
  /** The longest pause between two looks. Larger than a run counts as alive: it is given up while it waits. */
  readonly longestLookSeconds: number;
  /** A thaw is waited for so many times as long as it may take. Smaller: a restore fails that only takes long. */
  readonly thawPatience: number;
}

export const safety: SafetyNumbers = {
  generationDays: { short: 7, standard: 30, long: 30 },
  runSlackHours: 12,
  copyBelowShare: 0.5,
  keysAheadDays: 2,
  baseReadingDays: 14,
  containerUploadDays: 10,
  unfinishedUploadDays: 7,
  sweepGraceHours: 24,
  sweepAgainHours: 24,
  renewalMarginDays: { most: 30, least: 1.25 },
  heldLeastDays: 15,
  heldLockDays: 30,
  heldStaggerDays: 7,
  auditKeepDays: 400,

  capSlackDays: 3,
  capMarginDays: 2,

  runAliveMinutes: 30,
  runTouchMinutes: 5,
  runLookSeconds: 20,
  longestExecutionHours: {
    // Between a cycle's wait for a run, and the largest first backup.
    protect: 9 * 24,
    cycle: 12 * 24,
    // Two days of thawing, and as long as a backup of the same bytes.
    restore: 12 * 24,
    hold: 2 * 24,
    maintenance: 2 * 24,
    // Until the next one begins.
    check: 24,
  },
  cycleWaitDays: 10,
  workObjectDays: 14,
  closeLookBackHours: 72,
  maintenanceWithinHours: 48,

  sourceSettleMs: 3_000,
  // To look for some minutes: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
  ec2VisibleMinutes: 5,
  snapshotDays: 8,
  volumeHours: 24,
  strayStaysDays: 7,
  pointSettleHours: 1,
  longestLookSeconds: 600,
  thawPatience: 2,
};
