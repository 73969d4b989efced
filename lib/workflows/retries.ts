import { type ErrorName, errorNamesOf } from '@holdfast/engine/model';
import { Duration } from 'aws-cdk-lib';
import { Errors, JitterType, type RetryProps } from 'aws-cdk-lib/aws-stepfunctions';

/**
 * Errors that are tried again, by the names that Step Functions reports. Decided against, because the next attempt
 * meets the same: `Lambda.ResourceNotFoundException`, `Lambda.InvalidParameterValueException`, `Lambda.KMS…Exception`,
 * `Lambda.RequestTooLargeException`; and left out, because it cannot happen: `States.HeartbeatTimeout` (no task has a
 * heartbeat), `Lambda.EC2…Exception`, `Lambda.ENILimitReachedException` and `Lambda.EFS…Exception` (no function is in a
 * VPC), `Lambda.SnapStart…Exception`. `States.DataLimitExceeded` and `States.Runtime` are matched by nothing.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
 */
const spreadOut = { backoffRate: 2, maxDelay: Duration.minutes(2), jitterStrategy: JitterType.FULL } as const;

/** Other functions of the account share its concurrency: being throttled can last for many minutes. */
export const WHEN_THROTTLED: RetryProps = {
  errors: ['Lambda.TooManyRequestsException'],
  interval: Duration.seconds(2),
  maxAttempts: 30,
  ...spreadOut,
};

/** Lambda or a store cannot be used for a moment. */
export const WHEN_UNAVAILABLE: RetryProps = {
  errors: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.ClientExecutionTimeoutException',
    // A function that was just deployed, or that nobody called for weeks, is not active at once.
    'Lambda.ResourceNotReadyException',
    'Lambda.ResourceConflictException',
    'Lambda.CodeArtifactUserPendingException',
    ...errorNamesOf('unavailable', 'credentials', 'conflict'),
  ],
  interval: Duration.seconds(2),
  maxAttempts: 8,
  ...spreadOut,
};

/**
 * A worker ended without an answer: killed for its memory or with its host, or out of time. Whatever did that may do it
 * again, at the price of a whole call each time.
 */
export const WHEN_CUT_OFF: RetryProps = {
  errors: [
    'Runtime.ExitError',
    'Runtime.OutOfMemory',
    'Sandbox.Timedout',
    // Older runtimes have this one name for the three of them.
    'Lambda.Unknown',
    Errors.TIMEOUT,
  ],
  interval: Duration.seconds(2),
  maxAttempts: 3,
  ...spreadOut,
};

/** An execution could not be started. The names have been seen with and without their ending. */
export const WHEN_NOT_STARTED: RetryProps = {
  errors: [
    'StepFunctions.ExecutionLimitExceeded',
    'StepFunctions.ExecutionLimitExceededException',
    'StepFunctions.ThrottlingException',
    'StepFunctions.SdkClientException',
    'StepFunctions.AWSStepFunctionsException',
  ],
  interval: Duration.seconds(5),
  maxAttempts: 10,
  ...spreadOut,
};

/**
 * EC2 lets 100 snapshots of an account be pending in a region, whoever ordered them. With full jitter an attempt comes
 * every two and a half minutes on average, so that this lasts half a day.
 */
export const WHEN_SNAPSHOTS_ARE_BUSY: RetryProps = {
  errors: ['SnapshotsBusyError' satisfies ErrorName],
  interval: Duration.seconds(30),
  backoffRate: 2,
  maxDelay: Duration.minutes(5),
  maxAttempts: 300,
  jitterStrategy: JitterType.FULL,
};

/** The list of a distributed map could not be read: none of its items has been started. */
export const WHEN_LIST_IS_NOT_READ: RetryProps = {
  errors: ['States.ItemReaderFailed'],
  interval: Duration.seconds(5),
  maxAttempts: 5,
  ...spreadOut,
};
