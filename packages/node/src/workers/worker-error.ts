import { findErrorClass } from '@holdfast/engine';

/** An error as it crosses a thread: structured cloning keeps neither class, nor name, nor fields. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Fields that can be cloned, such as a chunk id. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: CarriedError;
}

const causesMost = 8;

export function carryError(thrown: unknown, depth = 0): CarriedError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), fields: {} };
  const fields: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(thrown)) {
    if (name === 'name') continue;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      fields[name] = value;
  }
  return {
    name: thrown.name,
    message: thrown.message,
    fields,
    stack: thrown.stack,
    ...(thrown.cause === undefined || depth >= causesMost
      ? {}
      : { cause: carryError(thrown.cause, depth + 1) }),
  };
}

/** The carried error, of the engine's class where its name is one of them, so that callers can tell. */
export function landError(carried: CarriedError): Error {
  const options = carried.cause === undefined ? {} : { cause: landError(carried.cause) };
  const error = new Error(carried.message, options);
  const engineClass = findErrorClass(carried.name);
  if (engineClass !== undefined) Object.setPrototypeOf(error, engineClass.prototype);
  Object.defineProperty(error, 'name', {
    value: carried.name,
    enumerable: engineClass !== undefined,
    configurable: true,
  });
  if (carried.stack !== undefined) {
    Object.defineProperty(error, 'stack', {
      value: carried.stack,
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }
  return Object.assign(error, carried.fields);
}
