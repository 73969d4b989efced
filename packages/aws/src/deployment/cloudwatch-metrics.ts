import { type CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { toEngineError } from '../sdk/sdk-errors.ts';
import { sendOptions } from '../sdk/send-options.ts';

/** CloudWatch takes 1,000 values a call. */
const valuesPerCall = 1000;

/** One value of one metric, as of now. */
export interface MetricValue {
  readonly name: string;
  readonly value: number;
  readonly unit: 'Count' | 'Bytes';
  /** A metric has a series for each set of dimensions, and none that adds them up. @default no dimensions */
  readonly dimensions?: Readonly<Record<string, string>>;
}

/** Publishes metrics of one namespace. */
export class CloudWatchMetrics {
  readonly #cloudWatch: CloudWatchClient;
  readonly #namespace: string;

  constructor(cloudWatch: CloudWatchClient, namespace: string) {
    this.#cloudWatch = cloudWatch;
    this.#namespace = namespace;
  }

  async put(
    values: readonly MetricValue[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    for (let start = 0; start < values.length; start += valuesPerCall) {
      const command = new PutMetricDataCommand({
        Namespace: this.#namespace,
        MetricData: values
          .slice(start, start + valuesPerCall)
          .map(({ name, value, unit, dimensions = {} }) => ({
            MetricName: name,
            Value: value,
            Unit: unit,
            Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          })),
      });
      await this.#cloudWatch.send(command, sendOptions(options.signal)).catch((error: unknown) => {
        throw toEngineError(error, `publishing metrics of namespace ${this.#namespace}`);
      });
    }
  }
}
