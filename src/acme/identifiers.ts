import { isHostName } from '../pki/general-name.ts';
import { formatIp, parseIp } from '../pki/ip.ts';
import { recordOf } from './jws.ts';
import { AcmeProblem, type ProblemDocument } from './problem.ts';
import type { ChallengeType, Identifier } from './state.ts';

/** The identifiers of a newOrder, each once. Throws `malformed`, `unsupportedIdentifier` or `rejectedIdentifier`. */
export function readIdentifiers(value: unknown, most: number): Identifier[] {
  if (!Array.isArray(value) || value.length === 0) throw new AcmeProblem('malformed', 'the order names no identifiers');
  if (value.length > most) throw new AcmeProblem('malformed', `an order has at most ${most} identifiers`);
  const identifiers = new Map<string, Identifier>();
  for (const item of value) {
    const identifier = readIdentifier(item);
    identifiers.set(`${identifier.type} ${identifier.value}`, identifier);
  }
  return [...identifiers.values()];
}

function readIdentifier(item: unknown): Identifier {
  const { type, value } = recordOf(item, 'an identifier');
  if (typeof value !== 'string') throw new AcmeProblem('malformed', 'an identifier has no value');
  if (type === 'dns') {
    const name = value.toLowerCase();
    const host = name.startsWith('*.') ? name.slice(2) : name;
    if (!isHostName(host) || parseIp(host) !== undefined || /(?:^|\.)\d+$/.test(host))
      throw rejected(type, value, 'it is no DNS name');
    return { type, value: name };
  }
  if (type === 'ip') {
    const bytes = parseIp(value);
    if (bytes === undefined) throw rejected(type, value, 'it is no IP address');
    return { type, value: formatIp(bytes) };
  }
  throw new AcmeProblem('unsupportedIdentifier', `identifiers of the type ${JSON.stringify(type)} are not supported`);
}

/** Refuses identifiers, each with its reason. */
export function rejectedIdentifiers(refused: readonly { identifier: Identifier; why: string }[]): AcmeProblem {
  const [first] = refused;
  const subproblems = refused.map(
    ({ identifier, why }): ProblemDocument => ({
      ...new AcmeProblem('rejectedIdentifier', why).document(),
      identifier,
    }),
  );
  const detail = refused.length === 1 ? (first?.why ?? '') : `${refused.length} identifiers are refused`;
  return new AcmeProblem('rejectedIdentifier', detail, { more: { subproblems } });
}

/** How control over an identifier may be shown: an address has no DNS records, a wildcard has nothing else. */
export function challengeTypesFor(identifier: Identifier, wildcard: boolean): ChallengeType[] {
  if (wildcard) return ['dns-01'];
  return identifier.type === 'ip' ? ['http-01', 'tls-alpn-01'] : ['http-01', 'dns-01', 'tls-alpn-01'];
}

function rejected(type: 'dns' | 'ip', value: string, why: string): AcmeProblem {
  const shown = value.slice(0, 253);
  return rejectedIdentifiers([{ identifier: { type, value: shown }, why: `${JSON.stringify(shown)}: ${why}` }]);
}
