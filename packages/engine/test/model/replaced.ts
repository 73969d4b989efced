/** A port some of whose methods are other ones. */
export function replaced<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, property): unknown =>
      property in methods ? Reflect.get(methods, property) : Reflect.get(target, property, target),
  });
}
