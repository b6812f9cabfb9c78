import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where `scripts/test.mjs` put src/ and test/, compiled; not set in a program that is run by itself. */
const compiled = process.env['HANDFAST_COMPILED'];

/** What Node needs before {@link moduleFile} when it runs one in a process of its own. */
export const execArgv: readonly string[] = compiled === undefined ? ['--import', 'tsx'] : [];

/** The file that Node runs for a source file, which is named from the root of the project. */
export function moduleFile(source: string): string {
  return compiled === undefined ? join(root, source) : join(compiled, source.replace(/\.ts$/, '.js'));
}

/** The same as a URL, as a JSON string: for an import in the text of a program. */
export function moduleLiteral(source: string): string {
  return JSON.stringify(pathToFileURL(moduleFile(source)).href);
}
