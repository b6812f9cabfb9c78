import type { TestContext } from 'node:test';
import { type AcmeService, type AcmeServiceOptions, openAcmeService } from '../../../src/acme/service.ts';
import { type Authority, type CreateOptions, openOrCreateAuthority } from '../../../src/ca/index.ts';
import { temporaryFolder } from '../../ca/helpers/temporary-folder.ts';

export interface Opened {
  readonly service: AcmeService;
  readonly ca: Authority;
  readonly folder: string;
  close(): Promise<void>;
}

/** A service whose challenges are all met, unless the test says otherwise. */
export async function acmeService(
  t: { after: TestContext['after'] },
  options: Partial<AcmeServiceOptions> & { authority?: Partial<CreateOptions> } = {},
): Promise<Opened> {
  const { authority, ...rest } = options;
  const folder = options.folder ?? temporaryFolder(t);
  const ca = await openOrCreateAuthority({ folder, name: 'Test', ...authority });
  const met = async () => {};
  const service = await openAcmeService({
    ca,
    folder,
    baseUrl: 'https://ca.test/acme',
    validators: { 'http-01': met, 'dns-01': met, 'tls-alpn-01': met },
    retryDelays: [],
    ...rest,
  });
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await service.close();
    await ca.close();
  };
  t.after(close);
  return { service, ca, folder, close };
}
