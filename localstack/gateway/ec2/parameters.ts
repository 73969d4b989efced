import { Ec2Error, invalidParameter } from './ec2-error.ts';
import type { QueryNode, QueryStructure } from './query-protocol.ts';

export function findText(input: QueryStructure, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

/** @throws {@link Ec2Error} `MissingParameter` */
export function getText(input: QueryStructure, name: string): string {
  const value = findText(input, name);
  if (value === undefined)
    throw new Ec2Error('MissingParameter', `The request must contain the parameter ${name}`);
  return value;
}

/** @throws {@link Ec2Error} `InvalidParameterValue` when it is not a whole number. */
export function findInteger(input: QueryStructure, name: string): number | undefined {
  const text = findText(input, name);
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) throw invalidParameter(name, text, 'Expected a whole number.');
  return Number(text);
}

export function findFlag(input: QueryStructure, name: string): boolean | undefined {
  const text = findText(input, name);
  if (text === undefined) return undefined;
  if (text !== 'true' && text !== 'false') throw invalidParameter(name, text, 'Expected true or false.');
  return text === 'true';
}

function nodes(input: QueryStructure, name: string): readonly QueryNode[] {
  const value = input[name];
  return Array.isArray(value) ? value : [];
}

/** Reads a list of scalars, such as `VolumeId.1`. */
export function listTexts(input: QueryStructure, name: string): string[] {
  return nodes(input, name).filter((node) => typeof node === 'string');
}

/** Reads a list of structures, such as `Filter.1.Name`. */
export function listStructures(input: QueryStructure, name: string): QueryStructure[] {
  return nodes(input, name).filter(
    (node) => typeof node === 'object' && !Array.isArray(node),
  ) as QueryStructure[];
}

export function getStructure(input: QueryStructure, name: string): QueryStructure {
  const value = input[name];
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new Ec2Error('MissingParameter', `The request must contain the parameter ${name}`);
  }
  return value;
}

export function findStructure(input: QueryStructure, name: string): QueryStructure | undefined {
  return name in input ? getStructure(input, name) : undefined;
}
