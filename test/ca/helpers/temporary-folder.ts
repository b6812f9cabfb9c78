import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that is removed after the test. */
export function temporaryFolder(context: { after: TestContext['after'] }): string {
  const folder = mkdtempSync(join(tmpdir(), 'handfast-ca-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
