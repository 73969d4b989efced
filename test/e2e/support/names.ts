/** Plans of the end-to-end deployment, by the test file that uses them. */
export const testPlans = {
  main: 'main',
  sources: 'sources',
  workers: 'workers',
  twice: 'twice',
  inputs: 'inputs',
  alarms: 'alarms',
  commands: 'commands',
  minutely: 'minutely',
  maintenance: 'maintenance',
  glacier: 'glacier',
  deepArchive: 'deep-archive',
  fleet: 'fleet',
  documents: 'documents',
  blocks: 'blocks',
  snapshots: 'snapshots',
  machines: 'machines',
} as const;

/** Buckets that the end-to-end deployment may read from, and restore into. Each belongs to one test file. */
export const testBuckets = {
  sources: {
    main: 'holdfast-e2e-main',
    empty: 'holdfast-e2e-empty',
    denied: 'holdfast-e2e-denied',
    gone: 'holdfast-e2e-gone',
    partly: 'holdfast-e2e-partly',
    sealed: 'holdfast-e2e-sealed',
    workers: 'holdfast-e2e-workers',
    twice: 'holdfast-e2e-twice',
    inputs: 'holdfast-e2e-inputs',
    vanished: 'holdfast-e2e-vanished',
    alarms: 'holdfast-e2e-alarms',
    commands: 'holdfast-e2e-commands',
    minutely: 'holdfast-e2e-minutely',
    maintenance: 'holdfast-e2e-maintenance',
    glacier: 'holdfast-e2e-glacier',
    deepArchive: 'holdfast-e2e-deep-archive',
    fleet: 'holdfast-e2e-fleet',
    documents: 'holdfast-e2e-documents',
  },
  restored: 'holdfast-e2e-restored',
  /** Allowed as a restore target, and never made. */
  missing: 'holdfast-e2e-missing',
  /** Tagged with a plan that is not deployed. */
  unknownPlan: 'holdfast-e2e-unknown-plan',
  /** Tagged with `Holdfast:Plan`. */
  wrongCase: 'holdfast-e2e-wrong-case',
  /** Made, and not allowed as a restore target. */
  unlisted: 'holdfast-e2e-unlisted',
} as const;
