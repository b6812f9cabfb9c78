import { caError } from './error.ts';

const minute = 60_000;
const hour = 60 * minute;
/** Milliseconds. */
export const day = 24 * hour;

/** What certificates of one kind hold. All times in milliseconds. */
export interface Profile {
  readonly name: string;
  readonly purposes: readonly ('serverAuth' | 'clientAuth')[];
  /** Time from issue to expiry where the caller asks for none. */
  readonly lifetime: number;
  /** The longest that a caller may ask for. */
  readonly maxLifetime: number;
  /** How long before the issue the validity begins, for clocks that are late. */
  readonly backdate: number;
  /** Kinds of names that may stand in subjectAltName. */
  readonly names: readonly ('dns' | 'ip' | 'email' | 'uri')[];
  /**
   * `published`: the certificate says where its CRL and OCSP responder are. `none`: it is gone before a revocation
   * would be seen, and says so (noRevAvail, RFC 9608).
   */
  readonly revocation: 'published' | 'none';
  /** Writes the TLS feature "must staple" (RFC 7633) into the certificate. */
  readonly mustStaple: boolean;
}

/**
 * Browsers refuse server certificates that are valid for more than 398 days. Both ends belong to the validity period
 * (RFC 5280, Section 4.1.2.5), so that the last second is not counted twice.
 */
const browsersLimit = 398 * day;

/** The profiles that every authority has. */
export const standardProfiles: Readonly<Record<'server' | 'client' | 'short-lived', Profile>> = {
  server: {
    name: 'server',
    purposes: ['serverAuth'],
    lifetime: 90 * day,
    maxLifetime: browsersLimit,
    backdate: 5 * minute,
    names: ['dns', 'ip'],
    revocation: 'published',
    mustStaple: false,
  },
  client: {
    name: 'client',
    purposes: ['clientAuth'],
    lifetime: 30 * day,
    maxLifetime: browsersLimit,
    backdate: 5 * minute,
    names: ['dns', 'ip', 'email', 'uri'],
    revocation: 'published',
    mustStaple: false,
  },
  'short-lived': {
    name: 'short-lived',
    purposes: ['serverAuth'],
    lifetime: 6 * day,
    maxLifetime: 7 * day,
    backdate: 5 * minute,
    names: ['dns', 'ip'],
    revocation: 'none',
    mustStaple: false,
  },
};

/** The profile of a name. Throws `ERR_TLS_CA_PROFILE`. */
export function profileNamed(profiles: Readonly<Record<string, Profile>>, name: string): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile === undefined) {
    throw caError('ERR_TLS_CA_PROFILE', `there is no profile "${name}"; there are ${Object.keys(profiles).join(', ')}`);
  }
  return profile;
}

/** Checks a profile that a caller made. Throws `ERR_TLS_CA_PROFILE`. */
export function checkProfile(profile: Profile): Profile {
  const problem =
    profile.purposes.length === 0
      ? 'it has no purpose'
      : profile.names.length === 0
        ? 'it allows no names'
        : !(profile.lifetime > 0 && profile.lifetime <= profile.maxLifetime)
          ? 'its lifetime is not between 0 and maxLifetime'
          : profile.purposes.includes('serverAuth') && profile.maxLifetime > browsersLimit
            ? 'browsers refuse server certificates of more than 398 days'
            : profile.backdate < 0 || profile.backdate > hour
              ? 'backdate is between 0 and an hour'
              : undefined;
  if (problem !== undefined) throw caError('ERR_TLS_CA_PROFILE', `profile "${profile.name}": ${problem}`);
  return profile;
}
