import { type CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { toEngineError } from '../sdk/sdk-errors.ts';

/** CloudWatch takes 1,000 values a call. */
const valuesPerCall = 1000;

export interface MetricValue {
  readonly name: string;
  readonly value: number;
  readonly unit: 'Count' | 'Bytes';
  /** Each set of dimensions is a series of its own; CloudWatch has none that adds them up. @default no dimensions */
  readonly dimensions?: Readonly<Record<string, string>>;
}

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
      await this.#cloudWatch.send(command, { abortSignal: options.signal }).catch((error: unknown) => {
        throw toEngineError(error, `publishing metrics of namespace ${this.#namespace}`);
      });
    }
  }
}
