/** An error of the EC2 API, with AWS's own code, which a client matches on. */
export class Ec2Error extends Error {
  override readonly name = 'Ec2Error';
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function invalidParameter(name: string, value: unknown, expected: string): Ec2Error {
  return new Ec2Error(
    'InvalidParameterValue',
    `Value (${String(value)}) for parameter ${name} is invalid. ${expected}`,
  );
}
