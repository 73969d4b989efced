/** Plans of the end-to-end deployment, by the test file that uses them. */
export const testPlans = {
  main: 'main',
  sources: 'sources',
  workers: 'workers',
  inputs: 'inputs',
  alarms: 'alarms',
  commands: 'commands',
  minutely: 'minutely',
} as const;

/** Buckets that the end-to-end deployment may read from, and restore into. Each belongs to one test file. */
export const testBuckets = {
  sources: {
    main: 'holdfast-e2e-main',
    empty: 'holdfast-e2e-empty',
    denied: 'holdfast-e2e-denied',
    partly: 'holdfast-e2e-partly',
    vanishing: 'holdfast-e2e-vanishing',
    deaths: 'holdfast-e2e-deaths',
    drops: 'holdfast-e2e-drops',
    throttles: 'holdfast-e2e-throttles',
    twice: 'holdfast-e2e-twice',
    inputs: 'holdfast-e2e-inputs',
    alarms: 'holdfast-e2e-alarms',
    commands: 'holdfast-e2e-commands',
    minutely: 'holdfast-e2e-minutely',
  },
  restored: 'holdfast-e2e-restored',
  /** Allowed as a restore target, and never made. */
  missing: 'holdfast-e2e-missing',
  /** Made, and not allowed as a restore target. */
  unlisted: 'holdfast-e2e-unlisted',
} as const;
