import type { RetentionClass } from './retention-class.ts';

export type MachineName = 'cycle' | 'protect' | 'restore' | 'hold' | 'maintenance' | 'check';

/**
 * The numbers that keep points restorable, and runs from being given up or from waiting for ever. Each says what breaks
 * when it is smaller. None is a setting: they lean on each other, and on limits of AWS.
 */
export interface SafetyNumbers {
  // Leases: docs/leases.md

  /** Locks are rounded up to the end of a generation. Smaller: every lock is moved more often, at the price of a request each. */
  readonly generationDays: Readonly<Record<RetentionClass, number>>;
  /** Time from a run's start until its commit. Smaller: more runs have to lease everything anew at their end. */
  readonly runSlackHours: number;
  /** Used share of a pack, below which what is used is copied. Smaller: dead bytes are kept and paid for. */
  readonly copyBelowShare: number;
  /** Time by which locks of keys outlast the last pack's. Smaller: daily runs move the locks of keys every day. */
  readonly keysAheadDays: number;
  /** Time for which a synthetic full's base stays readable. Smaller: packs are swept under the run that reads them. */
  readonly baseReadingDays: number;
  /**
   * Time for which a container is locked until its commit. Smaller: a sweeper may take it from a run that is at work.
   * It is longer than `unfinishedUploadDays`, after which there is nothing to take.
   */
  readonly containerUploadDays: number;
  /** Time after which S3 gives an unfinished upload up. Smaller: one that is at work is cut off. */
  readonly unfinishedUploadDays: number;
  /** Time for which a lease is left alone after its end. Smaller than a clock's error: what a run leases now is swept. */
  readonly sweepGraceHours: number;
  /** Pause where only a legal hold of the store stands in the way of a sweep. Smaller: it is asked in vain more often. */
  readonly sweepAgainHours: number;
  /**
   * Time before its expiry, at most and at least, at which a point that is kept on is prolonged. Smaller than the
   * least, which is a day of maintenance and some hours: it expires before maintenance comes again.
   */
  readonly renewalMarginDays: { readonly most: number; readonly least: number };
  /** A held point whose lock ends sooner is prolonged. Smaller: maintenance that fails for so long loses held points. */
  readonly heldLeastDays: number;
  /** The lock that it then gets, up to the stagger longer. Smaller: its packs are looked at on more days. */
  readonly heldLockDays: number;
  /** Spread of those locks. Smaller: a large hold is renewed on one day. */
  readonly heldStaggerDays: number;
  /** Time for which the store keeps entries of the audit log. Smaller: who covers something up has to wait less. */
  readonly auditKeepDays: number;

  // Limits of the vault's policy on locks

  /** Added to the retention for a run's slack. Smaller: the policy refuses the locks of a run that takes long, and it fails. */
  readonly capSlackDays: number;
  /** Added for clocks, for how S3 rounds days, and for keys. Smaller: the policy refuses locks that the product needs. */
  readonly capMarginDays: number;

  // Signs of life

  /**
   * Time for which a run counts as alive after a sign of life. Smaller than a call takes: another run takes its
   * resource over.
   */
  readonly runAliveMinutes: number;
  /** Interval at which a long listing gives a sign of life. */
  readonly runTouchMinutes: number;
  /** Interval at which a worker checks that its run goes on. Smaller: more writes to the catalog. Larger: it stops late. */
  readonly runLookSeconds: number;
  /**
   * Least time between two reports of a worker on how far it is. Smaller: more writes to the catalog; at this, 1,000
   * workers make 100 a second, some 20 cents an hour. Larger: people see old numbers.
   */
  readonly progressSeconds: number;
  /** Time for which reports stay. Smaller than an execution: what its first workers did vanishes while it is at work. */
  readonly progressDays: number;
  /** Outer nets; see below what each holds. Smaller: what still makes progress is ended. They are less than `workObjectDays`. */
  readonly longestExecutionHours: Readonly<Record<MachineName, number>>;
  /** Time for which a cycle waits for a run. Smaller than a run may take: it is reported before it has ended. */
  readonly cycleWaitDays: number;
  /**
   * Time for which objects of the work bucket stay. Smaller than an execution: it loses its lists and results while
   * it is at work.
   */
  readonly workObjectDays: number;
  /** Time for which what ended is looked at again. Smaller than a missed daily call: a run stays open that nobody closes. */
  readonly closeLookBackHours: number;
  /** Time after which an alarm asks for maintenance. Smaller than a day and some: alarms for maintenance that is only late. */
  readonly maintenanceWithinHours: number;

  // Time that others need

  /** Time for which a source's time stamp may stand still while content changes. Smaller: a change is taken for read. */
  readonly sourceSettleMs: number;
  /** Time by which EC2's reads lag behind its writes. Smaller: snapshots are taken twice, volumes count as gone. */
  readonly ec2VisibleMinutes: number;
  /** Time for a first snapshot of the largest volume. Smaller: one that would have been complete is given up. */
  readonly snapshotDays: number;
  /** Time for a volume out of a snapshot. Smaller: one that would have been complete is given up. */
  readonly volumeHours: number;
  /** Time for an AMI, and for an instance to run or to stop. Smaller: one that would have come is given up. */
  readonly launchHours: number;
  /**
   * Time for which snapshots without a point stay; those of an open run stay anyway. Smaller: nobody can look at what
   * a failed run left.
   */
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
  progressSeconds: 10,
  progressDays: 14,
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
  launchHours: 6,
  strayStaysDays: 7,
  pointSettleHours: 1,
  longestLookSeconds: 600,
  thawPatience: 2,
};
