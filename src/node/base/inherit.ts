/** Makes a function that Node's users may call without `new` the subclass that it stands for. */
export function inherit(derived: { prototype: unknown }, base: { prototype: unknown }, name: string): void {
  Object.setPrototypeOf(derived.prototype, base.prototype as object);
  Object.setPrototypeOf(derived, base);
  Object.defineProperty(derived, 'name', { value: name });
}
