/** The command line as a library: for tests, and for programs that run its commands in their own process. */
export { runCli, type CliIo } from './run-cli.ts';
export { connectAws } from './connect-aws.ts';
export { connectStorage } from './connect-storage.ts';
export type { Connect, Connection, ConnectOptions, Deployment } from './connection.ts';
export type { Executions, ExecutionState, ListedExecution, Machine } from './executions.ts';
export { exitCodes, type ExitCode } from './exit-codes.ts';
