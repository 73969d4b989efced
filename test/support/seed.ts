import { configureGlobal } from 'fast-check';

// Properties draw their values from the seed that the order of tests comes from: one number repeats a run.
configureGlobal({ seed: Number(process.env['HOLDFAST_TEST_SEED']) });
