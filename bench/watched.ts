/**
 * A port whose every call passes by somebody, who gives the caller its answer.
 * @param name - what the names of calls begin with; those of a port within the port have its name too.
 */
export function watched<Port extends object>(
  port: Port,
  name: string,
  onCall: (call: string, args: readonly unknown[], answer: unknown) => unknown,
): Port {
  return new Proxy(port, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof property !== 'string') return member;
      if (typeof member === 'object' && member !== null)
        return watched(member, `${name}.${property}`, onCall);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        onCall(`${name}.${property}`, args, Reflect.apply(member, target, args) as unknown);
    },
  });
}
