import type { Catalog } from '../../src/ports/catalog/catalog.ts';

/** A port some of whose methods are other ones. */
export function replaced<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, property): unknown =>
      property in methods ? Reflect.get(methods, property) : Reflect.get(target, property, target),
  });
}

/** Methods of some parts of a catalog. */
export type CatalogMethods = { readonly [Part in keyof Catalog]?: Partial<Catalog[Part]> };

/** A catalog some of whose methods are other ones. */
export function replacedCatalog(catalog: Catalog, methods: CatalogMethods): Catalog {
  return replaced(
    catalog,
    Object.fromEntries(
      Object.entries(methods).map(([part, own]) => [part, replaced(catalog[part as keyof Catalog], own)]),
    ),
  );
}
