/** testssl.sh and sslyze on the same servers: whether each names the fault that was put in. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFile } from '../../helpers/pki.ts';
import { run } from '../../interop/processes.ts';

/** By the check of ours: the ids of testssl.sh that would name the fault, and lines of sslyze that would. */
const names: Readonly<Record<string, readonly [testssl: RegExp, sslyze: RegExp]>> = {
  weakKeys: [/ticket_?key/i, /ticket.*(weak|zero|guess)/i],
  rotation: [/ticket.*(key|rotat)/i, /ticket.*rotat/i],
  otherPolicy: [/cross|session.*host/i, /resum.*other|cross/i],
  earlyDataReplay: [/early|0.?rtt/i, /Early Data:\s+Sup+orted/],
  lifetime: [/ticket/i, /lifetime/i],
  expiry: [/cert_(expiration|notAfter|validity|chain)/i, /Supplied CA file.*FAILED/],
  chain: [/cert_chain_of_trust/i, /Supplied CA file.*FAILED/],
  chainOrder: [/ordering/i, /Chain Order:\s+(WRONG|FAILED)/i],
  name: [/cert_trust$|cert_trust\b/i, /Supplied CA file.*FAILED/],
  weakSignature: [/cert_signatureAlgorithm/i, /Supplied CA file.*FAILED|SHA1-signed certificate in/],
  weakKey: [/cert_keySize/i, /Supplied CA file.*FAILED|Key Size:\s+1024/],
  oldVersions: [/^(SSLv3|TLS1|TLS1_1)$/, /TLS 1\.[01] Cipher Suites:\s+Attempted[^*]*accepted the following/],
  staticRsa: [/cipherlist_(OBSOLETED|STRONG_NOFS|AVERAGE)|^FS$|OBSOLETE/i, /Forward Secrecy\s+INSECURE|TLS_RSA_WITH/],
  noEncryption: [/cipherlist_NULL/i, /WITH_NULL/],
  anonymous: [/cipherlist_aNULL/i, /_anon_/],
  brokenCipher: [/cipherlist_3DES|RC4|SWEET32|cipherlist_(LOW|OBSOLETED)/i, /3DES|WITH_RC4/],
  smallPrime: [/LOGJAM|DH_groups|_DH/i, /DH \(1024 bits\)|DH: \S* ?\(?1024/i],
  sha1Signature: [/sig.*algs?|SHA-?1/i, /signature.*SHA-?1/i],
};

export interface RivalSays {
  readonly found: boolean;
  /** What it flags beside, on a good server. */
  readonly alarms: readonly string[];
}

interface TestsslFinding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

const severe = new Set(['LOW', 'MEDIUM', 'HIGH', 'CRITICAL']);

/** The sections of testssl.sh in which a fault would be named; else those of the certificate and of tickets, `-S`. */
const sectionsOf: Readonly<Record<string, readonly string[]>> = {
  oldVersions: ['-p'],
  staticRsa: ['-s', '-f'],
  noEncryption: ['-s'],
  anonymous: ['-s'],
  brokenCipher: ['-s'],
  smallPrime: ['-J', '-f'],
  earlyDataReplay: ['-p', '-S'],
};

/** A good server gets protocols, certificate and defaults, cipher lists and forward secrecy. */
export async function testssl(command: string, port: number, folder: string, check?: string): Promise<RivalSays> {
  const json = join(folder, 'testssl.json');
  const words = ['--quiet', '--color', '0', '--warnings', 'off', '--ip', 'one', '--add-ca', rootFile];
  const sections = check === undefined ? ['-p', '-S', '-s', '-f'] : (sectionsOf[check] ?? ['-S']);
  try {
    await run(command, [...words, '--jsonfile', json, ...sections, `localhost:${port}`], { timeout: 240_000 });
  } catch {
    // It ends with the number of its findings; what it wrote counts.
  }
  if (!existsSync(json)) throw new Error('testssl.sh wrote no report');
  const flagged = (JSON.parse(readFileSync(json, 'utf8')) as TestsslFinding[]).filter(({ severity }) =>
    severe.has(severity),
  );
  const pattern = check === undefined ? undefined : names[check]?.[0];
  return {
    found: pattern !== undefined && flagged.some(({ id }) => pattern.test(id)),
    alarms: flagged.map(({ id, severity }) => `${id} ${severity}`),
  };
}

export async function sslyze(command: string, port: number, check?: string): Promise<RivalSays> {
  const words = ['--sni', 'localhost', '--certinfo_ca_file', rootFile, '--mozilla_config', 'disable', '--certinfo'];
  const sections = ['sslv3', 'tlsv1', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3', 'early_data', 'resum', 'reneg', 'ems'];
  const said = await run(command, [...words, ...sections.map((each) => `--${each}`), `127.0.0.1:${port}`], {
    timeout: 120_000,
  }).catch((error: Error) => error.message);
  if (!said.includes('SCANS COMPLETED')) throw new Error(`sslyze: ${said.split('\n').slice(-3).join(' ')}`);
  const pattern = check === undefined ? undefined : names[check]?.[1];
  const alarms = [/Supplied CA file.*FAILED/, /VULNERABLE -/, /INSECURE/].flatMap(
    (each) => said.match(each)?.[0] ?? [],
  );
  return { found: pattern?.test(said) === true, alarms };
}
