/** The extensions of a block that are there: decoded blocks have a field for each that their table knows. */
export function present(extensions: object): object {
  return Object.fromEntries(Object.entries(extensions).filter(([, value]) => value !== undefined));
}
