/**
 * Reads a table of codes backwards.
 * @returns the name of a code, or `undefined` for a code that is not in the table.
 */
export function namesOf<Name extends string>(
  codes: Readonly<Record<Name, number>>,
): (code: number) => Name | undefined {
  const names = new Map(Object.entries(codes).map(([name, code]) => [code as number, name as Name]));
  return (code) => names.get(code);
}
