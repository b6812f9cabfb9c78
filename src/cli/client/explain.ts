import { equal } from '../../bytes/bytes.ts';
import type { TraceEvent } from '../../index.ts';
import { commonName, parseCertificate } from '../../pki/index.ts';

export const languages = ['en', 'ko'] as const;
export type Language = (typeof languages)[number];

/** A trace event in plain words. */
export interface Explanation {
  /** The message by its RFC name, or what happened. */
  readonly title: string;
  readonly lines: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;
type MessageEvent = Extract<TraceEvent, { kind: 'message' }>;

/** RFC names as the RFCs write them. */
export function messageName(type: string): string {
  return type.charAt(0).toUpperCase() + type.slice(1);
}

/**
 * Tells what the events of a connection mean, one after the other, for people who see a handshake for the first time.
 * `undefined` where there is nothing to say. It remembers the ClientHello: what a ServerHello means depends on it.
 */
export function explainer(language: Language): (event: TraceEvent) => Explanation | undefined {
  let asked: Fields = {};
  return (event) => {
    if (event.kind === 'message' && event.type === 'clientHello') asked = event.fields;
    return explain(event, language, asked);
  };
}

function explain(event: TraceEvent, language: Language, asked: Fields): Explanation | undefined {
  const t = (en: string, ko: string) => (language === 'ko' ? ko : en);
  switch (event.kind) {
    case 'message':
      return { title: titleOf(event), lines: linesOf(event, t, asked).filter((line) => line !== '') };
    case 'keyChange': {
      const whose =
        event.direction === 'sent' ? t('What we send', '우리가 보내는 것') : t('What they send', '상대가 보내는 것');
      return {
        title: t(
          `${whose} is encrypted from here: ${event.cipherSuite}`,
          `${whose}은 여기서부터 암호화됩니다: ${event.cipherSuite}`,
        ),
        lines: [t(`key: ${keyWords(event.secret, 'en')}`, `키: ${keyWords(event.secret, 'ko')}`)],
      };
    }
    case 'alert': {
      const who = event.direction === 'sent' ? t('We send', '우리가 보냄') : t('They send', '상대가 보냄');
      const close = event.alert === 'closeNotify';
      return {
        title: `${who}: alert ${event.alert}`,
        lines: [
          close ? t('An orderly end: nothing was cut off.', '정상적인 종료입니다. 잘려 나간 데이터가 없습니다.') : '',
        ].filter((line) => line !== ''),
      };
    }
    case 'decision':
      return decisionWords(event, t);
    case 'connected':
      return { title: t('The handshake is done.', '핸드셰이크가 끝났습니다.'), lines: [] };
    case 'closed':
      return event.error === undefined
        ? undefined
        : { title: t(`The connection failed: ${event.error}`, `연결 실패: ${event.error}`), lines: [] };
  }
}

function titleOf({ type, fields }: MessageEvent): string {
  if (type === 'serverHello' && fields['helloRetryRequest'] === true) return 'HelloRetryRequest';
  return messageName(type);
}

type Say = (en: string, ko: string) => string;

function linesOf(event: MessageEvent, t: Say, asked: Fields): string[] {
  const { type, fields } = event;
  const extensions = (fields['extensions'] ?? {}) as Fields;
  switch (type) {
    case 'clientHello':
      return clientHello(fields, extensions, t);
    case 'serverHello':
      return fields['helloRetryRequest'] === true
        ? helloRetry(extensions, t)
        : serverHello(fields, extensions, t, asked);
    case 'encryptedExtensions': {
      const alpn = extensions['alpn'];
      return [
        t('The first message that nobody else can read.', '다른 누구도 읽을 수 없는 첫 메시지입니다.'),
        alpn === undefined ? '' : t(`The application protocol is ${alpn}.`, `애플리케이션 프로토콜은 ${alpn}입니다.`),
        extensions['earlyData'] === true
          ? t('Early data (0-RTT) is taken.', '조기 데이터(0-RTT)를 받아들였습니다.')
          : '',
        extensions['encryptedClientHello'] === undefined
          ? ''
          : t(
              'It names the keys for Encrypted Client Hello that a client should use.',
              '클라이언트가 써야 할 암호화된 ClientHello의 키를 알려 줍니다.',
            ),
      ];
    }
    case 'certificate':
    case 'compressedCertificate':
      return certificate(fields, t);
    case 'certificateVerify':
      return [
        t(
          `Proof that the sender has the certificate's private key: a signature (${fields['algorithm']}) over everything said so far.`,
          `보낸 쪽이 인증서의 개인 키를 가지고 있다는 증거: 지금까지 오간 모든 내용에 대한 서명(${fields['algorithm']})입니다.`,
        ),
      ];
    case 'serverKeyExchange':
      return [
        t(
          `The server's half of the key agreement (${fields['group']}), signed with its certificate's key (${fields['algorithm']}).`,
          `키 합의 가운데 서버의 절반(${fields['group']})이며, 인증서의 키로 서명되었습니다(${fields['algorithm']}).`,
        ),
      ];
    case 'serverHelloDone':
      return [t('The server has said all; the client is next.', '서버가 할 말을 다 했고, 이제 클라이언트 차례입니다.')];
    case 'clientKeyExchange':
      return [
        t(
          "The client's half of the key agreement: both sides can now compute the same secret, a listener can't.",
          '키 합의 가운데 클라이언트의 절반입니다. 이제 두 쪽은 같은 비밀을 계산할 수 있고, 엿듣는 사람은 할 수 없습니다.',
        ),
      ];
    case 'changeCipherSpec':
      return [
        event.epoch === 'none' || event.epoch === 'handshake'
          ? t(
              'A byte that says: what follows is encrypted (in TLS 1.3 only for old middleboxes).',
              '이 뒤로는 암호화된다는 뜻의 1바이트입니다(TLS 1.3에서는 오래된 중간 장비를 위한 것일 뿐입니다).',
            )
          : '',
      ];
    case 'finished':
      return [
        t(
          'A checksum over the whole handshake under the new keys: had anyone changed a byte, it would not fit.',
          '새 키로 계산한, 핸드셰이크 전체에 대한 검사값입니다. 누가 한 바이트라도 바꿨다면 맞지 않습니다.',
        ),
      ];
    case 'newSessionTicket':
      return ticket(fields, extensions, t);
    case 'certificateRequest':
      return [t('The server asks for a client certificate.', '서버가 클라이언트 인증서를 요구합니다.')];
    case 'certificateStatus':
      return [
        t(
          'A fresh word of the authority: this certificate is not revoked (OCSP staple).',
          '인증 기관의 최근 확인: 이 인증서는 폐기되지 않았습니다(OCSP 스테이플).',
        ),
      ];
    case 'endOfEarlyData':
      return [t('The early data ends here.', '조기 데이터는 여기서 끝납니다.')];
    case 'keyUpdate':
      return [
        t('New keys from here, without another handshake.', '다시 핸드셰이크하지 않고 여기서부터 새 키를 씁니다.'),
      ];
    default:
      return [];
  }
}

function clientHello(fields: Fields, extensions: Fields, t: Say): string[] {
  const versions = ((extensions['supportedVersions'] as string[] | undefined) ?? ['TLS 1.2']).filter(
    (name) => name !== 'GREASE',
  );
  const suites = (fields['cipherSuites'] as string[]).filter((name) => name !== 'GREASE' && !name.endsWith('SCSV'));
  const shares = (extensions['keyShare'] as { group: string; keyExchange: Uint8Array }[] | undefined)?.filter(
    ({ group }) => group !== 'GREASE',
  );
  const psk = extensions['preSharedKey'] as { identities: readonly unknown[] } | undefined;
  const sessionTicket = extensions['sessionTicket'] as Uint8Array | undefined;
  const sessionId = fields['legacySessionId'] as Uint8Array;
  const is13 = versions.includes('TLS 1.3');
  const count = suites.length;
  const name = extensions['serverName'];
  return [
    t(
      `Offers ${versions.join(' and ')}, ${count} cipher suite${count === 1 ? '' : 's'}${name === undefined ? '' : `, and asks for "${name}"`}.`,
      `제안: ${versions.join(', ')} · 암호 스위트 ${count}개${name === undefined ? '' : ` · 서버 이름 "${name}"`}.`,
    ),
    shares === undefined || shares.length === 0
      ? ''
      : t(
          `Brings its half of a key agreement: ${shares.map(({ group, keyExchange }) => `${group} (${keyExchange.length} bytes)`).join(', ')}.`,
          `키 합의의 절반을 함께 보냅니다: ${shares.map(({ group, keyExchange }) => `${group} (${keyExchange.length}바이트)`).join(', ')}.`,
        ),
    psk === undefined
      ? ''
      : t(
          `Offers to resume: ${psk.identities.length} ticket${psk.identities.length === 1 ? '' : 's'} of an earlier connection (PSK), with proof that it knows the secret.`,
          `재개를 제안합니다: 이전 연결의 티켓 ${psk.identities.length}개(PSK)와 그 비밀을 안다는 증거입니다.`,
        ),
    extensions['encryptedClientHello'] === undefined
      ? ''
      : t(
          'Inside is another ClientHello, encrypted for the server, or noise that looks like one: who watches sees the outer one alone.',
          '안에 서버만 읽을 수 있는 또 다른 ClientHello가 있거나, 그렇게 보이는 잡음이 있습니다. 엿보는 사람에게는 바깥쪽만 보입니다.',
        ),
    sessionTicket !== undefined && sessionTicket.length === 0 && !is13
      ? t('It would keep a session ticket for next time.', '다음 접속을 위한 세션 티켓을 보관할 수 있다고 알립니다.')
      : '',
    sessionTicket !== undefined && sessionTicket.length > 0
      ? t(
          `Offers to resume with a session ticket (${sessionTicket.length} bytes that only the server can open).`,
          `세션 티켓으로 재개를 제안합니다(서버만 열 수 있는 ${sessionTicket.length}바이트).`,
        )
      : '',
    !is13 && sessionId.length > 0 && (sessionTicket === undefined || sessionTicket.length === 0)
      ? t(
          `Offers to resume the session with ID ${hexStart(sessionId)}.`,
          `ID가 ${hexStart(sessionId)}인 세션의 재개를 제안합니다.`,
        )
      : '',
    extensions['earlyData'] === true
      ? t(
          'The request follows at once, encrypted under the old secret (0-RTT).',
          '요청이 이전 비밀로 암호화되어 곧바로 뒤따릅니다(0-RTT).',
        )
      : '',
  ];
}

function serverHello(fields: Fields, extensions: Fields, t: Say, asked: Fields): string[] {
  const share = extensions['keyShare'] as { group: string } | undefined;
  const is13 = extensions['supportedVersions'] !== undefined;
  return [
    t(
      `Chooses ${is13 ? 'TLS 1.3' : 'TLS 1.2'} with ${fields['cipherSuite']}.`,
      `선택: ${is13 ? 'TLS 1.3' : 'TLS 1.2'}, ${fields['cipherSuite']}.`,
    ),
    share === undefined
      ? ''
      : t(
          `Brings the other half of the key agreement: ${share.group}. Both sides now have a secret that no listener has.`,
          `키 합의의 나머지 절반을 보냅니다: ${share.group}. 이제 두 쪽은 엿듣는 사람이 모르는 비밀을 가집니다.`,
        ),
    extensions['preSharedKey'] === undefined
      ? ''
      : t(
          'Takes the ticket: the session resumes, so no certificate and no signature follow.',
          '티켓을 받아들입니다. 세션이 재개되므로 인증서도 서명도 필요 없습니다.',
        ),
    is13 ? '' : sessionOf(fields, extensions, t, asked),
  ];
}

/** What a ServerHello of TLS 1.2 says of the session (RFC 5246, Section 7.4.1.3; RFC 5077, Section 3.4). */
function sessionOf(fields: Fields, extensions: Fields, t: Say, asked: Fields): string {
  const id = (fields['legacySessionIdEcho'] as Uint8Array | undefined) ?? new Uint8Array(0);
  const offeredId = (asked['legacySessionId'] as Uint8Array | undefined) ?? new Uint8Array(0);
  const { sessionTicket } = (asked['extensions'] ?? {}) as { sessionTicket?: Uint8Array };
  if (id.length > 0 && equal(id, offeredId))
    return (sessionTicket?.length ?? 0) > 0
      ? t(
          'Takes the ticket, and says so by the ID that came with it: no certificate, no key agreement and no signature follow.',
          '티켓을 받아들입니다. 함께 온 ID를 그대로 돌려보내는 것이 그 표시입니다. 인증서도, 키 합의도, 서명도 필요 없습니다.',
        )
      : t(
          `Knows the session, and says so by its ID, ${hexStart(id)}: no certificate, no key agreement and no signature follow.`,
          `세션을 알고 있습니다. 그 ID ${hexStart(id)}를 그대로 돌려보내는 것이 그 표시입니다. 인증서도, 키 합의도, 서명도 필요 없습니다.`,
        );
  if (extensions['sessionTicket'] !== undefined)
    return t(
      'A ticket will follow: the client is to keep the session.',
      '티켓이 뒤따릅니다. 세션은 클라이언트가 보관합니다.',
    );
  return id.length > 0
    ? t(
        `Names the session: its ID is ${hexStart(id)}. The server keeps it for next time.`,
        `세션에 이름을 붙입니다. 그 ID는 ${hexStart(id)}입니다. 다음 접속을 위해 서버가 보관합니다.`,
      )
    : t('Gives the session no name: it can not be resumed.', '세션에 이름을 붙이지 않습니다. 재개할 수 없습니다.');
}

function helloRetry(extensions: Fields, t: Say): string[] {
  const group = extensions['keyShare'];
  return [
    group === undefined
      ? t('The server wants the hello again.', '서버가 hello를 다시 요구합니다.')
      : t(
          `The server wants another key share: ${group}. It costs one round trip.`,
          `서버가 다른 키 공유를 요구합니다: ${group}. 왕복이 한 번 더 듭니다.`,
        ),
  ];
}

function certificate(fields: Fields, t: Say): string[] {
  const list = fields['certificateList'] as readonly (Uint8Array | { certData: Uint8Array })[] | undefined;
  if (list === undefined) return [t('A compressed certificate chain.', '압축된 인증서 체인입니다.')];
  if (list.length === 0) return [t('No certificate: there is none to show.', '인증서 없음: 보여 줄 것이 없습니다.')];
  const chain = list.map((entry) => (entry instanceof Uint8Array ? entry : entry.certData));
  const names = chain.map((der) => certificateName(der)).join(' ← ');
  const size = chain.reduce((sum, der) => sum + der.length, 0);
  return [
    t(`Who the sender claims to be: ${names} (${size} bytes).`, `보낸 쪽의 신분 주장: ${names} (${size}바이트).`),
  ];
}

/** The subject of a certificate in short. */
export function certificateName(der: Uint8Array): string {
  try {
    const parsed = parseCertificate(der);
    const name = parsed.decoded.subjectAltName?.find(({ kind }) => kind === 'dns');
    return commonName(parsed.subject) ?? (name === undefined ? '(no name)' : String(name.value));
  } catch {
    return '(unreadable)';
  }
}

function ticket(fields: Fields, extensions: Fields, t: Say): string[] {
  const bytes = (fields['ticket'] as Uint8Array | undefined)?.length ?? 0;
  const seconds = Number(fields['ticketLifetime'] ?? fields['ticketLifetimeHint'] ?? 0);
  const early = Number(extensions['earlyData'] ?? 0);
  const hours = `${Math.round(seconds / 360) / 10}`;
  const good = seconds === 0 ? 'for as long as the server likes' : `for ${hours} h`;
  const goodKo = seconds === 0 ? '유효 기간은 서버가 정함' : `${hours}시간 유효`;
  return [
    fields['ticketLifetime'] === undefined
      ? t(
          `The session itself, sealed under a key of the server: a ticket of ${bytes} bytes, good ${good}. The client keeps it; the server needs no memory for it.`,
          `서버의 키로 봉인된 세션 자체입니다: 티켓 ${bytes}바이트, ${goodKo}. 클라이언트가 보관하므로 서버는 기억할 필요가 없습니다.`,
        )
      : t(
          `A ticket for next time: ${bytes} bytes, good ${good}. It stands for a secret of both sides (PSK): sealed in it, or kept by the server under this name; the client can't tell.`,
          `다음 접속을 위한 티켓: ${bytes}바이트, ${goodKo}. 두 쪽이 아는 비밀(PSK)을 가리킵니다. 그 비밀이 안에 봉인되어 있는지, 서버가 이 이름으로 보관하는지 클라이언트는 알 수 없습니다.`,
        ),
    early === 0
      ? ''
      : t(`It allows ${early} bytes of early data (0-RTT).`, `조기 데이터(0-RTT) ${early}바이트를 허용합니다.`),
  ];
}

/** What a client decides, and why. */
const korean: Readonly<Record<string, string>> = {
  psk: 'PSK',
  externalPsk: '외부 PSK',
  sessionId: '세션 ID',
  ticket: '세션 티켓',
  offered: '제안',
  accepted: '수락',
  rejected: '거절',
  'the server took the PSK': '서버가 PSK를 받아들임',
  'the server took the session': '서버가 세션을 받아들임',
  miss: '재개되지 않음',
  'not offered': '제안하지 않음',
  'the server did not take the session': '서버가 세션을 받아들이지 않음',
  'the server took none of the PSKs that were offered': '서버가 제안된 PSK를 하나도 받아들이지 않음',
  'the session is of TLS 1.2, and the server chose 1.3': '세션은 TLS 1.2의 것이고 서버는 1.3을 선택함',
  'the PSKs are for TLS 1.3, and the server chose 1.2': 'PSK는 TLS 1.3의 것이고 서버는 1.2를 선택함',
  'its time is over': '유효 기간이 끝남',
  'it is of TLS 1.2, which is not offered': 'TLS 1.2의 세션인데 TLS 1.2를 제안하지 않음',
  'it is of TLS 1.3, which is not offered': 'TLS 1.3의 세션인데 TLS 1.3을 제안하지 않음',
  'it has no extended master secret': '확장 마스터 시크릿이 없음',
  'the first ticket allows it': '첫 티켓이 허용함',
  'the server took it': '서버가 받아들임',
  'the server did not take it': '서버가 받아들이지 않음',
};

function decisionWords(
  { about, choice, reason }: Extract<TraceEvent, { kind: 'decision' }>,
  t: Say,
): Explanation | undefined {
  if (about === 'resumption' && choice === 'ticket kept') return undefined;
  const inKorean = `${korean[choice] ?? choice} (${korean[reason] ?? reason})`;
  if (about === 'resumption') return { title: t(`Resumption: ${choice}, ${reason}`, `재개: ${inKorean}`), lines: [] };
  if (about === 'encryptedClientHello')
    return {
      title: t(`Encrypted Client Hello: ${choice}, ${reason}`, `암호화된 ClientHello: ${korean[choice] ?? choice}`),
      lines: [],
    };
  if (about === 'earlyData')
    return { title: t(`Early data: ${choice}, ${reason}`, `조기 데이터: ${inKorean}`), lines: [] };
  return undefined;
}

const keyNames: Readonly<Record<string, { en: string; ko: string }>> = {
  clientEarlyTrafficSecret: { en: 'from the ticket alone (early data)', ko: '티켓만으로 만든 키(조기 데이터)' },
  clientHandshakeTrafficSecret: {
    en: 'for the handshake, from the key agreement',
    ko: '키 합의로 만든 핸드셰이크용 키',
  },
  serverHandshakeTrafficSecret: {
    en: 'for the handshake, from the key agreement',
    ko: '키 합의로 만든 핸드셰이크용 키',
  },
  clientApplicationTrafficSecret: {
    en: 'for the data, from the whole handshake',
    ko: '핸드셰이크 전체로 만든 데이터용 키',
  },
  serverApplicationTrafficSecret: {
    en: 'for the data, from the whole handshake',
    ko: '핸드셰이크 전체로 만든 데이터용 키',
  },
  masterSecret: { en: 'from the master secret', ko: '마스터 시크릿으로 만든 키' },
};

function keyWords(secret: string, language: Language): string {
  const words = keyNames[secret]?.[language];
  return words === undefined ? secret : `${secret}, ${words}`;
}

function hexStart(bytes: Uint8Array): string {
  return `${Buffer.from(bytes.subarray(0, 6)).toString('hex')}…`;
}
