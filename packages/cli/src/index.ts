/** The command line as a library: for tests, and for programs that run its commands in their own process. */
export { runCli, type CliIo } from './run-cli.ts';
export { connectAws } from './deployment/connect-aws.ts';
export { connectStorage } from './deployment/connect-aws.ts';
export type {
  Connect,
  Connection,
  ConnectOptions,
  ConnectedDeployment,
  InventoryPart,
} from './deployment/connection.ts';
export type {
  Executions,
  ExecutionState,
  ListedExecution,
  Machine,
  NamedExecution,
} from './deployment/executions.ts';
export { exitCodes, type ExitCode } from './terminal/exit-codes.ts';
export { type DescribedCommand, type DescribedWord, describeCommands } from './describe-commands.ts';
export { CliError } from './terminal/cli-error.ts';
