// bench/server.ts
import { readFileSync as readFileSync3 } from "node:fs";
import { createServer as createNetServer } from "node:net";
import nodeTls2 from "node:tls";

// src/bytes/base64.ts
var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
var sextets = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) sextets[alphabet.charCodeAt(i)] = i;
function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = bytes[i] << 16 | (bytes[i + 1] ?? 0) << 8 | (bytes[i + 2] ?? 0);
    text += alphabet[group >> 18];
    text += alphabet[group >> 12 & 63];
    text += left > 1 ? alphabet[group >> 6 & 63] : "=";
    text += left > 2 ? alphabet[group & 63] : "=";
  }
  return text;
}
function fromBase64(text) {
  const out = new Uint8Array(Math.floor(text.length * 3 / 4) + 3);
  let length = 0;
  let group = 0;
  let count2 = 0;
  let padding2 = 0;
  for (let i = 0; i < text.length; i++) {
    const code2 = text.charCodeAt(i);
    if (code2 === 32 || code2 >= 9 && code2 <= 13) continue;
    if (code2 === 61) {
      padding2++;
      continue;
    }
    const value = code2 < 256 ? sextets[code2] : -1;
    if (value < 0 || padding2 > 0) return void 0;
    group = group << 6 | value;
    if (++count2 % 4 !== 0) continue;
    out[length++] = group >> 16;
    out[length++] = group >> 8;
    out[length++] = group;
    group = 0;
  }
  const rest = count2 % 4;
  if (rest === 1 || padding2 !== (rest === 0 ? 0 : 4 - rest)) return void 0;
  if (rest === 2) {
    if ((group & 15) !== 0) return void 0;
    out[length++] = group >> 4;
  } else if (rest === 3) {
    if ((group & 3) !== 0) return void 0;
    out[length++] = group >> 10;
    out[length++] = group >> 2;
  }
  return out.slice(0, length);
}

// src/bytes/pem.ts
var maxBlocks = 1e4;
function decodePem(text) {
  const blocks = [];
  const begin = /-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n?/g;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label2 = match[1];
    const which = () => {
      const line = text.slice(0, match.index).split("\n").length;
      return `the PEM block "${label2}" in line ${line}`;
    };
    const end = text.indexOf("-----END ", begin.lastIndex);
    if (end < 0 || !text.startsWith(`${label2}-----`, end + 9)) {
      throw new SyntaxError(`${which()} has no line "-----END ${label2}-----"`);
    }
    if (blocks.length === maxBlocks) throw new SyntaxError(`more than ${maxBlocks} PEM blocks`);
    const body = text.slice(begin.lastIndex, end);
    if (/^[A-Za-z-]+:/m.test(body)) {
      throw new SyntaxError(
        `${which()} has header lines (the old OpenSSL encryption?): convert it with "openssl pkcs8 -topk8"`
      );
    }
    const bytes = fromBase64(body);
    if (bytes === void 0) throw new SyntaxError(`${which()} holds what is no Base64`);
    blocks.push({ label: label2, bytes });
    begin.lastIndex = end;
  }
  return blocks;
}
function encodePem(label2, bytes) {
  const lines = toBase64(bytes).replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label2}-----
${lines}
-----END ${label2}-----
`;
}

// src/bytes/bytes.ts
var noBytes = new Uint8Array(0);
function concat(...parts) {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at2 = 0;
  for (const part of parts) {
    joined.set(part, at2);
    at2 += part.length;
  }
  return joined;
}
function equal(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
function constantTimeEqual(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
function zeroize(...secrets) {
  for (const secret of secrets) if (secret !== void 0) wipe(secret);
}
function wipe(secret) {
  if (secret.length > 64) secret.fill(0);
  else for (let i = 0; i < secret.length; i++) secret[i] = 0;
}
var hexDigits = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
function toHex(bytes) {
  let text = "";
  for (const byte of bytes) text += hexDigits[byte];
  return text;
}
function fromHex(text) {
  const digits = text.replace(/\s+/g, "");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new RangeError("not a string of hexadecimal digit pairs");
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
var utf8Encoder = new TextEncoder();
function fromText(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) {
    const code2 = text.charCodeAt(i);
    if (code2 >= 128) return utf8Encoder.encode(text);
    bytes[i] = code2;
  }
  return bytes;
}
function toLatin1(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

// src/errors.ts
var alertCodes = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  /** TLS 1.2 only; nothing here sends it by itself. */
  decompressionFailure: 30,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateRevoked: 44,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  accessDenied: 49,
  decodeError: 50,
  decryptError: 51,
  tooManyCidsRequested: 52,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
  inappropriateFallback: 86,
  userCanceled: 90,
  noRenegotiation: 100,
  missingExtension: 109,
  unsupportedExtension: 110,
  unrecognizedName: 112,
  badCertificateStatusResponse: 113,
  unknownPskIdentity: 115,
  certificateRequired: 116,
  generalError: 117,
  noApplicationProtocol: 120,
  echRequired: 121
};
var alertNames = new Map(
  Object.entries(alertCodes).map(([name2, code2]) => [code2, name2])
);
function alertName(code2) {
  return alertNames.get(code2);
}
var TlsError = class extends Error {
  name = "TlsError";
  code;
  alert;
  rfc;
  phase;
  constructor(code2, alert, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.code = code2;
    this.alert = alert;
    this.rfc = details.rfc;
    this.phase = details.phase;
  }
};
var PeerError = class extends TlsError {
  name = "PeerError";
};
var CertificateError = class extends TlsError {
  name = "CertificateError";
};
var ConfigError = class extends TlsError {
  name = "ConfigError";
  constructor(message, details = {}) {
    super(details.code ?? "ERR_TLS_CONFIG", "internalError", message, details);
  }
};
var AlertReceivedError = class extends TlsError {
  name = "AlertReceivedError";
  alertCode;
  constructor(alertCode, phase) {
    const name2 = alertName(alertCode);
    super(
      "ERR_TLS_ALERT_RECEIVED",
      name2 ?? "internalError",
      `the peer ended the connection with the alert ${name2 ?? "number"} (${alertCode})`,
      phase === void 0 ? {} : { phase }
    );
    this.alertCode = alertCode;
  }
};
var EchRejectedError = class extends TlsError {
  name = "EchRejectedError";
  /** The name that the server proved. */
  publicName;
  /** An ECHConfigList to use in its stead; absent where the server has switched Encrypted Client Hello off. */
  retryConfigs;
  constructor(publicName, retryConfigs) {
    super(
      "ERR_TLS_ECH_REJECTED",
      "echRequired",
      `the server ${publicName} cannot decrypt the clientHello; ` + (retryConfigs === void 0 ? "it has no Encrypted Client Hello any more" : "it names newer keys: try them"),
      { phase: "handshake", rfc: "RFC 9849, Section 6.1.6" }
    );
    this.publicName = publicName;
    this.retryConfigs = retryConfigs;
  }
};
function decodeError(message, rfc) {
  return new PeerError("ERR_TLS_DECODE", "decodeError", message, rfc === void 0 ? {} : { rfc });
}
function illegalParameter(code2, message, rfc) {
  return new PeerError(code2, "illegalParameter", message, rfc === void 0 ? {} : { rfc });
}

// node_modules/@noble/hashes/_u64.js
var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
var _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = false) {
  if (le)
    return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
  return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = false) {
  const len = lst.length;
  let Ah = new Uint32Array(len);
  let Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    const { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}

// node_modules/@noble/hashes/utils.js
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abool(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes)
    throw new TypeError(message);
  throw new RangeError(message);
}
var aobject = (value, label2) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label2 === "object" ? "" : `"${label2}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label2) => {
  aobject(value, label2);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label2}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label2}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished2 = true) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished2 && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes(out, void 0, "output");
  const min = instance.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function u32(arr) {
  return new Uint32Array(arr.buffer, arr.byteOffset, Math.floor(arr.byteLength / 4));
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
var isLE = /* @__PURE__ */ (() => new Uint8Array(new Uint32Array([287454020]).buffer)[0] === 68)();
function byteSwap(word) {
  return word << 24 & 4278190080 | word << 8 & 16711680 | word >>> 8 & 65280 | word >>> 24 & 255;
}
function byteSwap32(arr) {
  for (let i = 0; i < arr.length; i++) {
    arr[i] = byteSwap(arr[i]);
  }
  return arr;
}
var swap32IfBE = isLE ? (u) => u : byteSwap32;
function checkOpts(defaults2, opts2, title = "opts") {
  aopts(defaults2, "defaults");
  if (opts2 !== void 0)
    aopts(opts2, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults2, opts2);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts2) => hashCons(opts2).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts2) => hashCons(opts2);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}
function randomBytes(bytesLength = 32) {
  anumber(bytesLength, "bytesLength");
  const cr = typeof globalThis === "object" ? globalThis.crypto : null;
  if (typeof cr?.getRandomValues !== "function")
    throw new Error("crypto.getRandomValues must be defined");
  if (bytesLength > 65536)
    throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
  return cr.getRandomValues(new Uint8Array(bytesLength));
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// node_modules/@noble/hashes/sha3.js
var _0n = BigInt(0);
var _1n = BigInt(1);
var _2n = BigInt(2);
var _7n = BigInt(7);
var _256n = BigInt(256);
var _0x71n = BigInt(113);
var SHA3_PI = [];
var SHA3_ROTL = [];
var _SHA3_IOTA = [];
for (let round = 0, R = _1n, x = 1, y = 0; round < 24; round++) {
  [x, y] = [y, (2 * x + 3 * y) % 5];
  SHA3_PI.push(2 * (5 * y + x));
  SHA3_ROTL.push((round + 1) * (round + 2) / 2 % 64);
  let t = _0n;
  for (let j = 0; j < 7; j++) {
    R = (R << _1n ^ (R >> _7n) * _0x71n) % _256n;
    if (R & _2n)
      t ^= _1n << (_1n << BigInt(j)) - _1n;
  }
  _SHA3_IOTA.push(t);
}
var IOTAS = split(_SHA3_IOTA, true);
var SHA3_IOTA_H = IOTAS[0];
var SHA3_IOTA_L = IOTAS[1];
var rotlSH = (h, l, s) => h << s | l >>> 32 - s;
var rotlSL = (h, l, s) => l << s | h >>> 32 - s;
var rotlBH = (h, l, s) => l << s - 32 | h >>> 64 - s;
var rotlBL = (h, l, s) => h << s - 32 | l >>> 64 - s;
var rotlH = (h, l, s) => s > 32 ? rotlBH(h, l, s) : rotlSH(h, l, s);
var rotlL = (h, l, s) => s > 32 ? rotlBL(h, l, s) : rotlSL(h, l, s);
var B = new Uint32Array(5 * 2);
function keccakP(s, rounds = 24) {
  if (!(s instanceof Uint32Array))
    throw new TypeError('"s" expected Uint32Array(50), got type=' + typeof s);
  if (s.length !== 50)
    throw new RangeError('"s" expected Uint32Array(50), got length=' + s.length);
  anumber(rounds, "rounds");
  if (rounds < 1 || rounds > 24)
    throw new Error('"rounds" expected integer 1..24');
  for (let round = 24 - rounds; round < 24; round++) {
    for (let x = 0; x < 10; x++)
      B[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
    for (let x = 0; x < 10; x += 2) {
      const idx1 = (x + 8) % 10;
      const idx0 = (x + 2) % 10;
      const B0 = B[idx0];
      const B1 = B[idx0 + 1];
      const Th = rotlH(B0, B1, 1) ^ B[idx1];
      const Tl = rotlL(B0, B1, 1) ^ B[idx1 + 1];
      for (let y = 0; y < 50; y += 10) {
        s[x + y] ^= Th;
        s[x + y + 1] ^= Tl;
      }
    }
    let curH = s[2];
    let curL = s[3];
    for (let t = 0; t < 24; t++) {
      const shift = SHA3_ROTL[t];
      const Th = rotlH(curH, curL, shift);
      const Tl = rotlL(curH, curL, shift);
      const PI = SHA3_PI[t];
      curH = s[PI];
      curL = s[PI + 1];
      s[PI] = Th;
      s[PI + 1] = Tl;
    }
    for (let y = 0; y < 50; y += 10) {
      const b0 = s[y], b1 = s[y + 1], b2 = s[y + 2], b3 = s[y + 3];
      s[y] ^= ~s[y + 2] & s[y + 4];
      s[y + 1] ^= ~s[y + 3] & s[y + 5];
      s[y + 2] ^= ~s[y + 4] & s[y + 6];
      s[y + 3] ^= ~s[y + 5] & s[y + 7];
      s[y + 4] ^= ~s[y + 6] & s[y + 8];
      s[y + 5] ^= ~s[y + 7] & s[y + 9];
      s[y + 6] ^= ~s[y + 8] & b0;
      s[y + 7] ^= ~s[y + 9] & b1;
      s[y + 8] ^= ~b0 & b2;
      s[y + 9] ^= ~b1 & b3;
    }
    s[0] ^= SHA3_IOTA_H[round];
    s[1] ^= SHA3_IOTA_L[round];
  }
  clean(B);
}
var Keccak = class _Keccak {
  state;
  pos = 0;
  posOut = 0;
  finished = false;
  state32;
  destroyed = false;
  blockLen;
  suffix;
  outputLen;
  canXOF;
  enableXOF = false;
  rounds;
  // NOTE: we accept arguments in bytes instead of bits here.
  constructor(blockLen, suffix, outputLen, enableXOF = false, rounds = 24) {
    anumber(blockLen, "blockLen");
    anumber(suffix, "suffix");
    anumber(rounds, "rounds");
    abool(enableXOF, "enableXOF");
    this.blockLen = blockLen;
    this.suffix = suffix;
    this.outputLen = outputLen;
    this.enableXOF = enableXOF;
    this.canXOF = enableXOF;
    this.rounds = rounds;
    anumber(outputLen, "outputLen");
    if (!(0 < blockLen && blockLen < 200))
      throw new Error('"blockLen" must be 1..199');
    this.state = new Uint8Array(200);
    this.state32 = u32(this.state);
  }
  clone() {
    return this._cloneInto();
  }
  keccak() {
    swap32IfBE(this.state32);
    keccakP(this.state32, this.rounds);
    swap32IfBE(this.state32);
    this.posOut = 0;
    this.pos = 0;
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { blockLen, state: state2, state32 } = this;
    const len = data.length;
    const canUseU32 = blockLen % 4 === 0 && data.byteOffset % 4 === 0;
    const blockLen32 = blockLen / 4;
    const data32 = canUseU32 && len >= blockLen ? u32(data) : void 0;
    for (let pos = 0; pos < len; ) {
      if (data32 !== void 0 && this.pos === 0 && pos % 4 === 0 && len - pos >= blockLen) {
        for (let i = 0, o = pos / 4; i < blockLen32; i++)
          state32[i] ^= data32[o + i];
        pos += blockLen;
        this.pos = blockLen;
        this.keccak();
        continue;
      }
      const take = Math.min(blockLen - this.pos, len - pos);
      for (let i = 0; i < take; i++)
        state2[this.pos++] ^= data[pos++];
      if (this.pos === blockLen)
        this.keccak();
    }
    return this;
  }
  finish() {
    if (this.finished)
      return;
    this.finished = true;
    const { state: state2, suffix, pos, blockLen } = this;
    state2[pos] ^= suffix;
    if ((suffix & 128) !== 0 && pos === blockLen - 1)
      this.keccak();
    state2[blockLen - 1] ^= 128;
    this.keccak();
  }
  writeInto(out) {
    aexists(this, false);
    abytes(out);
    this.finish();
    const bufferOut = this.state;
    const { blockLen } = this;
    for (let pos = 0, len = out.length; pos < len; ) {
      if (this.posOut >= blockLen)
        this.keccak();
      const take = Math.min(blockLen - this.posOut, len - pos);
      out.set(bufferOut.subarray(this.posOut, this.posOut + take), pos);
      this.posOut += take;
      pos += take;
    }
    return out;
  }
  xofInto(out) {
    if (!this.enableXOF)
      throw new Error("XOF is not enabled");
    return this.writeInto(out);
  }
  xof(bytes) {
    anumber(bytes);
    return this.xofInto(new Uint8Array(bytes));
  }
  digestInto(out) {
    aoutput(out, this);
    if (this.finished)
      throw new Error("digest() was already called");
    this.writeInto(out.length === this.outputLen ? out : out.subarray(0, this.outputLen));
    this.destroy();
  }
  digest() {
    const out = new Uint8Array(this.outputLen);
    this.digestInto(out);
    return out;
  }
  destroy() {
    this.destroyed = true;
    clean(this.state);
  }
  _cloneInto(to) {
    const { blockLen, suffix, outputLen, rounds, enableXOF } = this;
    to ||= new _Keccak(blockLen, suffix, outputLen, enableXOF, rounds);
    to.blockLen = blockLen;
    to.state32.set(this.state32);
    to.pos = this.pos;
    to.posOut = this.posOut;
    to.finished = this.finished;
    to.rounds = rounds;
    to.suffix = suffix;
    to.outputLen = outputLen;
    to.enableXOF = enableXOF;
    to.canXOF = this.canXOF;
    to.destroyed = this.destroyed;
    return to;
  }
};
var genKeccak = (suffix, blockLen, outputLen, info = {}) => createHasher(() => new Keccak(blockLen, suffix, outputLen), info);
var sha3_256 = /* @__PURE__ */ genKeccak(
  6,
  136,
  32,
  /* @__PURE__ */ oidNist(8)
);
var sha3_512 = /* @__PURE__ */ genKeccak(
  6,
  72,
  64,
  /* @__PURE__ */ oidNist(10)
);
var genShake = (suffix, blockLen, outputLen, info = {}) => createHasher((opts2 = {}) => {
  opts2 = checkOpts({}, opts2);
  return new Keccak(blockLen, suffix, opts2.dkLen === void 0 ? outputLen : opts2.dkLen, true);
}, info);
var shake128 = /* @__PURE__ */ genShake(31, 168, 16, /* @__PURE__ */ oidNist(11));
var shake256 = /* @__PURE__ */ genShake(31, 136, 32, /* @__PURE__ */ oidNist(12));

// node_modules/@noble/curves/utils.js
function aobject2(value, title = "object") {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError(title === "object" ? "expected valid options object" : `"${title}" expected object, got type=${typeof value}`);
  return value;
}
function validateObject(object, fields = {}, optFields = {}, title = "object") {
  aobject2(object, title);
  aobject2(fields, "fields");
  aobject2(optFields, "optFields");
  function checkField(fieldName, expectedType, isOpt) {
    const label2 = title === "object" ? `param "${String(fieldName)}"` : `"${title}.${String(fieldName)}"`;
    const val = object[fieldName];
    if (!Object.hasOwn(object, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function")) {
      throw new TypeError(`${label2} is invalid: expected own property`);
    }
    if (isOpt && val === void 0)
      return;
    const current = typeof val;
    if (current !== expectedType || val === null)
      throw new TypeError(`${label2} is invalid: expected ${expectedType}, got ${current}`);
  }
  const iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
  iter(fields, false);
  iter(optFields, true);
}

// node_modules/@noble/curves/abstract/fft.js
function checkU32(n, title = "n") {
  if (typeof n !== "number")
    throw new TypeError(`wrong u32 integer "${title}": expected number, got type=${typeof n}`);
  if (!Number.isSafeInteger(n) || n < 0 || n > 4294967295)
    throw new RangeError(`wrong u32 integer "${title}": expected 0..4294967295, got ${n}`);
  return n;
}
function isPowerOfTwo(x) {
  checkU32(x, "x");
  return (x & x - 1) === 0 && x !== 0;
}
function reverseBits(n, bits) {
  checkU32(n);
  if (typeof bits !== "number")
    throw new TypeError('"bits" expected number, got type=' + typeof bits);
  if (!Number.isSafeInteger(bits) || bits < 0 || bits > 32)
    throw new Error(`expected integer 0 <= bits <= 32, got ${bits}`);
  let reversed = 0;
  for (let i = 0; i < bits; i++, n >>>= 1)
    reversed = reversed << 1 | n & 1;
  return reversed >>> 0;
}
function log2(n) {
  checkU32(n);
  return 31 - Math.clz32(n);
}
function bitReversalInplace(values) {
  if (!values || typeof values !== "object" || typeof values.length !== "number")
    throw new TypeError('"values" expected array-like, got type=' + typeof values);
  const n = values.length;
  if (!isPowerOfTwo(n))
    throw new Error("expected positive power-of-two length, got " + n);
  const bits = log2(n);
  for (let i = 0; i < n; i++) {
    const j = reverseBits(i, bits);
    if (i < j) {
      const tmp = values[i];
      values[i] = values[j];
      values[j] = tmp;
    }
  }
  return values;
}
var FFTCore = (F2, coreOpts) => {
  validateObject(coreOpts, { N: "number", roots: "object", dit: "boolean" }, { invertButterflies: "boolean", skipStages: "number", brp: "boolean" }, "coreOpts");
  const { N: N2, roots, dit, invertButterflies = false, skipStages = 0, brp = true } = coreOpts;
  checkU32(N2, "coreOpts.N");
  const bits = log2(N2);
  if (!isPowerOfTwo(N2))
    throw new Error("FFT: Polynomial size should be power of two");
  checkU32(skipStages, "coreOpts.skipStages");
  const maxSkipStages = bits === 0 ? 0 : bits - 1;
  if (skipStages > maxSkipStages)
    throw new Error(`FFT: wrong skipStages: expected 0 <= skipStages <= ${maxSkipStages}`);
  if (roots.length !== N2)
    throw new Error(`FFT: wrong roots length: expected ${N2}, got ${roots.length}`);
  const isDit = dit !== invertButterflies;
  return (values) => {
    if (values.length !== N2)
      throw new Error("FFT: wrong Polynomial length");
    if (dit && brp)
      bitReversalInplace(values);
    for (let i = 0, g = 1; i < bits - skipStages; i++) {
      const s = dit ? i + 1 + skipStages : bits - i;
      const m = 1 << s;
      const m2 = m >> 1;
      const stride = N2 >> s;
      for (let k = 0; k < N2; k += m) {
        for (let j = 0, grp = g++; j < m2; j++) {
          const rootPos = invertButterflies ? dit ? N2 - grp : grp : j * stride;
          const i0 = k + j;
          const i1 = k + j + m2;
          const omega = roots[rootPos];
          const b = values[i1];
          const a = values[i0];
          if (isDit) {
            const t = F2.mul(b, omega);
            values[i0] = F2.add(a, t);
            values[i1] = F2.sub(a, t);
          } else if (invertButterflies) {
            values[i0] = F2.add(b, a);
            values[i1] = F2.mul(F2.sub(b, a), omega);
          } else {
            values[i0] = F2.add(a, b);
            values[i1] = F2.mul(F2.sub(a, b), omega);
          }
        }
      }
    }
    if (!dit && brp)
      bitReversalInplace(values);
    return values;
  };
};

// node_modules/@noble/post-quantum/utils.js
var abytesDoc = abytes;
var randomBytes2 = randomBytes;
function aarray2(item, title, inner = () => {
}) {
  if (!Array.isArray(item))
    throw new TypeError(`"${title}" expected array, got type=${typeof item}`);
  for (let i = 0; i < item.length; i++)
    inner(item[i], `${title}[${i}]`);
  return item;
}
function equalBytes(a, b) {
  a = abytes(a);
  b = abytes(b);
  if (a.length !== b.length)
    return false;
  let diff = 0;
  for (let i = 0; i < a.length; i++)
    diff |= a[i] ^ b[i];
  return diff === 0;
}
function copyBytes(bytes) {
  return new Uint8Array(abytes(bytes));
}
function splitCoder(label2, ...lengths) {
  const getLength = (c) => typeof c === "number" ? c : c.bytesLen;
  const bytesLen = lengths.reduce((sum, a) => sum + getLength(a), 0);
  return {
    bytesLen,
    encode: (bufs) => {
      const res = new Uint8Array(bytesLen);
      for (let i = 0, pos = 0; i < lengths.length; i++) {
        const c = lengths[i];
        const l = getLength(c);
        const b = typeof c === "number" ? bufs[i] : c.encode(bufs[i]);
        abytes(b, l, label2);
        res.set(b, pos);
        if (typeof c !== "number")
          b.fill(0);
        pos += l;
      }
      return res;
    },
    decode: (buf) => {
      abytes(buf, bytesLen, label2);
      const res = [];
      for (const c of lengths) {
        const l = getLength(c);
        const b = buf.subarray(0, l);
        res.push(typeof c === "number" ? b : c.decode(b));
        buf = buf.subarray(l);
      }
      return res;
    }
  };
}
function vecCoder(c, vecLen) {
  const coder = c;
  const bytesLen = vecLen * coder.bytesLen;
  return {
    bytesLen,
    encode: (u) => {
      const uArr = aarray2(u, "u");
      if (uArr.length !== vecLen)
        throw new RangeError(`vecCoder.encode: wrong length=${uArr.length}. Expected: ${vecLen}`);
      const res = new Uint8Array(bytesLen);
      for (let i = 0, pos = 0; i < uArr.length; i++) {
        const b = coder.encode(uArr[i]);
        res.set(b, pos);
        b.fill(0);
        pos += b.length;
      }
      return res;
    },
    decode: (a) => {
      abytes(a, bytesLen);
      const r = [];
      for (let i = 0; i < a.length; i += coder.bytesLen)
        r.push(coder.decode(a.subarray(i, i + coder.bytesLen)));
      return r;
    }
  };
}
function cleanBytes(...list) {
  for (const t of list) {
    if (Array.isArray(t))
      for (const b of t)
        b.fill(0);
    else
      t.fill(0);
  }
}
function getMask(bits) {
  anumber(bits, "bits");
  if (bits > 32)
    throw new RangeError('"bits" expected <= 32, got ' + bits);
  return bits === 32 ? 4294967295 : ~(-1 << bits) >>> 0;
}

// node_modules/@noble/post-quantum/_crystals.js
var genCrystals = (opts2) => {
  const { newPoly, N: N2, Q: Q2, F: F2, ROOT_OF_UNITY: ROOT_OF_UNITY2, brvBits, isKyber } = opts2;
  const mod = (a, modulo = Q2) => {
    const result = a % modulo | 0;
    return (result >= 0 ? result | 0 : modulo + result | 0) | 0;
  };
  const smod = (a, modulo = Q2) => {
    const r = mod(a, modulo) | 0;
    return (r > modulo >> 1 ? r - modulo | 0 : r) | 0;
  };
  function getZettas() {
    const out = newPoly(N2);
    for (let i = 0; i < N2; i++) {
      const b = reverseBits(i, brvBits);
      const p = BigInt(ROOT_OF_UNITY2) ** BigInt(b) % BigInt(Q2);
      out[i] = Number(p) | 0;
    }
    return out;
  }
  const nttZetas = getZettas();
  const inv = (_a) => {
    throw new Error("not implemented");
  };
  const field = isKyber ? {
    add: (a, b) => {
      const r = a + b | 0;
      return r >= Q2 ? r - Q2 | 0 : r;
    },
    sub: (a, b) => {
      const r = a - b | 0;
      return r < 0 ? r + Q2 | 0 : r;
    },
    mul: (a, b) => mod((a | 0) * (b | 0)) | 0,
    inv
  } : {
    add: (a, b) => mod((a | 0) + (b | 0)) | 0,
    sub: (a, b) => mod((a | 0) - (b | 0)) | 0,
    mul: (a, b) => mod((a | 0) * (b | 0)) | 0,
    inv
  };
  const nttOpts = {
    N: N2,
    roots: nttZetas,
    invertButterflies: true,
    skipStages: isKyber ? 1 : 0,
    brp: false
  };
  const dif = FFTCore(field, { dit: false, ...nttOpts });
  const dit = FFTCore(field, { dit: true, ...nttOpts });
  const NTT = {
    encode: (r) => {
      return dif(r);
    },
    decode: (r) => {
      dit(r);
      for (let i = 0; i < r.length; i++)
        r[i] = mod(F2 * r[i]);
      return r;
    }
  };
  const bitsCoder = (d, c) => {
    for (let i = 0, bufLen = 0; i < N2; i++) {
      bufLen += d;
      if (bufLen > 32)
        getMask(bufLen);
      bufLen %= 8;
    }
    const mask = getMask(d);
    const bytesLen = d * (N2 / 8);
    return {
      bytesLen,
      encode: (poly_) => {
        const poly = poly_;
        const r = new Uint8Array(bytesLen);
        for (let i = 0, buf = 0, bufLen = 0, pos = 0; i < poly.length; i++) {
          buf |= (c.encode(poly[i]) & mask) << bufLen;
          bufLen += d;
          for (; bufLen >= 8; bufLen -= 8, buf >>= 8)
            r[pos++] = buf & 255;
        }
        return r;
      },
      decode: (bytes) => {
        const r = newPoly(N2);
        for (let i = 0, buf = 0, bufLen = 0, pos = 0; i < bytes.length; i++) {
          buf |= bytes[i] << bufLen;
          bufLen += 8;
          for (; bufLen >= d; bufLen -= d, buf >>= d)
            r[pos++] = c.decode(buf & mask);
        }
        return r;
      }
    };
  };
  return {
    mod,
    smod,
    nttZetas,
    NTT: {
      encode: (r) => NTT.encode(r),
      decode: (r) => NTT.decode(r)
    },
    bitsCoder
  };
};
var createXofShake = (shake) => (seed, blockLen) => {
  if (!blockLen)
    blockLen = shake.blockLen;
  const _seed = new Uint8Array(seed.length + 2);
  _seed.set(seed);
  const seedLen = seed.length;
  const buf = new Uint8Array(blockLen);
  let h = shake.create({});
  let calls = 0;
  let xofs = 0;
  return {
    stats: () => ({ calls, xofs }),
    get: (x, y) => {
      _seed[seedLen + 0] = x;
      _seed[seedLen + 1] = y;
      h.destroy();
      h = shake.create({}).update(_seed);
      calls++;
      return () => {
        xofs++;
        return h.xofInto(buf);
      };
    },
    clean: () => {
      h.destroy();
      cleanBytes(buf, _seed);
    }
  };
};
var XOF128 = /* @__PURE__ */ createXofShake(shake128);

// node_modules/@noble/post-quantum/ml-kem.js
var N = 256;
var Q = 3329;
var F = 3303;
var ROOT_OF_UNITY = 17;
var crystals = /* @__PURE__ */ genCrystals({
  N,
  Q,
  F,
  ROOT_OF_UNITY,
  newPoly: (n) => new Uint16Array(n),
  brvBits: 7,
  isKyber: true
});
var PARAMS = /* @__PURE__ */ (() => Object.freeze({
  512: Object.freeze({ N, Q, K: 2, ETA1: 3, ETA2: 2, du: 10, dv: 4, RBGstrength: 128 }),
  768: Object.freeze({ N, Q, K: 3, ETA1: 2, ETA2: 2, du: 10, dv: 4, RBGstrength: 192 }),
  1024: Object.freeze({ N, Q, K: 4, ETA1: 2, ETA2: 2, du: 11, dv: 5, RBGstrength: 256 })
}))();
var compress = (d) => {
  if (d >= 12)
    return { encode: (i) => i, decode: (i) => i >= Q ? i - Q : i };
  const a = 2 ** (d - 1);
  return {
    // This only matches standalone Compress_d after bitsCoder masks the result into Z_(2^d).
    encode: (i) => ((i << d) + Q / 2) / Q,
    // const decompress = (i: number) => round((Q / 2 ** d) * i);
    decode: (i) => i * Q + a >>> d
  };
};
var byteCoder = (d) => crystals.bitsCoder(d, d === 12 ? { encode: (i) => i, decode: (i) => i >= Q ? i - Q : i } : { encode: (i) => i, decode: (i) => i });
var polyCoder = (d) => d === 12 ? byteCoder(12) : crystals.bitsCoder(d, compress(d));
function polyAdd(a_, b_) {
  const a = a_;
  const b = b_;
  for (let i = 0; i < N; i++) {
    const r = a[i] + b[i];
    a[i] = r >= Q ? r - Q : r;
  }
}
function polySub(a_, b_) {
  const a = a_;
  const b = b_;
  for (let i = 0; i < N; i++) {
    const r = a[i] - b[i];
    a[i] = r < 0 ? r + Q : r;
  }
}
function BaseCaseMultiply(a0, a1, b0, b1, zeta) {
  const c0 = crystals.mod(crystals.mod(a1 * b1) * zeta + a0 * b0);
  const c1 = crystals.mod(a0 * b1 + a1 * b0);
  return { c0, c1 };
}
function MultiplyNTTs(f_, g_) {
  const f = f_;
  const g = g_;
  for (let i = 0; i < N / 2; i++) {
    let z = crystals.nttZetas[64 + (i >> 1)];
    if (i & 1)
      z = -z;
    const { c0, c1 } = BaseCaseMultiply(f[2 * i + 0], f[2 * i + 1], g[2 * i + 0], g[2 * i + 1], z);
    f[2 * i + 0] = c0;
    f[2 * i + 1] = c1;
  }
  return f;
}
function SampleNTT(xof_) {
  const xof = xof_;
  const r = new Uint16Array(N);
  for (let j = 0; j < N; ) {
    const b = xof();
    if (b.length % 3)
      throw new Error("SampleNTT: unaligned block");
    for (let i = 0; j < N && i + 3 <= b.length; i += 3) {
      const d1 = (b[i + 0] >> 0 | b[i + 1] << 8) & 4095;
      const d2 = (b[i + 1] >> 4 | b[i + 2] << 4) & 4095;
      if (d1 < Q)
        r[j++] = d1;
      if (j < N && d2 < Q)
        r[j++] = d2;
    }
  }
  return r;
}
var sampleCBDBytes = (buf, eta) => {
  const r = new Uint16Array(N);
  const b32 = u32(buf);
  swap32IfBE(b32);
  let len = 0;
  for (let i = 0, p = 0, bb = 0, t0 = 0; i < b32.length; i++) {
    let b = b32[i];
    for (let j = 0; j < 32; j++) {
      bb += b & 1;
      b >>= 1;
      len += 1;
      if (len === eta) {
        t0 = bb;
        bb = 0;
      } else if (len === 2 * eta) {
        r[p++] = crystals.mod(t0 - bb);
        bb = 0;
        len = 0;
      }
    }
  }
  swap32IfBE(b32);
  if (len)
    throw new Error(`sampleCBD: leftover bits: ${len}`);
  return r;
};
function sampleCBD(PRF_, seed, nonce4, eta) {
  const PRF = PRF_;
  return sampleCBDBytes(PRF(eta * N / 4, seed, nonce4), eta);
}
var genKPKE = (opts_) => {
  const opts2 = opts_;
  const { K, PRF, XOF, HASH512, ETA1, ETA2, du, dv } = opts2;
  const poly1 = polyCoder(1);
  const polyV = polyCoder(dv);
  const polyU = polyCoder(du);
  const publicCoder = splitCoder("publicKey", vecCoder(polyCoder(12), K), 32);
  const secretCoder = vecCoder(polyCoder(12), K);
  const cipherCoder = splitCoder("ciphertext", vecCoder(polyU, K), polyV);
  const seedCoder = splitCoder("seed", 32, 32);
  const encryptCore = (tHat, getA, msg, seed) => {
    const rHat = [];
    for (let i = 0; i < K; i++)
      rHat.push(crystals.NTT.encode(sampleCBD(PRF, seed, i, ETA1)));
    const tmp2 = new Uint16Array(N);
    const u = [];
    for (let i = 0; i < K; i++) {
      const e1 = sampleCBD(PRF, seed, K + i, ETA2);
      const tmp = new Uint16Array(N);
      for (let j = 0; j < K; j++) {
        const aij = getA(i, j);
        polyAdd(tmp, MultiplyNTTs(aij, rHat[j]));
      }
      polyAdd(e1, crystals.NTT.decode(tmp));
      u.push(e1);
      polyAdd(tmp2, MultiplyNTTs(tHat[i], rHat[i]));
      cleanBytes(tmp);
    }
    const e2 = sampleCBD(PRF, seed, 2 * K, ETA2);
    polyAdd(e2, crystals.NTT.decode(tmp2));
    const v = poly1.decode(msg);
    polyAdd(v, e2);
    cleanBytes(tHat, rHat, tmp2, e2);
    return cipherCoder.encode([u, v]);
  };
  return {
    secretCoder,
    lengths: {
      secretKey: secretCoder.bytesLen,
      publicKey: publicCoder.bytesLen,
      cipherText: cipherCoder.bytesLen
    },
    keygen: (seed) => {
      abytesDoc(seed, 32, "seed");
      const seedDst = new Uint8Array(33);
      seedDst.set(seed);
      seedDst[32] = K;
      const seedHash = HASH512(seedDst);
      const [rho, sigma] = seedCoder.decode(seedHash);
      const sHat = [];
      const tHat = [];
      for (let i = 0; i < K; i++)
        sHat.push(crystals.NTT.encode(sampleCBD(PRF, sigma, i, ETA1)));
      const x = XOF(rho);
      for (let i = 0; i < K; i++) {
        const e = crystals.NTT.encode(sampleCBD(PRF, sigma, K + i, ETA1));
        for (let j = 0; j < K; j++) {
          const aji = SampleNTT(x.get(j, i));
          polyAdd(e, MultiplyNTTs(aji, sHat[j]));
        }
        tHat.push(e);
      }
      x.clean();
      const res = {
        publicKey: publicCoder.encode([tHat, rho]),
        secretKey: secretCoder.encode(sHat)
      };
      cleanBytes(rho, sigma, sHat, tHat, seedDst, seedHash);
      return res;
    },
    encrypt: (publicKey, msg, seed) => {
      const [tHat, rho] = publicCoder.decode(publicKey);
      const x = XOF(rho);
      const res = encryptCore(tHat, (i, j) => SampleNTT(x.get(i, j)), msg, seed);
      x.clean();
      return res;
    },
    // Expands the full Â matrix (public data derived from rho) once, so repeated encryptions
    // against the same ek skip the K² SampleNTT XOF expansions. Cached polys are copied per
    // call because encryptCore mutates its inputs in place.
    prepare: (publicKey) => {
      const [tHat, rho] = publicCoder.decode(publicKey);
      const x = XOF(rho);
      const A = [];
      for (let i = 0; i < K; i++)
        for (let j = 0; j < K; j++)
          A.push(SampleNTT(x.get(i, j)));
      x.clean();
      return {
        encrypt: (msg, seed) => encryptCore(tHat.map((p) => p.slice()), (i, j) => A[i * K + j].slice(), msg, seed),
        clean: () => cleanBytes(tHat, A)
      };
    },
    decrypt: (cipherText, privateKey) => {
      const [u, v] = cipherCoder.decode(cipherText);
      const sk = secretCoder.decode(privateKey);
      const tmp = new Uint16Array(N);
      for (let i = 0; i < K; i++)
        polyAdd(tmp, MultiplyNTTs(sk[i], crystals.NTT.encode(u[i])));
      polySub(v, crystals.NTT.decode(tmp));
      const res = poly1.encode(v);
      cleanBytes(tmp, sk, u, v);
      return res;
    }
  };
};
function createKyber(opts2) {
  const rawOpts = opts2;
  const KPKE = genKPKE(rawOpts);
  const { HASH256, HASH512, KDF } = rawOpts;
  const { secretCoder: KPKESecretCoder, lengths } = KPKE;
  const secretCoder = splitCoder("secretKey", lengths.secretKey, lengths.publicKey, 32, 32);
  const msgLen = 32;
  const seedLen = 64;
  const validateModulus = (publicKey, fn) => {
    const eke = publicKey.subarray(0, 384 * rawOpts.K);
    const ek = KPKESecretCoder.encode(KPKESecretCoder.decode(copyBytes(eke)));
    const ok = equalBytes(ek, eke);
    cleanBytes(ek);
    if (!ok)
      throw new Error(`ML-KEM.${fn}: wrong publicKey modulus`);
  };
  const kemLengths = Object.freeze({
    ...lengths,
    seed: 64,
    msg: msgLen,
    msgRand: msgLen,
    secretKey: secretCoder.bytesLen
  });
  return Object.freeze({
    info: Object.freeze({ type: "ml-kem" }),
    lengths: kemLengths,
    keygen: (seed) => {
      const ownSeed = seed === void 0;
      const s = ownSeed ? randomBytes2(seedLen) : seed;
      let sk;
      let publicKeyHash;
      try {
        abytesDoc(s, seedLen, "seed");
        const keys = KPKE.keygen(s.subarray(0, 32));
        const publicKey = keys.publicKey;
        sk = keys.secretKey;
        publicKeyHash = HASH256(publicKey);
        const secretKey = secretCoder.encode([sk, publicKey, publicKeyHash, s.subarray(32)]);
        return {
          publicKey,
          secretKey
        };
      } finally {
        if (sk !== void 0)
          cleanBytes(sk);
        if (publicKeyHash !== void 0)
          cleanBytes(publicKeyHash);
        if (ownSeed)
          cleanBytes(s);
      }
    },
    getPublicKey: (secretKey) => {
      const [_sk, publicKey, _publicKeyHash, _z] = secretCoder.decode(secretKey);
      return Uint8Array.from(publicKey);
    },
    encapsulate: (publicKey, msg) => {
      const ownMsg = msg === void 0;
      const m = ownMsg ? randomBytes2(msgLen) : msg;
      let kr;
      try {
        abytesDoc(publicKey, lengths.publicKey, "publicKey");
        abytesDoc(m, msgLen, "message");
        validateModulus(publicKey, "encapsulate");
        kr = HASH512.create().update(m).update(HASH256(publicKey)).digest();
        const cipherText = KPKE.encrypt(publicKey, m, kr.subarray(32, 64));
        return {
          cipherText,
          sharedSecret: kr.subarray(0, 32)
        };
      } finally {
        if (kr !== void 0)
          cleanBytes(kr.subarray(32));
        if (ownMsg)
          cleanBytes(m);
      }
    },
    decapsulate: (cipherText, secretKey) => {
      abytesDoc(secretKey, secretCoder.bytesLen, "secretKey");
      abytesDoc(cipherText, lengths.cipherText, "cipherText");
      const k768 = secretCoder.bytesLen - 96;
      const start2 = k768 + 32;
      const test = HASH256(secretKey.subarray(k768 / 2, start2));
      if (!equalBytes(test, secretKey.subarray(start2, start2 + 32)))
        throw new Error("invalid secretKey: hash check failed");
      const [sk, publicKey, publicKeyHash, z] = secretCoder.decode(secretKey);
      const msg = KPKE.decrypt(cipherText, sk);
      const kr = HASH512.create().update(msg).update(publicKeyHash).digest();
      const Khat = kr.subarray(0, 32);
      const cipherText2 = KPKE.encrypt(publicKey, msg, kr.subarray(32, 64));
      const isValid = equalBytes(cipherText, cipherText2);
      const Kbar = KDF.create({ dkLen: 32 }).update(z).update(cipherText).digest();
      cleanBytes(msg, cipherText2, kr.subarray(32), !isValid ? Khat : Kbar);
      return isValid ? Khat : Kbar;
    },
    /**
     * Experimental prototype: pre-expand a public key so repeated encapsulate/decapsulate
     * against the same key skip re-validation, H(ek), t̂ decoding and the K² SampleNTT
     * XOF expansions of Â. Only public data is cached; see {@link KEMPrepared}.
     */
    prepare: (publicKey) => {
      abytesDoc(publicKey, lengths.publicKey, "publicKey");
      validateModulus(publicKey, "prepare");
      const ek = copyBytes(publicKey);
      const publicKeyHash = HASH256(ek);
      const cached2 = KPKE.prepare(ek);
      return Object.freeze({
        publicKey: ek,
        encapsulate: (msg) => {
          const ownMsg = msg === void 0;
          const m = ownMsg ? randomBytes2(msgLen) : msg;
          let kr;
          try {
            abytesDoc(m, msgLen, "message");
            kr = HASH512.create().update(m).update(publicKeyHash).digest();
            const cipherText = cached2.encrypt(m, kr.subarray(32, 64));
            return {
              cipherText,
              sharedSecret: kr.subarray(0, 32)
            };
          } finally {
            if (kr !== void 0)
              cleanBytes(kr.subarray(32));
            if (ownMsg)
              cleanBytes(m);
          }
        },
        decapsulate: (cipherText, secretKey) => {
          abytesDoc(secretKey, secretCoder.bytesLen, "secretKey");
          abytesDoc(cipherText, lengths.cipherText, "cipherText");
          const [sk, ekEmbedded, storedHash, z] = secretCoder.decode(secretKey);
          if (!equalBytes(ekEmbedded, ek) || !equalBytes(storedHash, publicKeyHash))
            throw new Error("ML-KEM.decapsulate: secretKey does not match prepared publicKey");
          const msg = KPKE.decrypt(cipherText, sk);
          const kr = HASH512.create().update(msg).update(publicKeyHash).digest();
          const Khat = kr.subarray(0, 32);
          const cipherText2 = cached2.encrypt(msg, kr.subarray(32, 64));
          const isValid = equalBytes(cipherText, cipherText2);
          const Kbar = KDF.create({ dkLen: 32 }).update(z).update(cipherText).digest();
          cleanBytes(msg, cipherText2, kr.subarray(32), !isValid ? Khat : Kbar);
          return isValid ? Khat : Kbar;
        },
        clean: cached2.clean
      });
    }
  });
}
function shakePRF(dkLen, key, nonce4) {
  return shake256.create({ dkLen }).update(key).update(new Uint8Array([nonce4])).digest();
}
var opts = /* @__PURE__ */ (() => ({
  HASH256: sha3_256,
  HASH512: sha3_512,
  KDF: shake256,
  XOF: XOF128,
  PRF: shakePRF
}))();
var mk = (params) => createKyber({
  ...opts,
  ...params
});
var ml_kem768 = /* @__PURE__ */ (() => mk(PARAMS[768]))();
var ml_kem1024 = /* @__PURE__ */ (() => mk(PARAMS[1024]))();

// src/crypto/ml-kem.ts
var mlKemSizes = {
  768: { publicKeyLength: 1184, ciphertextLength: 1088 },
  1024: { publicKeyLength: 1568, ciphertextLength: 1568 }
};
function portableMlKem(parameters) {
  const kem = parameters === 768 ? ml_kem768 : ml_kem1024;
  return {
    backend: "portable",
    ...mlKemSizes[parameters],
    generate() {
      const { publicKey, secretKey } = kem.keygen();
      return {
        publicKey,
        decapsulate(ciphertext) {
          return kem.decapsulate(ciphertext, secretKey);
        },
        destroy() {
          secretKey.fill(0);
        }
      };
    },
    encapsulate(publicKey) {
      const { cipherText, sharedSecret: sharedSecret2 } = kem.encapsulate(publicKey);
      return { ciphertext: cipherText, secret: sharedSecret2 };
    }
  };
}
function checkedMlKem(parameters, kem) {
  return {
    ...kem,
    generate() {
      const pair2 = kem.generate();
      return {
        publicKey: pair2.publicKey,
        decapsulate(ciphertext) {
          checkCiphertext(ciphertext, parameters);
          return pair2.decapsulate(ciphertext);
        },
        destroy: () => pair2.destroy()
      };
    },
    encapsulate(publicKey) {
      checkPublicKey(publicKey, parameters);
      return kem.encapsulate(publicKey);
    }
  };
}
function checkPublicKey(publicKey, parameters) {
  const { publicKeyLength } = mlKemSizes[parameters];
  if (publicKey.length !== publicKeyLength) {
    const problem2 = `the ML-KEM-${parameters} key of the key share has ${publicKey.length} bytes, not ${publicKeyLength}`;
    throw illegalParameter("ERR_TLS_KEY_SHARE", problem2, "FIPS 203, Section 7.2");
  }
  for (let i = 0; i < publicKeyLength - 32; i += 3) {
    const b = publicKey[i + 1];
    const first = publicKey[i] | (b & 15) << 8;
    const second = b >>> 4 | publicKey[i + 2] << 4;
    if (first >= 3329 || second >= 3329) {
      const problem2 = `the ML-KEM-${parameters} key of the key share has a coefficient that is not reduced modulo 3329`;
      throw illegalParameter("ERR_TLS_KEY_SHARE", problem2, "FIPS 203, Section 7.2");
    }
  }
}
function checkCiphertext(ciphertext, parameters) {
  const { ciphertextLength } = mlKemSizes[parameters];
  if (ciphertext.length === ciphertextLength) return;
  const problem2 = `the ML-KEM-${parameters} ciphertext of the key share has ${ciphertext.length} bytes, not ${ciphertextLength}`;
  throw illegalParameter("ERR_TLS_KEY_SHARE", problem2, "FIPS 203, Section 7.3");
}

// src/crypto/key-exchange.ts
function keyExchanges(functions, mlKem2) {
  const made = /* @__PURE__ */ new Map();
  return (group) => {
    const known3 = made.get(group);
    if (known3 !== void 0) return known3;
    const exchange = createKeyExchange(group, functions, mlKem2);
    if (exchange !== void 0) made.set(group, exchange);
    return exchange;
  };
}
function createKeyExchange(group, { x25519: x255192, p256, p384, p521 }, mlKem2) {
  switch (group) {
    case "x25519":
      return plainExchange(group, x255192);
    case "secp256r1":
      return plainExchange(group, p256);
    case "secp384r1":
      return plainExchange(group, p384);
    case "secp521r1":
      return plainExchange(group, p521);
    // RFC 10024: only X25519MLKEM768 puts the post-quantum half first.
    case "X25519MLKEM768":
      return hybridExchange(group, x255192, checkedMlKem(768, mlKem2(768)), "kemFirst");
    case "SecP256r1MLKEM768":
      return hybridExchange(group, p256, checkedMlKem(768, mlKem2(768)), "kemLast");
    case "SecP384r1MLKEM1024":
      return hybridExchange(group, p384, checkedMlKem(1024, mlKem2(1024)), "kemLast");
    case "MLKEM1024":
      return kemExchange(group, checkedMlKem(1024, mlKem2(1024)));
    default:
      return void 0;
  }
}
function plainExchange(group, dh) {
  return {
    group,
    clientShareLength: dh.shareLength,
    serverShareLength: dh.shareLength,
    generate: () => pendingExchange(group, dh.generate()),
    respond(clientShare) {
      checkLength(group, clientShare, dh.shareLength);
      const pair2 = dh.generate();
      return { share: pair2.share, secret: agreeOnce(pair2, clientShare) };
    },
    importKeyPair: (privateKey) => staticKeyPair(group, dh, privateKey)
  };
}
function staticKeyPair(group, dh, privateKey) {
  let pair2 = importPair(group, dh, privateKey);
  return {
    group,
    publicKey: pair2.share,
    agree(publicKey) {
      if (pair2 === void 0) throw new Error("this key pair was destroyed");
      checkLength(group, publicKey, dh.shareLength);
      return pair2.agree(publicKey);
    },
    destroy() {
      pair2?.destroy?.();
      pair2 = void 0;
    }
  };
}
function agreeOnce(pair2, peerShare) {
  try {
    return pair2.agree(peerShare);
  } finally {
    pair2.destroy?.();
  }
}
function importPair(group, dh, privateKey) {
  try {
    if (privateKey.length === dh.privateKeyLength) return dh.import(privateKey);
  } catch {
  }
  throw new RangeError(`not a private key of ${group}: it has ${dh.privateKeyLength} bytes, within the group's order`);
}
function pendingExchange(group, made) {
  let pair2 = made;
  return {
    group,
    share: made.share,
    finish(serverShare) {
      if (pair2 === void 0) throw usedTwice();
      pair2 = void 0;
      checkLength(group, serverShare, made.share.length);
      return agreeOnce(made, serverShare);
    },
    destroy() {
      pair2?.destroy?.();
      pair2 = void 0;
    }
  };
}
function kemExchange(group, kem) {
  return {
    group,
    clientShareLength: kem.publicKeyLength,
    serverShareLength: kem.ciphertextLength,
    generate() {
      const pair2 = kem.generate();
      let live = true;
      return {
        group,
        share: pair2.publicKey,
        finish(serverShare) {
          if (!live) throw usedTwice();
          live = false;
          checkLength(group, serverShare, kem.ciphertextLength);
          const secret = pair2.decapsulate(serverShare);
          pair2.destroy();
          return secret;
        },
        destroy() {
          live = false;
          pair2.destroy();
        }
      };
    },
    respond(clientShare) {
      checkLength(group, clientShare, kem.publicKeyLength);
      const { ciphertext, secret } = kem.encapsulate(clientShare);
      return { share: ciphertext, secret };
    }
  };
}
function hybridExchange(group, dh, kem, order) {
  const join2 = (dhPart, kemPart) => order === "kemFirst" ? concat(kemPart, dhPart) : concat(dhPart, kemPart);
  const split2 = (share, kemLength) => order === "kemFirst" ? [share.subarray(kemLength), share.subarray(0, kemLength)] : [share.subarray(0, dh.shareLength), share.subarray(dh.shareLength)];
  const joinSecrets = (dhSecret, kemSecret) => {
    const secret = join2(dhSecret, kemSecret);
    zeroize(dhSecret, kemSecret);
    return secret;
  };
  const clientShareLength = dh.shareLength + kem.publicKeyLength;
  const serverShareLength = dh.shareLength + kem.ciphertextLength;
  return {
    group,
    clientShareLength,
    serverShareLength,
    generate() {
      const pair2 = dh.generate();
      const kemPair = kem.generate();
      let live = true;
      return {
        group,
        share: join2(pair2.share, kemPair.publicKey),
        finish(serverShare) {
          if (!live) throw usedTwice();
          live = false;
          checkLength(group, serverShare, serverShareLength);
          const [dhShare, ciphertext] = split2(serverShare, kem.ciphertextLength);
          const dhSecret = agreeOnce(pair2, dhShare);
          const kemSecret = kemPair.decapsulate(ciphertext);
          kemPair.destroy();
          return joinSecrets(dhSecret, kemSecret);
        },
        destroy() {
          live = false;
          pair2.destroy?.();
          kemPair.destroy();
        }
      };
    },
    respond(clientShare) {
      checkLength(group, clientShare, clientShareLength);
      const [dhShare, publicKey] = split2(clientShare, kem.publicKeyLength);
      const { ciphertext, secret: kemSecret } = kem.encapsulate(publicKey);
      const pair2 = dh.generate();
      const dhSecret = agreeOnce(pair2, dhShare);
      return { share: join2(pair2.share, ciphertext), secret: joinSecrets(dhSecret, kemSecret) };
    }
  };
}
function checkLength(group, share, length) {
  if (share.length === length) return;
  throw badShare(group, `the key share for ${group} has ${share.length} bytes, not ${length}`);
}
function badShare(group, problem2, cause) {
  const error = illegalParameter("ERR_TLS_KEY_SHARE", problem2, "RFC 9846, Section 4.2.8");
  error.phase = `keyShare ${group}`;
  if (cause !== void 0) error.cause = cause;
  return error;
}
function usedTwice() {
  return new TlsError(
    "ERR_TLS_KEY_SHARE_REUSED",
    "internalError",
    "a key exchange was finished twice, or after destroy"
  );
}

// src/crypto/node-accelerator.ts
import { createRequire } from "node:module";

// src/crypto/node-cipher.ts
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey as createSecretKey2
} from "node:crypto";

// src/crypto/node-hash.ts
import * as nodeCrypto from "node:crypto";
import { createHmac, createSecretKey, hash as hashOnce, randomFillSync } from "node:crypto";
var poolSize = 8192;
var largestPooled = 1024;
var pool;
var poolAt = poolSize;
function random(size) {
  if (size > largestPooled) return randomFillSync(new Uint8Array(size));
  pool ??= new Uint8Array(poolSize);
  if (poolAt + size > poolSize) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const end = poolAt + size;
  const bytes = new Uint8Array(size);
  for (let i = 0; poolAt < end; i++, poolAt++) {
    bytes[i] = pool[poolAt];
    pool[poolAt] = 0;
  }
  return bytes;
}
function plain(bytes) {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
var hash2 = (
  // Deno and Bun may lack crypto.hash, which Node has since 20.12.
  typeof nodeCrypto.hash === "function" ? (name2, data) => fromBinary(hashOnce(name2, data, binary)) : (name2, data) => plain(nodeCrypto.createHash(name2).update(data).digest())
);
var binary = "latin1";
function fromBinary(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
var blockLengths = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 };
var hmacOf = typeof nodeCrypto.hash === "function" ? hmacOfTwoHashes : hmacObject;
function hmac(name2, key, data) {
  return hmacOf(name2, key, data);
}
function hmacObject(name2, key, data) {
  return ownCopy(createHmac(name2, keyFor(key)).update(data).digest());
}
var innerInput = new Uint8Array(128 + 1024);
var outerInput = new Uint8Array(128 + 64);
var innerWords = new Uint32Array(innerInput.buffer);
var outerWords = new Uint32Array(outerInput.buffer);
var innerViews = [];
var outerViews = [];
function view(of, known3, length) {
  return known3[length] ??= of.subarray(0, length);
}
function hmacOfTwoHashes(name2, key, data) {
  const block3 = blockLengths[name2];
  if (key.length > block3 || data.length > 1024) return hmacObject(name2, key, data);
  const inner = innerInput;
  const outer = outerInput;
  for (let i = 0; i < block3 / 4; i++) {
    innerWords[i] = 909522486;
    outerWords[i] = 1549556828;
  }
  for (let i = 0; i < key.length; i++) {
    const byte = key[i];
    inner[i] = byte ^ 54;
    outer[i] = byte ^ 92;
  }
  inner.set(data, block3);
  const innerEnd = block3 + data.length;
  const digest = hashOnce(name2, view(inner, innerViews, innerEnd), binary);
  const outerEnd = block3 + digest.length;
  for (let at2 = block3, i = 0; at2 < outerEnd; at2++, i++) outer[at2] = digest.charCodeAt(i);
  const mac = ownCopy(hashOnce(name2, view(outer, outerViews, outerEnd), "buffer"));
  for (let i = 0; i < innerEnd / 4; i++) innerWords[i] = 0;
  for (let i = 0; i < outerEnd / 4; i++) outerWords[i] = 0;
  return mac;
}
function ownCopy(mac) {
  const copy = new Uint8Array(mac.length);
  for (let i = 0; i < copy.length; i++) {
    copy[i] = mac[i];
    mac[i] = 0;
  }
  return copy;
}
function prepareHmac(name2, key) {
  return new PreparedHmac(name2, key.slice());
}
var PreparedHmac = class {
  #name;
  #key;
  #live = true;
  constructor(name2, key) {
    this.#name = name2;
    this.#key = key;
  }
  sign(data) {
    if (!this.#live) throw new Error("this HMAC key was destroyed");
    return hmacOf(this.#name, this.#key, data);
  }
  destroy() {
    this.#live = false;
    this.#key.fill(0);
  }
};
var nodeMajor = Number.parseInt(process.versions.node, 10);
var preferKeyObjects = nodeMajor >= 22;
function keyFor(key) {
  return preferKeyObjects ? createSecretKey(key) : key;
}

// src/crypto/node-cipher.ts
var tagLength = 16;
var tagOption = { authTagLength: tagLength };
var aeads = {
  aes128gcm: { algorithm: "aes-128-gcm", keyLength: 16 },
  aes256gcm: { algorithm: "aes-256-gcm", keyLength: 32 },
  chacha20poly1305: { algorithm: "chacha20-poly1305", keyLength: 32 }
};
var freesAtOnce = nodeMajor >= 24;
var cbcs = {
  aes128cbc: { algorithm: "aes-128-cbc", keyLength: 16 },
  aes256cbc: { algorithm: "aes-256-cbc", keyLength: 32 }
};
function createAead(name2, key) {
  return new NodeAead(name2, key);
}
var keyPlaces = { 16: new Uint8Array(16), 32: new Uint8Array(32) };
var NodeAead = class {
  keyLength;
  tagLength = tagLength;
  #algorithm;
  #key;
  constructor(name2, key) {
    const { algorithm: algorithm2, keyLength } = aeads[name2];
    if (key.length !== keyLength) throw new RangeError(`a key of ${name2} has ${keyLength} bytes, not ${key.length}`);
    this.keyLength = keyLength;
    this.#algorithm = algorithm2;
    this.#key = preferKeyObjects ? createSecretKey2(key) : key.slice();
  }
  seal(nonce4, additionalData3, plaintext, out, at2) {
    const key = this.#liveKey();
    const cipher = createCipheriv(this.#algorithm, key, nonce4, tagOption);
    if (key instanceof Uint8Array) zeroize(key);
    cipher.setAAD(additionalData3);
    const ciphertext = cipher.update(plaintext);
    out.set(ciphertext, at2);
    letGo(ciphertext);
    cipher.final();
    out.set(cipher.getAuthTag(), at2 + plaintext.length);
    return plaintext.length + tagLength;
  }
  open(nonce4, additionalData3, ciphertext) {
    const bodyLength = ciphertext.length - tagLength;
    if (bodyLength < 0) return void 0;
    const key = this.#liveKey();
    const decipher = createDecipheriv(this.#algorithm, key, nonce4, tagOption);
    if (key instanceof Uint8Array) zeroize(key);
    decipher.setAAD(additionalData3);
    decipher.setAuthTag(ciphertext.subarray(bodyLength));
    const plaintext = decipher.update(ciphertext.subarray(0, bodyLength));
    try {
      decipher.final();
    } catch {
      plaintext.fill(0);
      return void 0;
    }
    return plain(plaintext);
  }
  destroy() {
    if (this.#key instanceof Uint8Array) zeroize(this.#key);
    this.#key = void 0;
  }
  #liveKey() {
    const key = this.#key;
    if (key === void 0) throw new Error("this AEAD key was destroyed");
    if (!(key instanceof Uint8Array)) return key;
    const place = keyPlaces[this.keyLength];
    place.set(key);
    return place;
  }
};
function letGo(output) {
  const buffer = output.buffer;
  if (freesAtOnce && output.length >= 4096 && buffer.byteLength === output.length) buffer.transfer?.(0);
}
function createCbc(name2, key) {
  const { algorithm: algorithm2, keyLength } = cbcs[name2];
  if (key.length !== keyLength) throw new RangeError(`a key of ${name2} has ${keyLength} bytes, not ${key.length}`);
  let object = createSecretKey2(key);
  const liveKey = () => {
    if (object === void 0) throw new Error("this block cipher key was destroyed");
    return object;
  };
  return {
    encrypt(iv, data) {
      const cipher = createCipheriv(algorithm2, liveKey(), iv).setAutoPadding(false);
      const output = plain(cipher.update(data));
      cipher.final();
      return output;
    },
    decrypt(iv, data) {
      const decipher = createDecipheriv(algorithm2, liveKey(), iv).setAutoPadding(false);
      const output = plain(decipher.update(data));
      decipher.final();
      return output;
    },
    destroy() {
      object = void 0;
    }
  };
}

// src/crypto/node-key-exchange.ts
import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync
} from "node:crypto";

// src/crypto/node-raw-keys.ts
import * as nodeCrypto2 from "node:crypto";
var known;
function rawKeyFunctions() {
  if (known === void 0) {
    const functions = nodeCrypto2;
    try {
      const format3 = "raw-public";
      const { publicKey } = functions.generateKeyPairSync("x25519", { publicKeyEncoding: { format: format3 } });
      functions.createPublicKey({ key: publicKey, format: format3, asymmetricKeyType: "x25519" });
      known = publicKey.length === 32 ? functions : null;
    } catch {
      known = null;
    }
  }
  return known ?? void 0;
}

// src/crypto/node-key-exchange.ts
var x25519Options = { publicKeyEncoding: { format: "jwk" } };
var opensslX25519 = {
  shareLength: 32,
  privateKeyLength: 32,
  generate() {
    const { publicKey, privateKey } = generateKeyPairSync("x25519", x25519Options);
    return x25519Pair(decodeBase64Url(publicKey.x), privateKey);
  },
  import(bytes) {
    const key = concat(x25519PrivateKeyInfo, bytes);
    const privateKey = createPrivateKey({ key: Buffer.from(key.buffer), format: "der", type: "pkcs8" });
    zeroize(key);
    return x25519Pair(decodeBase64Url(createPublicKey(privateKey).export({ format: "jwk" }).x), privateKey);
  }
};
var x25519PrivateKeyInfo = fromHex("302e020100300506032b656e04220420");
function x25519Pair(share, privateKey) {
  return {
    share,
    agree(peerShare) {
      let secret;
      try {
        secret = plain(diffieHellman({ privateKey, publicKey: importX25519(peerShare) }));
      } catch (cause) {
        throw badShare("x25519", "the X25519 key share has no usable shared secret", cause);
      }
      let any = 0;
      for (const byte of secret) any |= byte;
      if (any === 0) throw badShare("x25519", "the X25519 key share yields the all-zero shared secret");
      return secret;
    }
  };
}
function importX25519(share) {
  const raw = rawKeyFunctions();
  if (raw !== void 0) return raw.createPublicKey({ key: share, format: "raw-public", asymmetricKeyType: "x25519" });
  const x = Buffer.from(share.buffer, share.byteOffset, share.length).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
}
function weierstrass(curve, shareLength, privateKeyLength) {
  return {
    shareLength,
    privateKeyLength,
    generate() {
      const ecdh = createECDH(curve);
      return weierstrassPair(curve, ecdh, ecdh.generateKeys());
    },
    import(privateKey) {
      const ecdh = createECDH(curve);
      ecdh.setPrivateKey(privateKey);
      return weierstrassPair(curve, ecdh, ecdh.getPublicKey());
    }
  };
}
function weierstrassPair(curve, ecdh, share) {
  return {
    share: plain(share),
    agree(peerShare) {
      if (peerShare[0] !== 4) throw badShare(curve, "the key share is not an uncompressed point");
      try {
        return plain(ecdh.computeSecret(peerShare));
      } catch (cause) {
        throw badShare(curve, "the key share is not a point on the curve", cause);
      }
    }
  };
}
function decodeBase64Url(text) {
  return plain(Buffer.from(text, "base64url"));
}
var opensslFunctions = {
  x25519: opensslX25519,
  p256: weierstrass("prime256v1", 65, 32),
  p384: weierstrass("secp384r1", 97, 48),
  p521: weierstrass("secp521r1", 133, 66)
};

// src/crypto/node-accelerator.ts
var found;
function accelerator() {
  if (found === void 0) found = process.env["HANDFAST_ACCELERATOR"] === "off" ? null : load() ?? null;
  return found ?? void 0;
}
function load() {
  const require2 = createRequire(import.meta.url);
  let name2;
  let sodium;
  try {
    sodium = require2("sodium-native");
    name2 = `sodium-native ${require2("sodium-native/package.json").version}`;
  } catch {
    return void 0;
  }
  const accelerator2 = accelerate(name2, sodium);
  if (agreesWithOpenssl(accelerator2)) return accelerator2;
  process.emitWarning(`${name2} does not compute what OpenSSL computes, and is not used`, {
    code: "HANDFAST_ACCELERATOR"
  });
  return void 0;
}
function accelerate(name2, sodium) {
  return { name: name2, x25519: x25519(sodium), createChaCha20Poly1305: (key) => new ChaCha20Poly1305(sodium, key) };
}
function agreesWithOpenssl({ x25519: x255192, createChaCha20Poly1305 }) {
  try {
    const ours = x255192.generate();
    const theirs = opensslX25519.generate();
    if (!equal(ours.agree(theirs.share), theirs.agree(ours.share))) return false;
    const [key, nonce4, header3, text] = [random(32), random(12), random(5), random(100)];
    const [mine, openssl] = [createChaCha20Poly1305(key), createAead("chacha20poly1305", key)];
    const [sealed, expected] = [new Uint8Array(116), new Uint8Array(116)];
    mine.seal(nonce4, header3, text, sealed, 0);
    openssl.seal(nonce4, header3, text, expected, 0);
    const opened3 = mine.open(nonce4, header3, expected);
    expected[0] ^= 1;
    const forged = mine.open(nonce4, header3, expected);
    expected[0] ^= 1;
    return equal(sealed, expected) && opened3 !== void 0 && equal(opened3, text) && forged === void 0;
  } catch {
    return false;
  }
}
function x25519(sodium) {
  const pair2 = (scalar) => {
    const share = new Uint8Array(32);
    sodium.crypto_scalarmult_base(share, scalar);
    return {
      share,
      agree(peerShare) {
        const secret = new Uint8Array(32);
        try {
          sodium.crypto_scalarmult(secret, scalar, peerShare);
        } catch (cause) {
          throw badShare("x25519", "the X25519 key share has no usable shared secret", cause);
        }
        return secret;
      },
      destroy: () => zeroize(scalar)
    };
  };
  return {
    shareLength: 32,
    privateKeyLength: 32,
    generate: () => pair2(random(32)),
    import: (privateKey) => pair2(privateKey.slice())
  };
}
var keyPlace = new Uint8Array(32);
var shortPlaces = [];
var tagLength2 = 16;
var shortest = 64;
var ChaCha20Poly1305 = class {
  keyLength = 32;
  tagLength = tagLength2;
  #sodium;
  #key;
  #live = true;
  constructor(sodium, key) {
    if (key.length !== 32) throw new RangeError(`a key of chacha20poly1305 has 32 bytes, not ${key.length}`);
    this.#sodium = sodium;
    this.#key = key.slice();
  }
  seal(nonce4, additionalData3, plaintext, out, at2) {
    const length = plaintext.length + tagLength2;
    const place = out.subarray(at2, at2 + length);
    const encrypt = this.#sodium.crypto_aead_chacha20poly1305_ietf_encrypt;
    const key = this.#liveKey();
    try {
      encrypt(place, plaintext, additionalData3, null, nonce4, key);
    } finally {
      zeroize(keyPlace);
    }
    return length;
  }
  open(nonce4, additionalData3, ciphertext, mayOverwrite = false) {
    const length = ciphertext.length - tagLength2;
    if (length < 0) return void 0;
    if (nonce4.length !== 12) throw new RangeError(`a nonce of chacha20poly1305 has 12 bytes, not ${nonce4.length}`);
    const short = length <= shortest;
    const place = short ? shortPlaces[length] ??= new Uint8Array(length) : mayOverwrite ? ciphertext.subarray(0, length) : unfilled(length);
    const decrypt = this.#sodium.crypto_aead_chacha20poly1305_ietf_decrypt;
    const key = this.#liveKey();
    try {
      decrypt(place, null, ciphertext, additionalData3, nonce4, key);
    } catch {
      return void 0;
    } finally {
      zeroize(keyPlace);
    }
    return short ? taken(place) : place;
  }
  destroy() {
    zeroize(this.#key);
    this.#live = false;
  }
  #liveKey() {
    if (!this.#live) throw new Error("this AEAD key was destroyed");
    const key = this.#key;
    for (let i = 0; i < 32; i++) keyPlace[i] = key[i];
    return keyPlace;
  }
};
function unfilled(length) {
  return plain(Buffer.allocUnsafeSlow(length));
}
function taken(place) {
  const copy = new Uint8Array(place.length);
  for (let i = 0; i < copy.length; i++) {
    copy[i] = place[i];
    place[i] = 0;
  }
  return copy;
}

// src/crypto/node-keys.ts
import {
  constants,
  createPrivateKey as createPrivateKey2,
  createPublicKey as createPublicKey2,
  privateDecrypt,
  publicEncrypt,
  sign as signOnce,
  verify as verifyOnce
} from "node:crypto";

// src/crypto/spki.ts
function splitSpki(spki) {
  const outer = element(spki, 0, 48);
  if (outer === void 0 || outer.end !== spki.length) return void 0;
  const identifier = element(spki, outer.start, 48);
  if (identifier === void 0) return void 0;
  const oid = element(spki, identifier.start, 6);
  if (oid === void 0 || oid.end > identifier.end) return void 0;
  const bits = element(spki, identifier.end, 3);
  if (bits === void 0 || bits.end !== outer.end || bits.end === bits.start || spki[bits.start] !== 0)
    return void 0;
  return {
    algorithm: spki.subarray(oid.start, oid.end),
    parameters: spki.subarray(oid.end, identifier.end),
    key: spki.subarray(bits.start + 1, bits.end)
  };
}
function element(der3, at2, tag) {
  const first = der3[at2 + 1];
  if (der3[at2] !== tag || first === void 0) return void 0;
  let start2 = at2 + 2;
  let length = first;
  if (first >= 128) {
    const count2 = first - 128;
    if (count2 === 0 || count2 > 3 || start2 + count2 > der3.length) return void 0;
    length = 0;
    for (let i = 0; i < count2; i++) length = length << 8 | der3[start2 + i];
    if (length < 128 || count2 > 1 && length < 2 ** (8 * (count2 - 1))) return void 0;
    start2 += count2;
  }
  const end = start2 + length;
  return end <= der3.length ? { start: start2, end } : void 0;
}

// src/crypto/key-types.ts
var largestRsaBits = 8192;
var fixedBits = {
  p256: 256,
  p384: 384,
  p521: 521,
  ed25519: 256,
  ed448: 456,
  mldsa44: 10496,
  mldsa65: 15616,
  mldsa87: 20736
};
function readSpki(spki) {
  const parts = splitSpki(spki);
  if (parts === void 0) throw badPublicKey("the public key is not a SubjectPublicKeyInfo in DER");
  const { algorithm: algorithm2, parameters, key } = parts;
  const type = keyTypeOf(toHex(algorithm2), parameters);
  if (type === void 0) {
    throw unsupportedPublicKey(`public keys of the algorithm ${toHex(algorithm2)} (OID in DER) are not supported`);
  }
  if (type === "rsa" && toHex(parameters) !== "0500") {
    throw badPublicKey("the parameters of an RSA public key are not NULL");
  }
  const first = key[0] ?? 0;
  if ((type === "p256" || type === "p384" || type === "p521") && (first < 2 || first > 4)) {
    throw badPublicKey("the EC public key is a point neither in compressed nor in uncompressed form");
  }
  return { type, parameters, key };
}
function checkedRsaBits(bits) {
  if (bits <= largestRsaBits) return bits;
  throw unsupportedPublicKey(`RSA keys of more than ${largestRsaBits} bits are not supported; this has ${bits}`);
}
var maxImported = 100;
function rememberingImport(nameOf, parse) {
  const imported = /* @__PURE__ */ new Map();
  return (spki) => {
    const name2 = nameOf(spki);
    const known3 = imported.get(name2);
    const key = known3 ?? parse(spki);
    if (known3 !== void 0) imported.delete(name2);
    else if (imported.size >= maxImported) imported.delete(imported.keys().next().value ?? "");
    imported.set(name2, key);
    return key;
  };
}
var curves = {
  "06082a8648ce3d030107": "p256",
  "06052b81040022": "p384",
  "06052b81040023": "p521"
};
function keyTypeOf(oid, parameters) {
  switch (oid) {
    case "2a8648ce3d0201":
      return curves[toHex(parameters)];
    case "2a864886f70d010101":
      return "rsa";
    case "2a864886f70d01010a":
      return "rsaPss";
    case "2b6570":
      return "ed25519";
    case "2b6571":
      return "ed448";
    case "608648016503040311":
      return "mldsa44";
    case "608648016503040312":
      return "mldsa65";
    case "608648016503040313":
      return "mldsa87";
    default:
      return void 0;
  }
}
function algorithmFits(algorithm2, type) {
  switch (algorithm2.kind) {
    case "ecdsa":
      return type === "p256" || type === "p384" || type === "p521";
    case "rsaPkcs1":
      return type === "rsa";
    case "rsaPss":
      return type === "rsa" || type === "rsaPss";
    default:
      return algorithm2.kind === type;
  }
}
function badPublicKey(problem2) {
  return new CertificateError("ERR_TLS_PUBLIC_KEY", "badCertificate", problem2);
}
function unsupportedPublicKey(problem2) {
  return new CertificateError("ERR_TLS_PUBLIC_KEY_UNSUPPORTED", "unsupportedCertificate", problem2);
}
function cannotSign(algorithm2, type, cause) {
  const problem2 = `a key of the type ${type} cannot make this signature (${JSON.stringify(algorithm2)})`;
  return new TlsError("ERR_TLS_SIGN", "internalError", problem2, cause === void 0 ? {} : { cause });
}

// src/crypto/node-keys.ts
var importPublicKey = rememberingImport(
  (spki) => Buffer.from(spki.buffer, spki.byteOffset, spki.length).toString("latin1"),
  parsePublicKey
);
function parsePublicKey(spki) {
  const { type, parameters, key } = readSpki(spki);
  const object = importByType(type, spki, parameters, key);
  const bits = fixedBits[type] ?? checkedRsaBits(object.asymmetricKeyDetails?.modulusLength ?? 0);
  return {
    type,
    bits,
    verify(algorithm2, data, signature) {
      if (!algorithmFits(algorithm2, type)) return false;
      if ((type === "rsa" || type === "rsaPss") && signature.length !== Math.ceil(bits / 8)) return false;
      try {
        const digest = "hash" in algorithm2 ? algorithm2.hash : null;
        return verifyOnce(digest, data, keyInput(object, algorithm2), signature);
      } catch {
        return false;
      }
    },
    encryptPkcs1(plaintext) {
      return plain(publicEncrypt({ key: object, padding: constants.RSA_PKCS1_PADDING }, plaintext));
    }
  };
}
function importPrivateKey(pkcs8) {
  const parse = () => createPrivateKey2({ key: pkcs8, format: "der", type: "pkcs8" });
  let object;
  try {
    try {
      object = parse();
    } catch {
      object = parse();
    }
  } catch (cause) {
    const problem2 = "the private key is not an unencrypted PKCS#8 key in DER of a type that this runtime supports";
    throw new ConfigError(problem2, { code: "ERR_TLS_PRIVATE_KEY", cause });
  }
  const type = keyTypeOfObject(object);
  if (type === void 0) {
    const problem2 = `private keys of the type ${object.asymmetricKeyType} cannot sign in TLS`;
    throw new ConfigError(problem2, { code: "ERR_TLS_PRIVATE_KEY_UNSUPPORTED" });
  }
  const bits = fixedBits[type] ?? object.asymmetricKeyDetails?.modulusLength ?? 0;
  const publicKey = plain(createPublicKey2(object).export({ format: "der", type: "spki" }));
  return {
    type,
    bits,
    publicKey,
    sign(algorithm2, data) {
      if (!algorithmFits(algorithm2, type)) throw cannotSign(algorithm2, type);
      try {
        return plain(signOnce("hash" in algorithm2 ? algorithm2.hash : null, data, keyInput(object, algorithm2)));
      } catch (cause) {
        throw cannotSign(algorithm2, type, cause);
      }
    },
    decryptRaw(ciphertext) {
      if (type !== "rsa" || ciphertext.length !== Math.ceil(bits / 8)) return void 0;
      try {
        return plain(privateDecrypt({ key: object, padding: constants.RSA_NO_PADDING }, ciphertext));
      } catch {
        return void 0;
      }
    }
  };
}
function importByType(type, spki, parameters, key) {
  if (type === "rsa") {
    const object2 = tryImport(key, "pkcs1");
    if (object2 !== void 0) return object2;
  }
  if (type === "ed25519" && key.length === 32 && parameters.length === 0) {
    const object2 = tryImportEd25519(key);
    if (object2 !== void 0) return object2;
  }
  const object = tryImport(spki, "spki");
  if (object !== void 0 && keyTypeOfObject(object) === type) return object;
  if (type.startsWith("mldsa")) {
    throw unsupportedPublicKey("this runtime has no ML-DSA (Node.js has it from 24.6 on), or the key is malformed");
  }
  throw badPublicKey(`the public key is no valid key of the type ${type}`);
}
function tryImport(der3, type) {
  try {
    return createPublicKey2({ key: der3, format: "der", type });
  } catch {
    return void 0;
  }
}
function tryImportEd25519(key) {
  try {
    const x = Buffer.from(key.buffer, key.byteOffset, key.length).toString("base64url");
    return createPublicKey2({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  } catch {
    return void 0;
  }
}
function keyTypeOfObject(object) {
  const name2 = object.asymmetricKeyType;
  switch (name2) {
    case "rsa":
      return "rsa";
    case "rsa-pss":
      return "rsaPss";
    case "ec": {
      const curve = object.asymmetricKeyDetails?.namedCurve;
      if (curve === "prime256v1") return "p256";
      if (curve === "secp384r1") return "p384";
      return curve === "secp521r1" ? "p521" : void 0;
    }
    case "ed25519":
      return "ed25519";
    case "ed448":
      return "ed448";
    case "ml-dsa-44":
      return "mldsa44";
    case "ml-dsa-65":
      return "mldsa65";
    case "ml-dsa-87":
      return "mldsa87";
    default:
      return void 0;
  }
}
function keyInput(key, algorithm2) {
  if (algorithm2.kind === "rsaPss") {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm2.saltLength };
  }
  if (algorithm2.kind === "rsaPkcs1") return { key, padding: constants.RSA_PKCS1_PADDING };
  return key;
}

// src/crypto/node-ml-kem.ts
import * as nodeCrypto3 from "node:crypto";
var spkiPrefixes = {
  768: fromHex("308204b2300b0609608648016503040402038204a100"),
  1024: fromHex("30820632300b06096086480165030404030382062100")
};
function mlKem(parameters) {
  return nativeMlKem(parameters) ?? portableMlKem(parameters);
}
function nativeMlKem(parameters) {
  const { encapsulate, decapsulate } = nodeCrypto3;
  if (encapsulate === void 0 || decapsulate === void 0) return void 0;
  const { generate, importKey } = keyCoding(parameters);
  try {
    generate();
  } catch {
    return void 0;
  }
  return {
    backend: "native",
    ...mlKemSizes[parameters],
    generate() {
      const pair2 = generate();
      let privateKey = pair2.privateKey;
      return {
        publicKey: pair2.publicKey,
        decapsulate(ciphertext) {
          if (privateKey === void 0) throw new Error("this ML-KEM key was destroyed");
          return plain(decapsulate(privateKey, ciphertext));
        },
        destroy() {
          privateKey = void 0;
        }
      };
    },
    encapsulate(publicKey) {
      const { ciphertext, sharedKey } = encapsulate(importKey(publicKey));
      return { ciphertext: plain(ciphertext), secret: plain(sharedKey) };
    }
  };
}
function keyCoding(parameters) {
  const type = `ml-kem-${parameters}`;
  const raw = rawKeyFunctions();
  if (raw !== void 0) {
    const publicKeyEncoding2 = { format: "raw-public" };
    return {
      generate() {
        const { publicKey, privateKey } = raw.generateKeyPairSync(type, { publicKeyEncoding: publicKeyEncoding2 });
        return { publicKey: plain(publicKey), privateKey };
      },
      importKey: (key) => raw.createPublicKey({ key, format: "raw-public", asymmetricKeyType: type })
    };
  }
  const prefix = spkiPrefixes[parameters];
  const { generateKeyPairSync: generateKeyPairSync2 } = nodeCrypto3;
  const publicKeyEncoding = { format: "der", type: "spki" };
  return {
    generate() {
      const { publicKey, privateKey } = generateKeyPairSync2(type, { publicKeyEncoding });
      return { publicKey: plain(publicKey).slice(prefix.length), privateKey };
    },
    importKey: (key) => nodeCrypto3.createPublicKey({ key: concat(prefix, key), format: "der", type: "spki" })
  };
}

// src/crypto/node.ts
function createNodeCrypto(options = {}) {
  const native = options.accelerator ?? true ? accelerator() : void 0;
  const keyExchange = keyExchanges(
    native === void 0 ? opensslFunctions : { ...opensslFunctions, x25519: native.x25519 },
    (parameters) => options.mlKem?.(parameters) ?? mlKem(parameters)
  );
  return {
    name: native === void 0 ? "node:crypto" : `node:crypto, ${native.name}`,
    preferredAead: native && "chacha20poly1305",
    random,
    hash: hash2,
    hmac,
    prepareHmac,
    createAead: native === void 0 ? createAead : aeadsWith(native),
    createCbc,
    keyExchange,
    importPublicKey,
    importPrivateKey
  };
}
function aeadsWith(native) {
  return (name2, key) => name2 === "chacha20poly1305" ? native.createChaCha20Poly1305(key) : createAead(name2, key);
}

// src/crypto/cipher-suites.ts
var keyLengths = { aes128gcm: 16, aes256gcm: 32, chacha20poly1305: 32, aes128cbc: 16, aes256cbc: 32 };
var macLengths = { sha1: 20, sha256: 32, sha384: 48 };
function suite13(code2, name2, aead, hash3) {
  return { code: code2, name: name2, version: 772, aead, hash: hash3, keyLength: keyLengths[aead], ivLength: 12 };
}
function suite12(code2, name2, keyExchange, authentication, aead, hash3) {
  const ivLength = aead === "chacha20poly1305" ? 12 : 4;
  return {
    code: code2,
    name: name2,
    version: 771,
    aead,
    hash: hash3,
    keyExchange,
    authentication,
    keyLength: keyLengths[aead],
    ivLength
  };
}
function cbcSuite(code2, name2, keyExchange, authentication, cipher, mac) {
  return {
    code: code2,
    name: name2,
    version: 771,
    cbc: { cipher, mac, macLength: macLengths[mac] },
    // TLS 1.2 uses SHA-256 in the PRF of the suites that were defined before it (RFC 5246, Section 5).
    hash: mac === "sha384" ? "sha384" : "sha256",
    keyExchange,
    authentication,
    keyLength: keyLengths[cipher],
    ivLength: 0
  };
}
var cipherSuites = [
  suite13(4865, "TLS_AES_128_GCM_SHA256", "aes128gcm", "sha256"),
  suite13(4866, "TLS_AES_256_GCM_SHA384", "aes256gcm", "sha384"),
  suite13(4867, "TLS_CHACHA20_POLY1305_SHA256", "chacha20poly1305", "sha256"),
  suite12(49195, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ecdhe", "ecdsa", "aes128gcm", "sha256"),
  suite12(49199, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ecdhe", "rsa", "aes128gcm", "sha256"),
  suite12(49196, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ecdhe", "ecdsa", "aes256gcm", "sha384"),
  suite12(49200, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ecdhe", "rsa", "aes256gcm", "sha384"),
  suite12(52393, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ecdhe", "ecdsa", "chacha20poly1305", "sha256"),
  suite12(52392, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ecdhe", "rsa", "chacha20poly1305", "sha256"),
  cbcSuite(49161, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ecdhe", "ecdsa", "aes128cbc", "sha1"),
  cbcSuite(49171, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ecdhe", "rsa", "aes128cbc", "sha1"),
  cbcSuite(49162, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ecdhe", "ecdsa", "aes256cbc", "sha1"),
  cbcSuite(49172, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ecdhe", "rsa", "aes256cbc", "sha1"),
  cbcSuite(49187, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ecdhe", "ecdsa", "aes128cbc", "sha256"),
  cbcSuite(49191, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ecdhe", "rsa", "aes128cbc", "sha256"),
  cbcSuite(49188, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ecdhe", "ecdsa", "aes256cbc", "sha384"),
  cbcSuite(49192, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ecdhe", "rsa", "aes256cbc", "sha384"),
  suite12(156, "TLS_RSA_WITH_AES_128_GCM_SHA256", "rsa", "rsa", "aes128gcm", "sha256"),
  suite12(157, "TLS_RSA_WITH_AES_256_GCM_SHA384", "rsa", "rsa", "aes256gcm", "sha384"),
  cbcSuite(47, "TLS_RSA_WITH_AES_128_CBC_SHA", "rsa", "rsa", "aes128cbc", "sha1"),
  cbcSuite(53, "TLS_RSA_WITH_AES_256_CBC_SHA", "rsa", "rsa", "aes256cbc", "sha1"),
  cbcSuite(60, "TLS_RSA_WITH_AES_128_CBC_SHA256", "rsa", "rsa", "aes128cbc", "sha256"),
  cbcSuite(61, "TLS_RSA_WITH_AES_256_CBC_SHA256", "rsa", "rsa", "aes256cbc", "sha256")
];
var byCode = new Map(cipherSuites.map((suite) => [suite.code, suite]));
function cipherSuite(code2) {
  return byCode.get(code2);
}
var defaultCipherSuites = [
  4865,
  4866,
  4867,
  49195,
  49199,
  49196,
  49200,
  52393,
  52392
];
function preferAead(codes3, aead) {
  if (aead === void 0) return codes3;
  const rank3 = (code2) => {
    const suite = cipherSuite(code2);
    return (suite?.version === 772 ? 0 : 2) + (suite?.aead === aead ? 0 : 1);
  };
  return [...codes3].sort((a, b) => rank3(a) - rank3(b));
}
var byPreference = /* @__PURE__ */ new Map();
function defaultCipherSuitesFor(aead) {
  let suites = byPreference.get(aead);
  if (suites === void 0) byPreference.set(aead, suites = preferAead(defaultCipherSuites, aead));
  return suites;
}

// src/bytes/code-names.ts
function namesOf(codes3) {
  const names = new Map(Object.entries(codes3).map(([name2, code2]) => [code2, name2]));
  return (code2) => names.get(code2);
}

// src/crypto/named-groups.ts
var namedGroups = {
  X25519MLKEM768: 4588,
  SecP256r1MLKEM768: 4587,
  SecP384r1MLKEM1024: 4589,
  /** draft-ietf-tls-mlkem; never a default. */
  MLKEM1024: 514,
  x25519: 29,
  secp256r1: 23,
  secp384r1: 24,
  secp521r1: 25
};
var groupName = namesOf(namedGroups);
function groupCode(name2) {
  return namedGroups[name2];
}
var defaultGroups = [
  namedGroups.X25519MLKEM768,
  namedGroups.x25519,
  namedGroups.secp256r1,
  namedGroups.secp384r1
];

// src/crypto/signature-schemes.ts
var signatureSchemeCodes = {
  rsa_pkcs1_sha1: 513,
  ecdsa_sha1: 515,
  rsa_pkcs1_sha256: 1025,
  ecdsa_secp256r1_sha256: 1027,
  rsa_pkcs1_sha384: 1281,
  ecdsa_secp384r1_sha384: 1283,
  rsa_pkcs1_sha512: 1537,
  ecdsa_secp521r1_sha512: 1539,
  rsa_pss_rsae_sha256: 2052,
  rsa_pss_rsae_sha384: 2053,
  rsa_pss_rsae_sha512: 2054,
  ed25519: 2055,
  ed448: 2056,
  rsa_pss_pss_sha256: 2057,
  rsa_pss_pss_sha384: 2058,
  rsa_pss_pss_sha512: 2059,
  mldsa44: 2308,
  mldsa65: 2309,
  mldsa87: 2310
};
var hashLengths = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
var ecKeys = ["p256", "p384", "p521"];
var codes = signatureSchemeCodes;
function ecdsa(name2, hash3, keyTypes, tls132 = true) {
  return { code: codes[name2], name: name2, algorithm: { kind: "ecdsa", hash: hash3 }, keyTypes, tls13: tls132, tls12: true };
}
function pss(name2, hash3, keyType) {
  const algorithm2 = { kind: "rsaPss", hash: hash3, saltLength: hashLengths[hash3] };
  return { code: codes[name2], name: name2, algorithm: algorithm2, keyTypes: [keyType], tls13: true, tls12: true };
}
function pkcs1(name2, hash3) {
  return {
    code: codes[name2],
    name: name2,
    algorithm: { kind: "rsaPkcs1", hash: hash3 },
    keyTypes: ["rsa"],
    tls13: false,
    tls12: true
  };
}
function edwards(name2) {
  return { code: codes[name2], name: name2, algorithm: { kind: name2 }, keyTypes: [name2], tls13: true, tls12: true };
}
function mldsa(name2) {
  return { code: codes[name2], name: name2, algorithm: { kind: name2 }, keyTypes: [name2], tls13: true, tls12: false };
}
var signatureSchemes = [
  ecdsa("ecdsa_secp256r1_sha256", "sha256", ["p256"]),
  edwards("ed25519"),
  ecdsa("ecdsa_secp384r1_sha384", "sha384", ["p384"]),
  ecdsa("ecdsa_secp521r1_sha512", "sha512", ["p521"]),
  edwards("ed448"),
  pss("rsa_pss_rsae_sha256", "sha256", "rsa"),
  pss("rsa_pss_rsae_sha384", "sha384", "rsa"),
  pss("rsa_pss_rsae_sha512", "sha512", "rsa"),
  pss("rsa_pss_pss_sha256", "sha256", "rsaPss"),
  pss("rsa_pss_pss_sha384", "sha384", "rsaPss"),
  pss("rsa_pss_pss_sha512", "sha512", "rsaPss"),
  mldsa("mldsa44"),
  mldsa("mldsa65"),
  mldsa("mldsa87"),
  pkcs1("rsa_pkcs1_sha256", "sha256"),
  pkcs1("rsa_pkcs1_sha384", "sha384"),
  pkcs1("rsa_pkcs1_sha512", "sha512"),
  ecdsa("ecdsa_sha1", "sha1", ecKeys, false),
  pkcs1("rsa_pkcs1_sha1", "sha1")
];
var byCode2 = new Map(signatureSchemes.map((scheme) => [scheme.code, scheme]));
function signatureScheme(code2) {
  return byCode2.get(code2);
}
var defaultSignatureSchemes = signatureSchemes.filter(({ algorithm: algorithm2 }) => !("hash" in algorithm2 && algorithm2.hash === "sha1") && !algorithm2.kind.startsWith("mldsa")).map(({ code: code2 }) => code2);
function schemeFitsKey(scheme, keyType, bits, version2) {
  if (version2 === 772 ? !scheme.tls13 : !scheme.tls12) return false;
  const { algorithm: algorithm2 } = scheme;
  if (algorithm2.kind === "ecdsa" && version2 === 771) return ecKeys.includes(keyType);
  if (!scheme.keyTypes.includes(keyType)) return false;
  if (algorithm2.kind === "rsaPss") {
    return Math.ceil((bits - 1) / 8) >= hashLengths[algorithm2.hash] + algorithm2.saltLength + 2;
  }
  if (algorithm2.kind === "rsaPkcs1") return Math.ceil(bits / 8) >= hashLengths[algorithm2.hash] + 30;
  return true;
}
function schemesForKey(keyType, bits, version2 = 772) {
  return signatureSchemes.filter((scheme) => schemeFitsKey(scheme, keyType, bits, version2)).sort((a, b) => Number(b.keyTypes.includes(keyType)) - Number(a.keyTypes.includes(keyType))).map(({ code: code2 }) => code2);
}

// src/wire/versions.ts
var tls12 = 771;
var tls13 = 772;
function versionName(version2) {
  if (version2 === tls13) return "TLS 1.3";
  if (version2 === tls12) return "TLS 1.2";
  if (version2 === 770) return "TLS 1.1";
  if (version2 === 769) return "TLS 1.0";
  if (version2 === 768) return "SSL 3.0";
  return `version 0x${version2.toString(16).padStart(4, "0")}`;
}
function isGrease(value) {
  return (value & 3855) === 2570 && value >>> 8 === (value & 255);
}

// src/bytes/reader.ts
var Reader = class _Reader {
  #bytes;
  #end;
  #what;
  #at;
  /** @param what names the structure in error messages, e.g. `clientHello`. */
  constructor(bytes, what, start2 = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#what = what;
    this.#at = start2;
    this.#end = end;
  }
  /** Bytes not yet read. */
  get remaining() {
    return this.#end - this.#at;
  }
  /** Offset of the next byte in the array that the reader was made with. */
  get offset() {
    return this.#at;
  }
  u8() {
    return this.#bytes[this.#take(1)];
  }
  u16() {
    const at2 = this.#take(2);
    return this.#bytes[at2] << 8 | this.#bytes[at2 + 1];
  }
  u24() {
    const at2 = this.#take(3);
    const b = this.#bytes;
    return b[at2] << 16 | b[at2 + 1] << 8 | b[at2 + 2];
  }
  u32() {
    return this.u16() * 65536 + this.u16();
  }
  /** `length` bytes, as a view. */
  bytes(length) {
    const at2 = this.#take(length);
    return this.#bytes.subarray(at2, at2 + length);
  }
  /** A vector with a one-byte length, `opaque x<min..max>`. */
  vector8(min = 0, max = 255) {
    return this.#vector(this.u8(), min, max);
  }
  /** A vector with a two-byte length. */
  vector16(min = 0, max = 65535) {
    return this.#vector(this.u16(), min, max);
  }
  /** A vector with a three-byte length. */
  vector24(min = 0, max = 16777215) {
    return this.#vector(this.u24(), min, max);
  }
  /** A vector with a two-byte length, to be read by itself: no view is made of it. */
  nested16(what, min = 0) {
    const length = this.u16();
    this.#checkLength(length, min, 65535);
    const at2 = this.#take(length);
    return new _Reader(this.#bytes, what, at2, at2 + length);
  }
  /** A vector of two-byte numbers with a length of `lengthBytes` bytes; `min` counts numbers. */
  u16List(lengthBytes, min = 1) {
    const length = lengthBytes === 1 ? this.u8() : this.u16();
    this.#checkLength(length, min * 2, lengthBytes === 1 ? 255 : 65535);
    let at2 = this.#take(length);
    if (length % 2 !== 0) throw this.error("a list of two-byte values has an odd length");
    const bytes = this.#bytes;
    const list = new Array(length / 2);
    for (let i = 0; i < list.length; i++, at2 += 2) {
      list[i] = bytes[at2] << 8 | bytes[at2 + 1];
    }
    return list;
  }
  /** All bytes that are left, as a view. */
  rest() {
    return this.bytes(this.remaining);
  }
  /** Throws unless every byte was read. */
  end() {
    if (this.#at !== this.#end) throw this.error(`${this.remaining} bytes follow where it should end`);
  }
  /** A `decode_error` that names the structure. */
  error(problem2) {
    return decodeError(`${this.#what}: ${problem2}`);
  }
  #vector(length, min, max) {
    this.#checkLength(length, min, max);
    return this.bytes(length);
  }
  #checkLength(length, min, max) {
    if (length >= min && length <= max) return;
    throw this.error(`a vector has ${length} bytes, where ${min} to ${max} are allowed`);
  }
  #take(length) {
    const at2 = this.#at;
    if (length > this.#end - at2) {
      throw this.error(`it ends ${length - (this.#end - at2)} bytes too early`);
    }
    this.#at = at2 + length;
    return at2;
  }
};

// src/bytes/passing.ts
var blockLength = 8192;
var block = new Uint8Array(0);
var at = 0;
function passingBytes(length) {
  if (length > blockLength / 4) return new Uint8Array(length);
  if (at + length > block.length) {
    block = new Uint8Array(blockLength);
    at = 0;
  }
  const bytes = block.subarray(at, at + length);
  at += length;
  return bytes;
}

// src/bytes/writer.ts
var Writer = class _Writer {
  #bytes;
  #length = 0;
  /** @param capacity bytes to start with, or an array to start in; a good guess saves a copy. */
  constructor(capacity = 256) {
    this.#bytes = typeof capacity === "number" ? new Uint8Array(capacity) : capacity;
  }
  /** A writer of a message that is copied soon; see {@link passingBytes}. */
  static passing(capacity) {
    return new _Writer(passingBytes(capacity));
  }
  /** Bytes written so far. */
  get length() {
    return this.#length;
  }
  u8(value) {
    const at2 = this.#grow(1);
    this.#bytes[at2] = value;
    return this;
  }
  u16(value) {
    const at2 = this.#grow(2);
    this.#bytes[at2] = value >>> 8;
    this.#bytes[at2 + 1] = value;
    return this;
  }
  u24(value) {
    return this.u8(value >>> 16).u16(value & 65535);
  }
  u32(value) {
    return this.u16(value >>> 16).u16(value & 65535);
  }
  bytes(bytes) {
    const at2 = this.#grow(bytes.length);
    this.#bytes.set(bytes, at2);
    return this;
  }
  /** An opaque vector with a one-byte length. */
  vector8(bytes) {
    return this.u8(checked(bytes.length, 255)).bytes(bytes);
  }
  /** An opaque vector with a two-byte length. */
  vector16(bytes) {
    return this.u16(checked(bytes.length, 65535)).bytes(bytes);
  }
  /** An opaque vector with a three-byte length. */
  vector24(bytes) {
    return this.u24(checked(bytes.length, 16777215)).bytes(bytes);
  }
  /** Reserves a length field of `size` bytes and returns its mark for {@link close}. */
  open(size) {
    return this.#grow(size);
  }
  /** Fills in the length field reserved by {@link open} with the bytes written since. */
  close(mark, size) {
    const length = checked(this.#length - mark - size, 2 ** (8 * size) - 1);
    for (let i = 0; i < size; i++) this.#bytes[mark + i] = length >>> 8 * (size - 1 - i);
    return this;
  }
  /** A vector of two-byte numbers with a length of `lengthBytes` bytes. */
  u16List(lengthBytes, list) {
    const mark = this.open(lengthBytes);
    for (const value of list) this.u16(value);
    return this.close(mark, lengthBytes);
  }
  /** What was written, as a view of the buffer: write no more after it. */
  finish() {
    return this.#bytes.subarray(0, this.#length);
  }
  #grow(by) {
    const at2 = this.#length;
    const need = at2 + by;
    if (need > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length = need;
    return at2;
  }
};
function checked(length, max) {
  if (length > max) throw new RangeError(`a vector of ${length} bytes does not fit its length field (max ${max})`);
  return length;
}

// src/session/state.ts
var maxLifetimeSeconds = 604800;
var maxStateBytes = 6e4;
function sessionState(input) {
  return {
    version: input.version,
    cipherSuite: input.cipherSuite,
    secret: input.secret,
    policyDigest: input.policyDigest,
    createdAt: input.createdAt,
    issuedAt: input.issuedAt ?? input.createdAt,
    lifetime: input.lifetime,
    extendedMasterSecret: input.extendedMasterSecret ?? input.version === 772,
    serverName: input.serverName,
    alpnProtocol: input.alpnProtocol,
    peerCertificates: input.peerCertificates ?? [],
    peerRawPublicKey: input.peerRawPublicKey,
    ownRawPublicKey: input.ownRawPublicKey ?? false,
    peerNotAfter: input.peerNotAfter,
    ticketAgeAdd: input.ticketAgeAdd ?? 0,
    maxEarlyDataSize: input.maxEarlyDataSize ?? 0,
    earlyDataContext: input.earlyDataContext ?? noBytes,
    group: input.group ?? 0,
    peerSignatureScheme: input.peerSignatureScheme ?? 0
  };
}
function isAnonymous(state2) {
  return state2.peerCertificates.length === 0 && state2.peerRawPublicKey === void 0;
}
function sessionEnd(state2) {
  const end = state2.createdAt + 1e3 * Math.min(state2.lifetime, maxLifetimeSeconds);
  return state2.peerNotAfter === void 0 ? end : Math.min(end, state2.peerNotAfter);
}
function pskHash(state2) {
  return state2.secret.length === 48 ? "sha384" : "sha256";
}
var format = 1;
var flagEms = 1;
var flagServerName = 2;
var flagAlpn = 4;
var flagNotAfter = 8;
var flagPeerRawPublicKey = 16;
var flagOwnRawPublicKey = 32;
var knownFlags = flagEms | flagServerName | flagAlpn | flagNotAfter | flagPeerRawPublicKey | flagOwnRawPublicKey;
function encodeSessionState(state2, room) {
  const serverName = state2.serverName === void 0 ? noBytes : fromText(state2.serverName);
  const alpn = state2.alpnProtocol === void 0 ? noBytes : latin1(state2.alpnProtocol);
  const rawPublicKey = state2.peerRawPublicKey;
  let certificateBytes = rawPublicKey === void 0 ? 0 : 2 + rawPublicKey.length;
  for (const certificate of state2.peerCertificates) certificateBytes += 3 + certificate.length;
  const size = 123 + state2.secret.length + serverName.length + alpn.length + certificateBytes;
  if (size > maxStateBytes || serverName.length > 255 || alpn.length > 255) return void 0;
  if (state2.earlyDataContext.length > 255 || state2.policyDigest.length !== 32) return void 0;
  if (!secretFits(state2.version, state2.secret.length)) return void 0;
  const length = size + state2.earlyDataContext.length;
  const writer = new Writer(room !== void 0 && length <= room.length ? room : length);
  writer.u8(format).u8(
    (state2.extendedMasterSecret ? flagEms : 0) | (state2.serverName === void 0 ? 0 : flagServerName) | (state2.alpnProtocol === void 0 ? 0 : flagAlpn) | (state2.peerNotAfter === void 0 ? 0 : flagNotAfter) | (rawPublicKey === void 0 ? 0 : flagPeerRawPublicKey) | (state2.ownRawPublicKey ? flagOwnRawPublicKey : 0)
  ).u16(state2.version).u16(state2.cipherSuite).vector8(state2.secret).bytes(state2.policyDigest);
  writeTime(writer, state2.createdAt);
  writeTime(writer, state2.issuedAt);
  writer.u32(Math.min(state2.lifetime, maxLifetimeSeconds)).u32(state2.ticketAgeAdd).u32(state2.maxEarlyDataSize);
  writer.vector8(state2.earlyDataContext).u16(state2.group).u16(state2.peerSignatureScheme);
  if (state2.serverName !== void 0) writer.vector8(serverName);
  if (state2.alpnProtocol !== void 0) writer.vector8(alpn);
  if (state2.peerNotAfter !== void 0) writeTime(writer, state2.peerNotAfter);
  if (rawPublicKey !== void 0) writer.vector16(rawPublicKey);
  const mark = writer.open(3);
  for (const certificate of state2.peerCertificates) writer.vector24(certificate);
  return writer.close(mark, 3).finish();
}
function decodeSessionState(bytes) {
  return bytes.length > maxStateBytes ? void 0 : takeSessionState(bytes.slice());
}
function takeSessionState(bytes) {
  if (bytes.length > maxStateBytes || bytes[0] !== format) return void 0;
  try {
    return readState(new Reader(bytes, "session state", 1));
  } catch {
    return void 0;
  }
}
function readState(reader) {
  const flags = reader.u8();
  if ((flags & ~knownFlags) !== 0) return void 0;
  const version2 = reader.u16();
  if (version2 !== 771 && version2 !== 772) return void 0;
  const cipherSuite2 = reader.u16();
  const secret = reader.vector8(32, 48);
  if (!secretFits(version2, secret.length)) return void 0;
  const policyDigest2 = reader.bytes(32);
  const createdAt = readTime(reader);
  const issuedAt = readTime(reader);
  const lifetime = reader.u32();
  if (lifetime > maxLifetimeSeconds || issuedAt < createdAt) return void 0;
  const ticketAgeAdd = reader.u32();
  const maxEarlyDataSize = reader.u32();
  const earlyDataContext2 = reader.vector8();
  const group = reader.u16();
  const peerSignatureScheme = reader.u16();
  const serverName = flags & flagServerName ? decodeUtf8(reader.vector8()) : void 0;
  const alpnProtocol = flags & flagAlpn ? toLatin1(reader.vector8()) : void 0;
  const peerNotAfter = flags & flagNotAfter ? readTime(reader) : void 0;
  const peerRawPublicKey = flags & flagPeerRawPublicKey ? reader.vector16(1) : void 0;
  const list = new Reader(reader.vector24(), "certificates of a session state");
  reader.end();
  const peerCertificates = [];
  while (list.remaining > 0) peerCertificates.push(list.vector24(1));
  return {
    version: version2,
    cipherSuite: cipherSuite2,
    secret,
    policyDigest: policyDigest2,
    createdAt,
    issuedAt,
    lifetime,
    extendedMasterSecret: (flags & flagEms) !== 0,
    serverName,
    alpnProtocol,
    peerCertificates,
    peerRawPublicKey,
    ownRawPublicKey: (flags & flagOwnRawPublicKey) !== 0,
    peerNotAfter,
    ticketAgeAdd,
    maxEarlyDataSize,
    earlyDataContext: earlyDataContext2,
    group,
    peerSignatureScheme
  };
}
var utf8Decoder = new TextDecoder("utf-8", { fatal: true });
function decodeUtf8(bytes) {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] >= 128) return utf8Decoder.decode(bytes);
  return toLatin1(bytes);
}
function secretFits(version2, length) {
  return length === 48 || version2 === 772 && length === 32;
}
function writeTime(writer, milliseconds) {
  const whole = Math.min(Math.max(0, Math.floor(milliseconds)), 2 ** 48 - 1);
  writer.u16(Math.floor(whole / 2 ** 32)).u32(whole % 2 ** 32);
}
function readTime(reader) {
  return reader.u16() * 2 ** 32 + reader.u32();
}
function latin1(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// src/wire/certificate-type.ts
var certificateTypes = { x509: 0, rawPublicKey: 2 };

// src/handshake/certificate-types.ts
var onlyX509 = ["x509"];
function certificateTypeOf({ rawPublicKey }) {
  return rawPublicKey === void 0 ? "x509" : "rawPublicKey";
}
function offeredTypes(types) {
  if (types.every((type) => type === "x509")) return void 0;
  return Uint8Array.from(types, (type) => certificateTypes[type]);
}
function ownClientTypes({
  clientCertificateTypes,
  credentials
}) {
  return clientCertificateTypes ?? [...new Set(credentials.map(certificateTypeOf))];
}
function serverTypeOf(config, answer2) {
  const type = typeOf(answer2);
  if (type !== void 0 && config.serverCertificateTypes.includes(type)) return type;
  throw unsupported(
    answer2 === void 0 ? "the server will show an X.509 certificate, and this client takes raw public keys only" : `the server chose certificate type ${answer2} for itself, which this client does not take`
  );
}
function clientTypeOf({ extensions }, answer2) {
  if (answer2 === void 0) return "x509";
  const type = typeOf(answer2);
  if (type !== void 0 && extensions.clientCertificateType?.includes(answer2)) return type;
  throw unsupported(`the server asks for a client certificate of type ${answer2}, which this client did not offer`);
}
function takesSession({ serverCertificateTypes }, state2) {
  return isAnonymous(state2) || serverCertificateTypes.includes(state2.peerRawPublicKey ? "rawPublicKey" : "x509");
}
function typesForServer({ extensions }) {
  const list = extensions.serverCertificateType;
  if (list === void 0) return onlyX509;
  return [...list].map(typeOf).filter((type) => type !== void 0);
}
function typeForClient({ clientCertificateTypes }, { extensions }, asks) {
  const offered = extensions.clientCertificateType;
  for (const type of clientCertificateTypes) {
    if (offered === void 0 ? type === "x509" : offered.includes(certificateTypes[type])) return type;
  }
  if (!asks) return void 0;
  throw unsupported("the client has no certificate of a type that this server takes");
}
function answeredClientType({ extensions }, type, asks) {
  if (type === void 0 || extensions.clientCertificateType === void 0) return void 0;
  return asks || extensions.postHandshakeAuth === true ? certificateTypes[type] : void 0;
}
function answeredServerType({ extensions }, type) {
  return type === void 0 || extensions.serverCertificateType === void 0 ? void 0 : certificateTypes[type];
}
function sessionTypeOf(state2) {
  return state2 && (state2.ownRawPublicKey ? "rawPublicKey" : "x509");
}
function clientTakesSession(hello, state2) {
  return typesForServer(hello).includes(state2.ownRawPublicKey ? "rawPublicKey" : "x509");
}
function refuseTypes(hello, credentials) {
  const types = typesForServer(hello);
  if (credentials.some((credential) => types.includes(certificateTypeOf(credential)))) return;
  throw unsupported("this server has no certificate of a type that the client takes");
}
function typeOf(code2) {
  if (code2 === void 0 || code2 === certificateTypes.x509) return "x509";
  return code2 === certificateTypes.rawPublicKey ? "rawPublicKey" : void 0;
}
function unsupported(message) {
  return new PeerError("ERR_TLS_CERTIFICATE_TYPE", "unsupportedCertificate", message, {
    rfc: "RFC 7250, Section 4.2"
  });
}

// src/pki/der/oid.ts
var rule = { rfc: "X.690, Section 8.19" };
var maxOidBytes = 64;
function oidText(bytes, start2, stop) {
  return lookUp(bytes, start2, stop) ?? spell(bytes, start2, stop);
}
function encodeOid(text) {
  const arcs = text.split(".").map((arc) => BigInt(arc));
  const [first, second] = arcs;
  if (first === void 0 || second === void 0 || first > 2n || first < 2n && second > 39n) {
    throw new RangeError(`${text} is not an object identifier`);
  }
  const bytes = [];
  for (const arc of [first * 40n + second, ...arcs.slice(2)]) {
    const septets = [Number(arc & 0x7fn)];
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) septets.unshift(Number(rest & 0x7fn) | 128);
    bytes.push(...septets);
  }
  return Uint8Array.from(bytes);
}
function spell(bytes, start2, stop) {
  if (start2 === stop)
    throw new CertificateError("ERR_TLS_DER", "badCertificate", "an OBJECT IDENTIFIER is empty", rule);
  if (stop - start2 > maxOidBytes) {
    throw new CertificateError(
      "ERR_TLS_DER",
      "badCertificate",
      `an OBJECT IDENTIFIER has more than ${maxOidBytes} bytes`,
      rule
    );
  }
  if ((bytes[stop - 1] & 128) !== 0) {
    throw new CertificateError("ERR_TLS_DER", "badCertificate", "an OBJECT IDENTIFIER ends inside an arc", rule);
  }
  let text = "";
  let arc = 0n;
  let fresh = true;
  for (let i = start2; i < stop; i++) {
    const byte = bytes[i];
    if (fresh && byte === 128) {
      throw new CertificateError(
        "ERR_TLS_DER",
        "badCertificate",
        "an OBJECT IDENTIFIER has an arc that is not in its shortest form",
        rule
      );
    }
    arc = arc << 7n | BigInt(byte & 127);
    fresh = (byte & 128) === 0;
    if (!fresh) continue;
    if (text === "") {
      const first = arc < 40n ? 0n : arc < 80n ? 1n : 2n;
      text = `${first}.${arc - first * 40n}`;
    } else {
      text += `.${arc}`;
    }
    arc = 0n;
  }
  return text;
}
var oids = {
  // Attribute types
  commonName: "2.5.4.3",
  surname: "2.5.4.4",
  serialNumber: "2.5.4.5",
  country: "2.5.4.6",
  locality: "2.5.4.7",
  state: "2.5.4.8",
  street: "2.5.4.9",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  title: "2.5.4.12",
  givenName: "2.5.4.42",
  organizationIdentifier: "2.5.4.97",
  domainComponent: "0.9.2342.19200300.100.1.25",
  userId: "0.9.2342.19200300.100.1.1",
  emailAddress: "1.2.840.113549.1.9.1",
  // Extensions
  subjectDirectoryAttributes: "2.5.29.9",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  privateKeyUsagePeriod: "2.5.29.16",
  subjectAltName: "2.5.29.17",
  issuerAltName: "2.5.29.18",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  reasonCode: "2.5.29.21",
  invalidityDate: "2.5.29.24",
  deltaCrlIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  certificateIssuer: "2.5.29.29",
  nameConstraints: "2.5.29.30",
  crlDistributionPoints: "2.5.29.31",
  certificatePolicies: "2.5.29.32",
  anyPolicy: "2.5.29.32.0",
  policyMappings: "2.5.29.33",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extendedKeyUsage: "2.5.29.37",
  anyExtendedKeyUsage: "2.5.29.37.0",
  freshestCrl: "2.5.29.46",
  inhibitAnyPolicy: "2.5.29.54",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  subjectInfoAccess: "1.3.6.1.5.5.7.1.11",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
  delegationUsage: "1.3.6.1.4.1.44363.44",
  smtpUtf8Mailbox: "1.3.6.1.5.5.7.8.9",
  acmeIdentifier: "1.3.6.1.5.5.7.1.31",
  signedCertificateTimestamps: "1.3.6.1.4.1.11129.2.4.2",
  ctPoison: "1.3.6.1.4.1.11129.2.4.3",
  // Key purposes
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  codeSigning: "1.3.6.1.5.5.7.3.3",
  emailProtection: "1.3.6.1.5.5.7.3.4",
  timeStamping: "1.3.6.1.5.5.7.3.8",
  ocspSigning: "1.3.6.1.5.5.7.3.9",
  // Access methods and policy qualifiers
  ocsp: "1.3.6.1.5.5.7.48.1",
  caIssuers: "1.3.6.1.5.5.7.48.2",
  cps: "1.3.6.1.5.5.7.2.1",
  domainValidated: "2.23.140.1.2.1",
  organizationValidated: "2.23.140.1.2.2",
  // OCSP
  ocspBasic: "1.3.6.1.5.5.7.48.1.1",
  ocspNonce: "1.3.6.1.5.5.7.48.1.2",
  ocspNoCheck: "1.3.6.1.5.5.7.48.1.5",
  // Keys and curves
  rsaEncryption: "1.2.840.113549.1.1.1",
  rsaPss: "1.2.840.113549.1.1.10",
  mgf1: "1.2.840.113549.1.1.8",
  ecPublicKey: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  p384: "1.3.132.0.34",
  p521: "1.3.132.0.35",
  x25519: "1.3.101.110",
  ed25519: "1.3.101.112",
  ed448: "1.3.101.113",
  mldsa44: "2.16.840.1.101.3.4.3.17",
  mldsa65: "2.16.840.1.101.3.4.3.18",
  mldsa87: "2.16.840.1.101.3.4.3.19",
  // Signatures
  sha1WithRsa: "1.2.840.113549.1.1.5",
  sha256WithRsa: "1.2.840.113549.1.1.11",
  sha384WithRsa: "1.2.840.113549.1.1.12",
  sha512WithRsa: "1.2.840.113549.1.1.13",
  ecdsaWithSha1: "1.2.840.10045.4.1",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecdsaWithSha384: "1.2.840.10045.4.3.3",
  ecdsaWithSha512: "1.2.840.10045.4.3.4",
  // Digests
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
  // PKCS
  extensionRequest: "1.2.840.113549.1.9.14",
  challengePassword: "1.2.840.113549.1.9.7",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certBag: "1.2.840.113549.1.12.10.1.3",
  safeContentsBag: "1.2.840.113549.1.12.10.1.6",
  pbeWithSha1AndTripleDes: "1.2.840.113549.1.12.1.3",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  scrypt: "1.3.6.1.4.1.11591.4.11",
  hmacSha1: "1.2.840.113549.2.7",
  hmacSha256: "1.2.840.113549.2.9",
  hmacSha384: "1.2.840.113549.2.10",
  hmacSha512: "1.2.840.113549.2.11",
  aes128Cbc: "2.16.840.1.101.3.4.1.2",
  aes192Cbc: "2.16.840.1.101.3.4.1.22",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",
  tripleDesCbc: "1.2.840.113549.3.7"
};
var buckets = Array.from({ length: 256 }, () => []);
function bucketOf(bytes, start2, stop) {
  return bytes[stop - 1] * 7 + bytes[start2] * 3 + (stop - start2) * 31 & 255;
}
for (const text of new Set(Object.values(oids))) {
  const bytes = encodeOid(text);
  buckets[bucketOf(bytes, 0, bytes.length)]?.push({ bytes, text });
}
function lookUp(bytes, start2, stop) {
  if (start2 === stop) return void 0;
  const bucket = buckets[bucketOf(bytes, start2, stop)];
  outer: for (const entry of bucket) {
    const known3 = entry.bytes;
    if (known3.length !== stop - start2) continue;
    for (let i = 0; i < known3.length; i++) if (known3[i] !== bytes[start2 + i]) continue outer;
    return entry.text;
  }
  return void 0;
}

// src/pki/der/time.ts
function parseUtcTime(bytes, start2, stop) {
  if (stop - start2 !== 13) return void 0;
  const year = twoDigits(bytes, start2);
  if (year < 0) return void 0;
  return parseRest(bytes, start2 + 2, year < 50 ? 2e3 + year : 1900 + year);
}
function parseGeneralizedTime(bytes, start2, stop) {
  if (stop - start2 !== 15) return void 0;
  const century = twoDigits(bytes, start2);
  const year = twoDigits(bytes, start2 + 2);
  if (century < 0 || year < 0) return void 0;
  return parseRest(bytes, start2 + 4, century * 100 + year);
}
function parseRest(bytes, at2, year) {
  const month = twoDigits(bytes, at2);
  const day = twoDigits(bytes, at2 + 2);
  const hour = twoDigits(bytes, at2 + 4);
  const minute = twoDigits(bytes, at2 + 6);
  const second = twoDigits(bytes, at2 + 8);
  if (bytes[at2 + 10] !== 90 || year < 0) return void 0;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return void 0;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return void 0;
  return (daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1e3;
}
function twoDigits(bytes, at2) {
  const high = bytes[at2] - 48;
  const low = bytes[at2 + 1] - 48;
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}
function daysIn(year, month) {
  if (month === 2) return year % 4 === 0 && year % 100 !== 0 || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
function daysSince1970(year, month, day) {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

// src/pki/der/reader.ts
var tags = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  numericString: 18,
  printableString: 19,
  teletexString: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  visibleString: 26,
  universalString: 28,
  bmpString: 30,
  sequence: 48,
  set: 49
};
var contextTag = (n) => 160 | n;
var contextPrimitiveTag = (n) => 128 | n;
function derError(message, rfc = "X.690, Section 10") {
  return new CertificateError("ERR_TLS_DER", "badCertificate", message, { rfc });
}
var DerReader = class _DerReader {
  bytes;
  end;
  what;
  /** Offset of the next element. */
  at;
  /** Offsets of the element that was read last: its tag, its content and its end. */
  head = 0;
  start = 0;
  stop = 0;
  /** @param what names the structure in messages. */
  constructor(bytes, what, at2 = 0, end = bytes.length) {
    this.bytes = bytes;
    this.what = what;
    this.at = at2;
    this.end = end;
  }
  /** Whether another element follows. */
  get more() {
    return this.at < this.end;
  }
  /** The tag of the next element, or -1 at the end. */
  peek() {
    return this.at < this.end ? this.bytes[this.at] : -1;
  }
  /** Reads the header of the next element, whatever it is, and steps over it. Returns its tag. */
  next() {
    const { bytes, end } = this;
    let at2 = this.at;
    if (at2 + 2 > end) throw this.error("it ends inside an element");
    const tag = bytes[at2];
    if ((tag & 31) === 31) throw this.error("a tag number above 30 stands here, which X.509 never uses");
    this.head = at2;
    let length = bytes[at2 + 1];
    at2 += 2;
    if (length >= 128) {
      const size = length & 127;
      if (size === 0) throw this.error("an indefinite length, which DER forbids");
      if (size > 4) throw this.error("a length field of more than 4 bytes");
      if (at2 + size > end) throw this.error("it ends inside a length field");
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + bytes[at2 + i];
      if (length < 128 || bytes[at2] === 0) throw this.error("a length that is not in its shortest form");
      at2 += size;
    }
    if (length > end - at2) throw this.error(`an element runs ${length - (end - at2)} bytes past the end`);
    this.start = at2;
    this.stop = at2 + length;
    this.at = at2 + length;
    return tag;
  }
  /** Reads an element of this tag; `field` names it in the error. */
  expect(tag, field) {
    if (this.at >= this.end) throw this.error(`${field} is missing`);
    if (this.bytes[this.at] !== tag)
      throw this.error(`${field} has the tag ${hexByte(this.bytes[this.at])}, not ${hexByte(tag)}`);
    this.next();
  }
  /** Reads an element where the next one has this tag. */
  optional(tag) {
    if (this.at >= this.end || this.bytes[this.at] !== tag) return false;
    this.next();
    return true;
  }
  /** A reader of the content of the next element, which must have this tag. */
  enter(tag, field) {
    this.expect(tag, field);
    return this.inside(field);
  }
  /** A reader of the content of the element that was read last. */
  inside(field) {
    const what = field === "SEQUENCE" ? this.what : `${this.what}, ${field}`;
    return new _DerReader(this.bytes, what, this.start, this.stop);
  }
  /** Content of the element that was read last, as a view. */
  value() {
    return this.bytes.subarray(this.start, this.stop);
  }
  /** The element that was read last with its header, as a view. */
  raw() {
    return this.bytes.subarray(this.head, this.stop);
  }
  /** Throws unless everything was read. */
  done() {
    if (this.at !== this.end) throw this.error(`${this.end - this.at} bytes follow where it should end`);
  }
  /** Two's complement content of an INTEGER in its shortest form, as a view. */
  integer(field, tag = tags.integer) {
    this.expect(tag, field);
    return this.checkedInteger(field);
  }
  /** An INTEGER from 0 to `max` (at most 2^31 - 1). */
  smallInteger(field, max = 2147483647, tag = tags.integer) {
    const value = this.integer(field, tag);
    if (value[0] >= 128) throw this.error(`${field} is negative`);
    let number = 0;
    for (const byte of value) {
      number = number * 256 + byte;
      if (number > max) throw this.error(`${field} is larger than ${max}`);
    }
    return number;
  }
  /** Content of the INTEGER (or `[n]` IMPLICIT INTEGER) that was read last, checked. */
  checkedInteger(field) {
    const { bytes, start: start2, stop } = this;
    if (start2 === stop) throw this.error(`${field} is an INTEGER without content`);
    if (stop - start2 > 1) {
      const first = bytes[start2];
      const second = bytes[start2 + 1];
      if (first === 0 && second < 128 || first === 255 && second >= 128) {
        throw this.error(`${field} is an INTEGER that is not in its shortest form`);
      }
    }
    return bytes.subarray(start2, stop);
  }
  boolean(field) {
    this.expect(tags.boolean, field);
    return this.checkedBoolean(field);
  }
  /** Value of the BOOLEAN (or `[n]` IMPLICIT BOOLEAN) that was read last. */
  checkedBoolean(field) {
    const value = this.bytes[this.start];
    if (this.stop - this.start !== 1 || value !== 0 && value !== 255) {
      throw this.error(`${field} is a BOOLEAN that is neither 00 nor FF`);
    }
    return value === 255;
  }
  /** A BOOLEAN DEFAULT FALSE: absent or TRUE, for DER forbids to encode a default. */
  optionalTrue(field) {
    if (this.peek() !== tags.boolean) return false;
    if (!this.boolean(field)) throw this.error(`${field} encodes its default value FALSE`);
    return true;
  }
  /** An OBJECT IDENTIFIER in dotted form. */
  oid(field) {
    this.expect(tags.oid, field);
    return oidText(this.bytes, this.start, this.stop);
  }
  octetString(field) {
    this.expect(tags.octetString, field);
    return this.value();
  }
  null(field) {
    this.expect(tags.null, field);
    if (this.start !== this.stop) throw this.error(`${field} is a NULL with content`);
  }
  /** A BIT STRING that is a whole number of bytes (keys and signatures). */
  bitString(field) {
    this.expect(tags.bitString, field);
    if (this.start === this.stop) throw this.error(`${field} is a BIT STRING without its count of unused bits`);
    if (this.bytes[this.start] !== 0) throw this.error(`${field} is a BIT STRING that is not a whole number of bytes`);
    return this.bytes.subarray(this.start + 1, this.stop);
  }
  /**
   * A named bit list of up to 24 bits; bit `n` of the result is bit `n` of the list.
   * @param untrimmed lets trailing zero bits through (old trust anchors).
   */
  namedBits(field, tag = tags.bitString, untrimmed = false) {
    this.expect(tag, field);
    const { bytes, start: start2, stop } = this;
    if (start2 === stop) throw this.error(`${field} is a BIT STRING without its count of unused bits`);
    const unused = bytes[start2];
    const size = stop - start2 - 1;
    if (unused > 7 || size === 0 && unused !== 0) throw this.error(`${field} counts ${unused} unused bits`);
    if (size > 3) throw this.error(`${field} has more bits than are named`);
    if (size === 0) return 0;
    const last = bytes[stop - 1];
    if ((last & (1 << unused) - 1) !== 0) throw this.error(`${field} has padding bits that are set`);
    if ((last & 1 << unused) === 0 && !untrimmed)
      throw this.error(`${field} keeps trailing zero bits, which DER removes`);
    let bits = 0;
    for (let i = 0; i < size * 8; i++) {
      if ((bytes[start2 + 1 + (i >> 3)] & 128 >> (i & 7)) !== 0) bits |= 1 << i;
    }
    return bits;
  }
  /**
   * A Time (RFC 5280, Section 4.1.2.5): UTCTime through 2049, GeneralizedTime from 2050, in milliseconds since 1970.
   * @param anyForm lets GeneralizedTime before 2050 through (old trust anchors).
   */
  time(field, anyForm = false) {
    const tag = this.next();
    const ms = tag === tags.utcTime ? parseUtcTime(this.bytes, this.start, this.stop) : tag === tags.generalizedTime ? parseGeneralizedTime(this.bytes, this.start, this.stop) : void 0;
    if (ms === void 0) {
      throw this.error(`${field} is not a UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSSZ`);
    }
    if (tag === tags.generalizedTime && ms < firstOf2050 && !anyForm) {
      throw this.error(`${field} is a GeneralizedTime before 2050, where RFC 5280, Section 4.1.2.5 prescribes UTCTime`);
    }
    return ms;
  }
  /** A GeneralizedTime of any year (OCSP), in milliseconds since 1970. */
  generalizedTime(field) {
    this.expect(tags.generalizedTime, field);
    const ms = parseGeneralizedTime(this.bytes, this.start, this.stop);
    if (ms === void 0) throw this.error(`${field} is not a GeneralizedTime YYYYMMDDHHMMSSZ`);
    return ms;
  }
  error(problem2) {
    return derError(`${this.what}: ${problem2}`);
  }
};
var firstOf2050 = Date.UTC(2050, 0, 1);
function hexByte(byte) {
  return `0x${(byte ?? 0).toString(16).padStart(2, "0")}`;
}

// src/pki/der/strings.ts
var strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
var printable = new Uint8Array(256);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?") {
  printable[char.charCodeAt(0)] = 1;
}
function isValidString(tag, bytes, start2, stop) {
  switch (tag) {
    case tags.utf8String:
      return isUtf8(bytes, start2, stop);
    case tags.printableString:
      for (let i = start2; i < stop; i++) if (printable[bytes[i]] === 0) return false;
      return true;
    case tags.ia5String:
      return isAscii(bytes, start2, stop);
    case tags.visibleString:
      for (let i = start2; i < stop; i++) if (bytes[i] < 32 || bytes[i] > 126) return false;
      return true;
    case tags.numericString:
      for (let i = start2; i < stop; i++) {
        const byte = bytes[i];
        if (byte !== 32 && (byte < 48 || byte > 57)) return false;
      }
      return true;
    case tags.bmpString:
      return isWide(bytes, start2, stop, 2);
    case tags.universalString:
      return isWide(bytes, start2, stop, 4);
    default:
      return true;
  }
}
function hasControls(tag, bytes, start2, stop) {
  if (tag === tags.bmpString || tag === tags.universalString) {
    const size = tag === tags.bmpString ? 2 : 4;
    for (let i = start2 + size - 1; i < stop; i += size) {
      if (!isControl(bytes[i]) || bytes[i - 1] !== 0) continue;
      if (size === 2 || bytes[i - 2] === 0 && bytes[i - 3] === 0) return true;
    }
    return false;
  }
  if (tag !== tags.utf8String && tag !== tags.ia5String && tag !== tags.teletexString) return false;
  for (let i = start2; i < stop; i++) if (isControl(bytes[i])) return true;
  return false;
}
var isControl = (byte) => byte < 32 || byte === 127;
function isWide(bytes, start2, stop, size) {
  if ((stop - start2) % size !== 0) return false;
  for (let i = start2; i < stop; i += size) {
    if (size === 4 && (bytes[i] !== 0 || bytes[i + 1] > 16)) return false;
    const plane = size === 4 ? bytes[i + 1] : 0;
    if (plane === 0 && (bytes[i + size - 2] & 248) === 216) return false;
  }
  return true;
}
function isAscii(bytes, start2, stop) {
  for (let i = start2; i < stop; i++) if (bytes[i] > 127) return false;
  return true;
}
function isUtf8(bytes, start2, stop) {
  if (isAscii(bytes, start2, stop)) return true;
  try {
    strictUtf8.decode(bytes.subarray(start2, stop));
    return true;
  } catch {
    return false;
  }
}
function stringText(tag, content) {
  switch (tag) {
    case tags.utf8String:
      return strictUtf8.decode(content);
    case tags.printableString:
    case tags.ia5String:
    case tags.visibleString:
    case tags.numericString:
    case tags.teletexString:
      return toLatin1(content);
    case tags.bmpString: {
      let text = "";
      for (let i = 0; i < content.length; i += 2) {
        text += String.fromCharCode(content[i] << 8 | content[i + 1]);
      }
      return text;
    }
    case tags.universalString: {
      let text = "";
      for (let i = 0; i + 3 < content.length; i += 4) {
        const point = content[i + 1] << 16 | content[i + 2] << 8 | content[i + 3];
        text += point <= 1114111 ? String.fromCodePoint(point) : "\uFFFD";
      }
      return text;
    }
    default:
      return void 0;
  }
}

// src/pki/der/writer.ts
function compareBytes(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

// src/pki/ip.ts
function parseIp(text) {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}
function parseIpv4(text) {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return void 0;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = match[i + 1];
    if (Number(part) > 255 || part.length > 1 && part.startsWith("0")) return void 0;
    bytes[i] = Number(part);
  }
  return bytes;
}
function parseIpv6(text) {
  const halves = text.split("::");
  if (halves.length > 2) return void 0;
  const head = groups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1], true) : [];
  if (head === void 0 || tail === void 0) return void 0;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return void 0;
  const bytes = new Uint8Array(16);
  [...head, ...new Array(missing).fill(0), ...tail].forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group;
  });
  return bytes;
}
function groups(text, mayEndInIpv4) {
  if (text === "") return [];
  const list = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && mayEndInIpv4 && part.includes(".")) {
      const v4 = parseIpv4(part);
      if (v4 === void 0) return void 0;
      list.push(v4[0] << 8 | v4[1], v4[2] << 8 | v4[3]);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      list.push(Number.parseInt(part, 16));
    } else {
      return void 0;
    }
  }
  return list;
}
function formatIp(bytes) {
  if (bytes.length === 8 || bytes.length === 32) {
    const half = bytes.length / 2;
    let prefix = 0;
    for (const byte of bytes.subarray(half)) for (let bit = 7; bit >= 0; bit--) prefix += byte >> bit & 1;
    return `${formatIp(bytes.subarray(0, half))}/${prefix}`;
  }
  if (bytes.length === 4) return bytes.join(".");
  const words = [];
  for (let i = 0; i < bytes.length; i += 2) words.push(bytes[i] << 8 | bytes[i + 1]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < words.length; i++) {
    let length = 0;
    while (words[i + length] === 0) length++;
    if (length > bestLength) [best, bestLength] = [i, length];
  }
  const hex3 = words.map((word) => word.toString(16));
  if (best < 0) return hex3.join(":");
  return `${hex3.slice(0, best).join(":")}::${hex3.slice(best + bestLength).join(":")}`;
}

// src/pki/name.ts
var emptyText = new Uint8Array(0);
var maxAttributes = 128;
var shortNames = {
  CN: oids.commonName,
  SN: oids.surname,
  serialNumber: oids.serialNumber,
  C: oids.country,
  L: oids.locality,
  ST: oids.state,
  street: oids.street,
  O: oids.organization,
  OU: oids.organizationalUnit,
  title: oids.title,
  GN: oids.givenName,
  organizationIdentifier: oids.organizationIdentifier,
  DC: oids.domainComponent,
  UID: oids.userId,
  emailAddress: oids.emailAddress
};
var shortNameOf = new Map(Object.entries(shortNames).map(([name2, oid]) => [oid, name2]));
function readName(reader, field, unsorted = false) {
  reader.expect(tags.sequence, field);
  const raw = reader.raw();
  checkRdnSequence(reader.inside(field), unsorted);
  return raw;
}
function checkRdnSequence(rdns, unsorted = false) {
  let attributes = 0;
  while (rdns.more) {
    rdns.expect(tags.set, "relative distinguished name");
    const { bytes, stop } = rdns;
    if (rdns.start === stop) throw rdns.error("an empty relative distinguished name");
    let previousStart = -1;
    let previousEnd = -1;
    const set = rdns.inside("relative distinguished name");
    while (set.more) {
      if (++attributes > maxAttributes) throw rdns.error(`more than ${maxAttributes} attributes`);
      set.expect(tags.sequence, "attribute");
      const { head, stop: end } = set;
      if (previousStart >= 0 && !unsorted) {
        const order = compareBytes(bytes.subarray(previousStart, previousEnd), bytes.subarray(head, end));
        if (order >= 0) throw rdns.error("a SET OF that is not in DER order");
      }
      previousStart = head;
      previousEnd = end;
      const attribute = set.inside("attribute");
      const type = attribute.oid("type");
      const tag = attribute.next();
      checkValueTag(type, tag, attribute, unsorted);
      if (!unsorted && !isValidString(tag, bytes, attribute.start, attribute.stop)) {
        throw rdns.error("a string with characters that its type does not allow");
      }
      if (!unsorted && hasControls(tag, bytes, attribute.start, attribute.stop)) {
        throw rdns.error(`the value of ${type} has control characters`);
      }
      attribute.done();
    }
  }
}
function checkValueTag(type, tag, attribute, lenient) {
  const universal = tag < 32 || tag === tags.sequence || tag === tags.set;
  if (lenient && universal) return;
  if (tag !== tags.visibleString && stringText(tag, emptyText) !== void 0) return;
  throw attribute.error(`the value of ${type} has the type ${tag}, which is no string that names are made of`);
}
function nameAttributes(raw) {
  const rdns = new DerReader(raw, "name").enter(tags.sequence, "name");
  const list = [];
  while (rdns.more) {
    const set = rdns.enter(tags.set, "relative distinguished name");
    const rdn = [];
    while (set.more) {
      const attribute = set.enter(tags.sequence, "attribute");
      const type = attribute.oid("type");
      const tag = attribute.next();
      rdn.push({ type, tag, value: textOf(tag, attribute) });
    }
    list.push(rdn);
  }
  return list;
}
function textOf(tag, attribute) {
  try {
    return stringText(tag, attribute.value()) ?? `#${toHex(attribute.raw())}`;
  } catch {
    return `#${toHex(attribute.raw())}`;
  }
}
function formatName(raw) {
  const parts = nameAttributes(raw).map((rdn) => rdn.map(({ type, value }) => `${shortNameOf.get(type) ?? type}=${shownText(value)}`).join(" + ")).reverse();
  return parts.length === 0 ? "(empty name)" : parts.join(", ");
}
function rdnKeys(raw) {
  return nameAttributes(raw).map(
    (rdn) => rdn.map(({ type, tag, value }) => `${type}=${isString(tag) ? foldText(value) : value}`).sort().join("")
  );
}
function nameKey(raw) {
  return rdnKeys(raw).join("");
}
function isString(tag) {
  return stringText(tag, emptyText) !== void 0;
}
function foldText(text) {
  let plain2 = true;
  for (let i = 0; i < text.length; i++) {
    const code2 = text.charCodeAt(i);
    if (code2 > 126 || code2 < 32) {
      plain2 = false;
      break;
    }
  }
  const prepared = plain2 ? text : text.replace(/[\t-\r\u0085\p{Z}]/gu, " ").replace(/[\p{Cc}\p{Cf}\u1806\ufffc]|\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]/gu, "").normalize("NFKC");
  return prepared.toLowerCase().trim().replace(/\s{2,}/g, " ");
}
function shownText(text) {
  const shown = text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029\\,+"<>;=]/gu,
    (char) => char >= " " && char < "\x7F" ? `\\${char}` : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  );
  return shown.length > 200 ? `${shown.slice(0, 200)}\u2026` : shown;
}

// src/pki/general-name.ts
var maxNames = 4096;
function readGeneralNames(names, use = "name") {
  if (!names.more) throw names.error("it holds no name (RFC 5280, Section 4.2.1.6: at least one)");
  const list = [];
  while (names.more) {
    if (list.length === maxNames) throw names.error(`it holds more than ${maxNames} names`);
    list.push(readGeneralName(names, use));
  }
  return list;
}
function readGeneralName(reader, use) {
  const tag = reader.next();
  switch (tag) {
    case 160: {
      const other = reader.inside("otherName");
      const type = other.oid("type");
      const value = other.enter(contextTag(0), "value");
      if (!value.more) throw value.error("it is empty");
      value.next();
      const raw = value.raw();
      value.done();
      other.done();
      return { kind: "other", type, value: raw };
    }
    case contextPrimitiveTag(1):
      return {
        kind: "email",
        value: checked2(
          reader,
          asciiText(reader, "rfc822Name"),
          use === "constraint" ? isMailConstraint : isMailbox,
          "rfc822Name"
        )
      };
    case contextPrimitiveTag(2):
      return {
        kind: "dns",
        value: checked2(
          reader,
          asciiText(reader, "dNSName"),
          use === "constraint" ? isDnsConstraint : isPresentedDnsName,
          "dNSName"
        )
      };
    case 163:
      return { kind: "x400", value: reader.raw() };
    case 164: {
      const choice = reader.inside("directoryName");
      choice.expect(tags.sequence, "name");
      const raw = choice.raw();
      checkRdnSequence(choice.inside("name"));
      choice.done();
      return { kind: "directory", value: raw };
    }
    case 165:
      return { kind: "ediParty", value: reader.raw() };
    case contextPrimitiveTag(6):
      return {
        kind: "uri",
        value: checked2(
          reader,
          asciiText(reader, "uniformResourceIdentifier"),
          use === "constraint" ? isUriConstraint : use === "name" ? isUri : isLocation,
          "uniformResourceIdentifier"
        )
      };
    case contextPrimitiveTag(7): {
      const value = reader.value();
      const ok = use === "constraint" ? isIpRange(value) : value.length === 4 || value.length === 16;
      if (!ok)
        throw reader.error(
          `an iPAddress of ${value.length} octets that is no ${use === "constraint" ? "address and mask" : "address"}`
        );
      return { kind: "ip", value };
    }
    case contextPrimitiveTag(8):
      return { kind: "registeredId", value: oidText(reader.bytes, reader.start, reader.stop) };
    default:
      throw reader.error(`a GeneralName with the unknown tag ${tag}`);
  }
}
function asciiText(reader, what) {
  const { bytes, start: start2, stop } = reader;
  if (!isAscii(bytes, start2, stop)) throw reader.error(`a ${what} with characters outside ASCII`);
  let text = "";
  if (stop - start2 < 64) for (let i = start2; i < stop; i++) text += String.fromCharCode(bytes[i]);
  else text = toLatin1(bytes.subarray(start2, stop));
  return text;
}
function checked2(reader, text, valid, what) {
  if (!valid(text)) throw reader.error(`${JSON.stringify(text.slice(0, 100))} is no valid ${what}`);
  return text;
}
function isHostName(text, from = 0) {
  const length = text.length;
  if (length - from === 0 || length - from > 253) return false;
  let label2 = 0;
  for (let i = from; i < length; i++) {
    const code2 = text.charCodeAt(i);
    if (code2 === 46) {
      if (label2 === 0) return false;
      label2 = 0;
      continue;
    }
    const plain2 = code2 >= 97 && code2 <= 122 || code2 >= 48 && code2 <= 57 || code2 >= 65 && code2 <= 90 || code2 === 45 || code2 === 95;
    if (!plain2 || ++label2 > 63) return false;
  }
  return label2 > 0;
}
function isPresentedDnsName(text) {
  if (text.startsWith("*.")) return isHostName(text, 2);
  return isHostName(text.includes("*") ? text.replaceAll("*", "x") : text);
}
function isDnsConstraint(text) {
  return text === "" || isHostName(text);
}
var atext = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
var quoted = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/;
function isMailbox(text) {
  const at2 = text.lastIndexOf("@");
  if (at2 < 1 || text.length > 320) return false;
  const local = text.slice(0, at2);
  return (atext.test(local) || quoted.test(local)) && isHostName(text, at2 + 1);
}
function isMailConstraint(text) {
  if (text === "") return true;
  if (text.includes("@")) return isMailbox(text);
  return isHostName(text, text.startsWith(".") ? 1 : 0);
}
function isUri(text) {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text) && text.length <= 2048;
}
function isLocation(text) {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x20-\x7e]*$/.test(text) && text.length <= 4096;
}
function isUriConstraint(text) {
  return text === "" || isHostName(text, text.startsWith(".") ? 1 : 0);
}
function isIpRange(value) {
  if (value.length !== 8 && value.length !== 32) return false;
  const half = value.length / 2;
  let zeroSeen = false;
  for (let i = half; i < value.length; i++) {
    for (let bit = 7; bit >= 0; bit--) {
      const set = value[i] >> bit & 1;
      if (set === 1 && zeroSeen) return false;
      if (set === 0) zeroSeen = true;
    }
  }
  return true;
}
function uriHost(uri) {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  if (authority === void 0) return void 0;
  const host = authority.slice(authority.lastIndexOf("@") + 1).replace(/:\d*$/, "");
  return isHostName(host) && parseIp(host) === void 0 ? host.toLowerCase() : void 0;
}
function formatGeneralName(name2) {
  switch (name2.kind) {
    case "dns":
      return `DNS:${name2.value}`;
    case "email":
      return `email:${name2.value}`;
    case "uri":
      return `URI:${name2.value}`;
    case "ip":
      return `IP:${formatIp(name2.value)}`;
    case "directory":
      return `DirName:${formatName(name2.value)}`;
    case "registeredId":
      return `RID:${name2.value}`;
    case "other":
      return `otherName:${name2.type}`;
    default:
      return name2.kind;
  }
}

// src/pki/extensions.ts
var maxExtensions = 64;
var keyUsageBits = {
  digitalSignature: 1 << 0,
  contentCommitment: 1 << 1,
  keyEncipherment: 1 << 2,
  dataEncipherment: 1 << 3,
  keyAgreement: 1 << 4,
  keyCertSign: 1 << 5,
  crlSign: 1 << 6,
  encipherOnly: 1 << 7,
  decipherOnly: 1 << 8
};
function readExtensions(reader, each) {
  const list = reader.enter(tags.sequence, "extensions");
  if (!list.more) throw list.error("the list is empty");
  const extensions = /* @__PURE__ */ new Map();
  while (list.more) {
    if (extensions.size === maxExtensions) throw list.error(`more than ${maxExtensions} extensions`);
    const item = list.enter(tags.sequence, "extension");
    const oid = item.oid("identifier");
    const critical = item.optionalTrue("critical");
    const value = item.octetString("value");
    item.done();
    if (extensions.has(oid)) throw list.error(`the extension ${oid} stands twice (RFC 5280, Section 4.2)`);
    const extension = { oid, critical, value };
    extensions.set(oid, extension);
    each?.(extension);
  }
  return extensions;
}
function decodeExtension(extension, out, untrimmedBits = false) {
  const reader = new DerReader(extension.value, "extension");
  switch (extension.oid) {
    case oids.basicConstraints:
      out.basicConstraints = basicConstraints(reader);
      break;
    case oids.keyUsage:
      out.keyUsage = reader.namedBits("keyUsage", tags.bitString, untrimmedBits);
      if (out.keyUsage === 0) throw reader.error("keyUsage names no use (RFC 5280, Section 4.2.1.3: at least one)");
      break;
    case oids.extendedKeyUsage:
      out.extendedKeyUsage = listOf(reader, "extKeyUsage", (list) => list.oid("purpose"));
      break;
    case oids.subjectAltName:
      out.subjectAltName = readGeneralNames(reader.enter(tags.sequence, "subjectAltName"));
      break;
    case oids.nameConstraints:
      out.nameConstraints = nameConstraints(reader);
      break;
    case oids.subjectKeyIdentifier:
      out.subjectKeyIdentifier = reader.octetString("subjectKeyIdentifier");
      if (out.subjectKeyIdentifier.length === 0) throw reader.error("subjectKeyIdentifier is empty");
      break;
    case oids.authorityKeyIdentifier:
      out.authorityKeyIdentifier = readAuthorityKeyIdentifier(reader);
      break;
    case oids.certificatePolicies:
      out.certificatePolicies = certificatePolicies(reader);
      break;
    case oids.policyMappings:
      out.policyMappings = listOf(reader, "policyMappings", (list) => {
        const pair2 = list.enter(tags.sequence, "mapping");
        const mapping = [pair2.oid("issuerDomainPolicy"), pair2.oid("subjectDomainPolicy")];
        pair2.done();
        return mapping;
      });
      break;
    case oids.policyConstraints:
      out.policyConstraints = policyConstraints(reader);
      break;
    case oids.inhibitAnyPolicy:
      out.inhibitAnyPolicy = reader.smallInteger("inhibitAnyPolicy");
      break;
    case oids.crlDistributionPoints:
      out.crlDistributionPoints = listOf(reader, "cRLDistributionPoints", readDistributionPoint);
      break;
    case oids.authorityInfoAccess:
      out.authorityInfoAccess = listOf(reader, "authorityInfoAccess", (list) => {
        const description = list.enter(tags.sequence, "access description");
        const method = description.oid("accessMethod");
        const location = readGeneralName(description, "location");
        description.done();
        return { method, location };
      });
      break;
    case oids.tlsFeature:
      out.tlsFeature = listOf(reader, "tlsFeature", (list) => list.smallInteger("feature", 65535));
      break;
    case oids.signedCertificateTimestamps:
      out.signedCertificateTimestamps = reader.octetString("signedCertificateTimestampList");
      break;
    default:
      return;
  }
  reader.done();
}
function listOf(reader, field, read3) {
  const list = reader.enter(tags.sequence, field);
  if (!list.more) throw list.error("the list is empty");
  const items = [];
  while (list.more) {
    if (items.length === 1024) throw list.error("the list has more than 1024 items");
    items.push(read3(list));
  }
  return items;
}
function basicConstraints(reader) {
  const fields = reader.enter(tags.sequence, "basicConstraints");
  const ca = fields.optionalTrue("cA");
  if (!fields.more) return { ca };
  const pathLength = fields.smallInteger("pathLenConstraint");
  fields.done();
  if (!ca) throw fields.error("a pathLenConstraint stands where cA is FALSE (RFC 5280, Section 4.2.1.9)");
  return { ca, pathLength };
}
var maxSubtrees = 8192;
function nameConstraints(reader) {
  const fields = reader.enter(tags.sequence, "nameConstraints");
  if (!fields.more) throw fields.error("it is empty (RFC 5280, Section 4.2.1.10)");
  const permitted = fields.optional(contextTag(0)) ? subtrees(fields.inside("permittedSubtrees")) : [];
  const excluded = fields.optional(contextTag(1)) ? subtrees(fields.inside("excludedSubtrees")) : [];
  fields.done();
  return { permitted, excluded };
}
function subtrees(list) {
  if (!list.more) throw list.error("the list is empty");
  const bases = [];
  while (list.more) {
    if (bases.length === maxSubtrees) throw list.error(`more than ${maxSubtrees} subtrees`);
    const subtree = list.enter(tags.sequence, "subtree");
    bases.push(readGeneralName(subtree, "constraint"));
    subtree.done();
  }
  return bases;
}
function readAuthorityKeyIdentifier(reader) {
  const fields = reader.enter(tags.sequence, "authorityKeyIdentifier");
  const keyIdentifier = fields.optional(contextPrimitiveTag(0)) ? fields.value() : void 0;
  const issuer = fields.optional(contextTag(1)) ? readGeneralNames(fields.inside("issuer"), "location") : void 0;
  const serialNumber = fields.optional(contextPrimitiveTag(2)) ? fields.checkedInteger("serial number") : void 0;
  fields.done();
  if (issuer === void 0 !== (serialNumber === void 0)) {
    throw fields.error("issuer and serial number stand alone, where RFC 5280, Section 4.2.1.1 wants both or none");
  }
  return { keyIdentifier, issuer, serialNumber };
}
function certificatePolicies(reader) {
  const policies = listOf(reader, "certificatePolicies", (list) => {
    const info = list.enter(tags.sequence, "policy information");
    const policy = info.oid("policyIdentifier");
    if (info.more) {
      const qualifiers = info.enter(tags.sequence, "policyQualifiers");
      if (!qualifiers.more) throw qualifiers.error("the list is empty");
      while (qualifiers.more) {
        const qualifier = qualifiers.enter(tags.sequence, "qualifier");
        qualifier.oid("policyQualifierId");
        qualifier.next();
        qualifier.done();
      }
      info.done();
    }
    return policy;
  });
  if (policies.length > 1 && new Set(policies).size !== policies.length) {
    throw reader.error("certificatePolicies names a policy twice (RFC 5280, Section 4.2.1.4)");
  }
  return policies;
}
function policyConstraints(reader) {
  const fields = reader.enter(tags.sequence, "policyConstraints");
  const requireExplicitPolicy = skipCerts(fields, 0, "requireExplicitPolicy");
  const inhibitPolicyMapping = skipCerts(fields, 1, "inhibitPolicyMapping");
  fields.done();
  if (requireExplicitPolicy === void 0 && inhibitPolicyMapping === void 0) {
    throw fields.error("it is empty (RFC 5280, Section 4.2.1.11)");
  }
  return { requireExplicitPolicy, inhibitPolicyMapping };
}
function skipCerts(fields, n, field) {
  return fields.peek() === contextPrimitiveTag(n) ? fields.smallInteger(field, 2147483647, contextPrimitiveTag(n)) : void 0;
}
function readDistributionPoint(list) {
  const fields = list.enter(tags.sequence, "distribution point");
  const name2 = fields.optional(contextTag(0)) ? readDistributionPointName(fields.inside("name")) : {};
  const reasons = fields.peek() === contextPrimitiveTag(1) ? fields.namedBits("reasons", contextPrimitiveTag(1)) : void 0;
  const crlIssuer = fields.optional(contextTag(2)) ? readGeneralNames(fields.inside("cRLIssuer")) : void 0;
  fields.done();
  if (name2.fullName === void 0 && name2.relativeName === void 0 && crlIssuer === void 0) {
    throw fields.error("it names neither a place nor an issuer (RFC 5280, Section 4.2.1.13)");
  }
  return { ...name2, reasons, crlIssuer };
}
function readDistributionPointName(choice) {
  if (choice.optional(contextTag(0))) {
    const fullName = readGeneralNames(choice.inside("fullName"), "location");
    choice.done();
    return { fullName };
  }
  choice.expect(contextTag(1), "nameRelativeToCRLIssuer");
  const relativeName = choice.raw();
  choice.done();
  return { relativeName };
}

// src/wire/delegated-credential.ts
function encodeDelegation(credential) {
  return new Writer(128).u32(credential.validTime).u16(credential.dcCertVerifyAlgorithm).vector24(credential.subjectPublicKeyInfo).u16(credential.algorithm).finish();
}
function decodeDelegatedCredential(bytes) {
  const reader = new Reader(bytes, "delegated_credential");
  const validTime = reader.u32();
  const dcCertVerifyAlgorithm = reader.u16();
  const subjectPublicKeyInfo = reader.vector24(1);
  const algorithm2 = reader.u16();
  const signature = reader.vector16(1);
  reader.end();
  return { validTime, dcCertVerifyAlgorithm, subjectPublicKeyInfo, algorithm: algorithm2, signature };
}

// src/wire/handshake-type.ts
var handshakeTypes = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  endOfEarlyData: 5,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
  certificateStatus: 22,
  keyUpdate: 24,
  compressedCertificate: 25,
  messageHash: 254
};
var handshakeTypeName = namesOf(handshakeTypes);
function frameMessage(type, body) {
  const raw = passingBytes(4 + body.length);
  raw[0] = handshakeTypes[type];
  raw[1] = body.length >>> 16;
  raw[2] = body.length >>> 8;
  raw[3] = body.length;
  raw.set(body, 4);
  return raw;
}

// src/handshake/context.ts
function handshakeContext(config, output) {
  return { config, crypto: config.crypto, output, secrets: { untilEnd: [], untilFailure: [] } };
}
function untilEnd({ secrets }, secret) {
  secrets.untilEnd.push(secret);
  return secret;
}
function untilFailure({ secrets }, secret) {
  secrets.untilFailure.push(secret);
  return secret;
}
function* wipingSecrets(context, handshake3) {
  const { untilEnd: untilEnd2, untilFailure: untilFailure2 } = context.secrets;
  let done = false;
  try {
    const result = yield* handshake3(context);
    done = true;
    return result;
  } finally {
    for (const secret of untilEnd2.splice(0)) secret.destroy();
    for (const secret of untilFailure2.splice(0)) if (!done) secret.destroy();
  }
}
function sendMessage(context, transcript, type, body) {
  const raw = frameMessage(type, body);
  transcript.add(raw);
  context.output.sendMessage(type, raw);
  return raw;
}
function decide(context, about, choice, reason) {
  context.config.trace?.({ kind: "decision", about, choice, reason });
}
function logSecret(context, label2, clientRandom, secret) {
  context.config.keyLog?.(`${label2} ${toHex(clientRandom)} ${toHex(secret)}`);
}

// src/handshake/delegated-credential.ts
var maxDelegation = 6048e5;
var noSchemes = [];
function delegationContent(role, certificate, credential) {
  const context = fromText(`TLS, ${role} delegated credentials`);
  const signed = encodeDelegation(credential);
  const content = new Uint8Array(64 + context.length + 1 + certificate.length + signed.length).fill(32, 0, 64);
  content.set(context, 64);
  content.set(certificate, 64 + context.length + 1);
  content.set(signed, content.length - signed.length);
  return content;
}
function mayBeDelegated(scheme) {
  return scheme?.tls13 === true && !scheme.keyTypes.includes("rsa");
}
function delegationProblem({ extensions, decoded }) {
  const usage = extensions.get(oids.delegationUsage);
  if (usage === void 0 || usage.critical) return "the certificate lacks the extension DelegationUsage";
  if (usage.value.length !== 2 || usage.value[0] !== 5) return "DelegationUsage is not NULL";
  const { keyUsage = 0 } = decoded;
  return (keyUsage & keyUsageBits.digitalSignature) === 0 ? "the certificate lacks the key usage digitalSignature" : void 0;
}
function readDelegation(context, role, peer, bytes) {
  const { config, crypto } = context;
  const { leaf } = peer;
  const credential = decodeDelegatedCredential(bytes);
  const { dcCertVerifyAlgorithm: code2, algorithm: algorithm2 } = credential;
  const scheme = signatureScheme(code2);
  if (leaf === void 0) throw invalid("there is no certificate");
  const problem2 = delegationProblem(leaf);
  if (problem2 !== void 0) throw invalid(problem2);
  const end = leaf.notBefore + 1e3 * credential.validTime;
  if (config.now() > end) throw invalid("its time is over");
  if (end - config.now() > maxDelegation) throw invalid("it is good for more than seven days");
  if (!config.delegatedCredentialSchemes.includes(code2) || !mayBeDelegated(scheme)) {
    throw invalid(`it signs with ${scheme?.name ?? `0x${code2.toString(16)}`}, which was not offered for it`);
  }
  const signed = signatureScheme(algorithm2);
  const { publicKey: key, chain } = peer;
  if (!config.signatureSchemes.includes(algorithm2) || signed === void 0) {
    throw invalid(`it is signed with 0x${algorithm2.toString(16)}, which was not offered`);
  }
  const content = delegationContent(role, chain[0], credential);
  if (!schemeFitsKey(signed, key.type, key.bits, tls13) || !key.verify(signed.algorithm, content, credential.signature)) {
    throw invalid("the signature of the certificate's key does not verify");
  }
  let publicKey;
  try {
    publicKey = crypto.importPublicKey(credential.subjectPublicKeyInfo);
  } catch (cause) {
    throw invalid("its key does not parse", cause);
  }
  decide(
    context,
    "credential",
    "delegated",
    `the certificate lets this key speak until ${new Date(end).toISOString()}`
  );
  return { ...peer, publicKey, delegation: { scheme: code2, notAfter: end } };
}
function invalid(problem2, cause) {
  const message = `certificate: the delegated credential is not valid: ${problem2}`;
  if (cause === void 0) return illegalParameter("ERR_TLS_DELEGATED_CREDENTIAL", message, "RFC 9345, Section 4.1.3");
  return new PeerError("ERR_TLS_DELEGATED_CREDENTIAL", "illegalParameter", message, {
    cause,
    rfc: "RFC 9345, Section 4.1.3"
  });
}
function unsolicitedDelegation() {
  return new PeerError(
    "ERR_TLS_UNSOLICITED_DELEGATION",
    "unexpectedMessage",
    "certificate: a delegated credential, which was not asked for",
    { rfc: "RFC 9345, Section 4.1.1" }
  );
}
function takesDelegation({ scheme, algorithm: algorithm2, notAfter }, delegatedSchemes, signatureSchemes2, now) {
  return delegatedSchemes.includes(scheme) && signatureSchemes2.includes(algorithm2) && now < notAfter;
}

// src/handshake/negotiate.ts
var emptyRenegotiationInfoScsv = 255;
var fallbackScsv = 22016;
function checkRecordSizeLimit(limit, message, largest = 65535) {
  if (limit === void 0 || limit >= 64 && limit <= largest) return;
  throw illegalParameter(
    "ERR_TLS_RECORD_SIZE_LIMIT",
    `${message}: record_size_limit is ${limit}, and ${limit < 64 ? "64 is the least" : `${largest} is the most`}`,
    "RFC 8449, Section 4"
  );
}
function largestRecordSizeLimit(version2) {
  return version2 === tls13 ? 2 ** 14 + 1 : 2 ** 14;
}
function ownRecordSizeLimit(limit, version2) {
  return limit === void 0 ? void 0 : Math.min(limit, largestRecordSizeLimit(version2));
}
function chooseVersion(hello, config) {
  if (hello.legacyVersion <= 768) {
    throw new PeerError(
      "ERR_TLS_UNSUPPORTED_PROTOCOL",
      "protocolVersion",
      `clientHello: legacy_version is ${versionName(hello.legacyVersion)}`,
      { rfc: "RFC 9846, Appendix E.5" }
    );
  }
  const offered = offeredVersions(hello);
  for (const version2 of [tls13, tls12]) {
    if (version2 <= config.maxVersion && version2 >= config.minVersion && offered.includes(version2)) return version2;
  }
  throw new PeerError(
    "ERR_TLS_UNSUPPORTED_PROTOCOL",
    "protocolVersion",
    `the client speaks ${offered.map(versionName).join(", ") || "no known version"}; this server speaks ${versionName(config.minVersion)} to ${versionName(config.maxVersion)}`,
    { rfc: "RFC 9846, Section 4.2.1" }
  );
}
function offeredVersions(hello) {
  const list = hello.extensions.supportedVersions;
  if (list !== void 0) return list;
  return hello.legacyVersion >= tls12 ? [tls12] : [hello.legacyVersion];
}
function chooseCipherSuite(offered, config, usable) {
  const [ordered, other] = config.preferServerOrder ? [config.cipherSuites, offered] : [offered, config.cipherSuites];
  for (const code2 of ordered) {
    if (!other.includes(code2)) continue;
    const suite = cipherSuite(code2);
    if (suite !== void 0 && usable(suite)) return suite;
  }
  return void 0;
}
function commonGroups(offered, config, version2) {
  const ours = config.groups.filter((group) => version2 === tls13 || !isHybrid(group));
  if (config.preferServerOrder) return ours.filter((group) => offered.includes(groupCode(group)));
  return offered.map(groupName).filter((group) => group !== void 0 && ours.includes(group));
}
function isHybrid(group) {
  return group.includes("MLKEM");
}
function chooseSignatureScheme({ keyType, schemes }, accepted, version2) {
  return schemes.find((code2) => {
    const scheme = signatureScheme(code2);
    return scheme !== void 0 && schemeFitsKey(scheme, keyType, maxKeyBits, version2) && accepted.includes(code2);
  });
}
var maxKeyBits = 16384;
function chooseAlpn(offered, config, serverName) {
  if (offered === void 0) return void 0;
  if (config.selectAlpn === void 0 && config.alpnProtocols.length === 0) return void 0;
  const chosen = config.selectAlpn === void 0 ? config.alpnProtocols.find((protocol) => offered.includes(protocol)) : config.selectAlpn(offered, serverName);
  if (chosen !== void 0 && offered.includes(chosen)) return chosen;
  throw new PeerError(
    "ERR_TLS_NO_APPLICATION_PROTOCOL",
    "noApplicationProtocol",
    `no common application protocol: the client offers ${offered.join(", ")}; this server has ${config.alpnProtocols.join(", ") || "its own choice"}`,
    { rfc: "RFC 7301, Section 3.2" }
  );
}
function chooseCredential(query) {
  let best;
  let bestRank = -1;
  for (const credential of query.credentials) {
    if (!fitsKey(credential, query)) continue;
    const rank3 = 2 * nameRank(credential, query.serverName) + issuerRank(credential, query.certificateAuthorities);
    if (rank3 > bestRank) {
      best = credential;
      bestRank = rank3;
    }
  }
  return best;
}
function fitsKey(credential, query) {
  const { signer } = credential;
  if (!query.certificateTypes.includes(certificateTypeOf(credential))) return false;
  const { delegation } = credential;
  if (delegation !== void 0) {
    const now = query.config?.now() ?? 0;
    if (!takesDelegation(delegation, query.delegatedSchemes, query.signatureSchemes, now)) return false;
  }
  if (credential.mustMatchIssuer && issuerRank(credential, query.certificateAuthorities) === 0) return false;
  if (query.authentication !== void 0 && !query.authentication.includes(authenticationOf(credential))) return false;
  if (query.staticRsa && signer.keyType === "rsa" && signer.decryptRaw !== void 0) return true;
  const curve = curveOf[signer.keyType];
  if (query.version === tls12 && query.role === "server" && curve !== void 0 && !query.groups.includes(curve)) {
    return false;
  }
  return delegation !== void 0 || chooseSignatureScheme(signer, query.signatureSchemes, query.version) !== void 0;
}
var curveOf = { p256: "secp256r1", p384: "secp384r1", p521: "secp521r1" };
function authenticationOf(credential) {
  return credential.signer.keyType === "rsa" || credential.signer.keyType === "rsaPss" ? "rsa" : "ecdsa";
}
function nameRank(credential, serverName) {
  if (serverName === void 0 || credential.serverNames === void 0) return 1;
  const name2 = serverName.toLowerCase();
  const wildcard = `*${name2.slice(name2.indexOf("."))}`;
  return credential.serverNames.some((own2) => own2 === name2 || name2.includes(".") && own2 === wildcard) ? 2 : 0;
}
function issuerRank(credential, authorities2) {
  if (authorities2.length === 0 || credential.issuers === void 0) return 0;
  const wanted = (issuer) => authorities2.some((name2) => name2.length === issuer.length && name2.every((byte, i) => byte === issuer[i]));
  return credential.issuers.some(wanted) ? 1 : 0;
}

// src/session/policy.ts
var label = fromText("handfast session policy 1\0");
function policyDigest(crypto, policy) {
  const { mode, anchorsDigest, rawPublicKeys } = policy.clientAuth;
  const writer = new Writer(256).bytes(label).u16(policy.version).u8(policy.cipherHash === "sha384" ? 2 : 1);
  writer.u8(policy.version === 772 || policy.extendedMasterSecret === true ? 1 : 0);
  optional(writer, policy.serverName === void 0 ? void 0 : fromText(canonicalName(policy.serverName)));
  writer.vector16(fromText(policy.credentialIdentity));
  writer.u8(mode === "require" ? 2 : mode === "request" ? 1 : 0);
  writer.vector16(mode === "none" ? noBytes : anchorsDigest ?? noBytes);
  optional(writer, policy.tenant === void 0 ? void 0 : fromText(policy.tenant));
  if (mode !== "none" && rawPublicKeys !== void 0) writer.vector16(rawPublicKeys);
  return crypto.hash("sha256", writer.finish());
}
function earlyDataContext(crypto, binding) {
  const writer = new Writer(128).bytes(fromText("handfast early data 1\0")).u16(binding.cipherSuite);
  optional(writer, binding.alpnProtocol === void 0 ? void 0 : fromText(binding.alpnProtocol));
  optional(writer, binding.serverName === void 0 ? void 0 : fromText(canonicalName(binding.serverName)));
  writer.vector16(binding.application ?? noBytes);
  return crypto.hash("sha256", writer.finish());
}
function canonicalName(name2) {
  const lower = name2.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}
function optional(writer, bytes) {
  if (bytes === void 0) writer.u8(0);
  else writer.u8(1).vector16(bytes);
}

// src/crypto/hkdf.ts
var hashLengths2 = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
function hashLength(hash3) {
  return hashLengths2[hash3];
}
function hkdfExtract(crypto, hash3, salt, ikm) {
  return crypto.hmac(hash3, salt, ikm);
}
function hkdfExpand(crypto, hash3, secret, info, length) {
  const block3 = hashLengths2[hash3];
  if (length > 255 * block3) throw new RangeError(`HKDF-Expand yields at most ${255 * block3} bytes, not ${length}`);
  if (length <= block3) {
    const input2 = new Uint8Array(info.length + 1);
    input2.set(info);
    input2[info.length] = 1;
    return firstBlock(crypto, hash3, secret, input2, length);
  }
  const key = secret instanceof Uint8Array ? crypto.prepareHmac(hash3, secret) : secret;
  const output = new Uint8Array(length);
  const input = new Uint8Array(block3 + info.length + 1);
  input.set(info, block3);
  for (let at2 = 0, counter = 1; at2 < length; at2 += block3, counter++) {
    input[block3 + info.length] = counter;
    const part = key.sign(counter === 1 ? input.subarray(block3) : input);
    output.set(length - at2 < block3 ? part.subarray(0, length - at2) : part, at2);
    input.set(part);
    zeroize(part);
  }
  zeroize(input);
  if (secret instanceof Uint8Array) key.destroy();
  return output;
}
var encodedLabels = /* @__PURE__ */ new Map();
var hkdfLabel = new Uint8Array(2 + 256 + 256 + 1);
var hkdfLabels = [];
function hkdfExpandLabel(crypto, hash3, secret, label2, context, length) {
  const encoded = encodedLabel(label2);
  const contextAt = 2 + encoded.length;
  const end = contextAt + 1 + context.length;
  const input = hkdfLabels[end + 1] ??= hkdfLabel.subarray(0, end + 1);
  input[0] = length >>> 8;
  input[1] = length;
  input.set(encoded, 2);
  input[contextAt] = context.length;
  input.set(context, contextAt + 1);
  if (length > hashLengths2[hash3]) return hkdfExpand(crypto, hash3, secret, input.subarray(0, end), length);
  input[end] = 1;
  return firstBlock(crypto, hash3, secret, input, length);
}
function firstBlock(crypto, hash3, secret, input, length) {
  const block3 = secret instanceof Uint8Array ? crypto.hmac(hash3, secret, input) : secret.sign(input);
  if (length === block3.length) return block3;
  const output = block3.slice(0, length);
  zeroize(block3);
  return output;
}
function encodedLabel(label2) {
  const known3 = encodedLabels.get(label2);
  if (known3 !== void 0) return known3;
  const text = `tls13 ${label2}`;
  if (text.length > 255) throw new RangeError("a label of HKDF-Expand-Label has at most 249 bytes");
  const encoded = new Uint8Array(1 + text.length);
  encoded[0] = text.length;
  for (let i = 0; i < text.length; i++) encoded[1 + i] = text.charCodeAt(i);
  if (encodedLabels.size < 256) encodedLabels.set(label2, encoded);
  return encoded;
}

// src/crypto/hpke.ts
var hpkeKems = { secp256r1: 16, x25519: 32 };
var hpkeKdfs = { sha256: 1, sha384: 2, sha512: 3 };
var hpkeAeads = { aes128gcm: 1, aes256gcm: 2, chacha20poly1305: 3 };
var kemNames = /* @__PURE__ */ new Map([
  [hpkeKems.secp256r1, "secp256r1"],
  [hpkeKems.x25519, "x25519"]
]);
var kdfNames = /* @__PURE__ */ new Map([
  [hpkeKdfs.sha256, "sha256"],
  [hpkeKdfs.sha384, "sha384"],
  [hpkeKdfs.sha512, "sha512"]
]);
var aeadNames = /* @__PURE__ */ new Map([
  [hpkeAeads.aes128gcm, "aes128gcm"],
  [hpkeAeads.aes256gcm, "aes256gcm"],
  [hpkeAeads.chacha20poly1305, "chacha20poly1305"]
]);
var keyLengths2 = { aes128gcm: 16, aes256gcm: 32, chacha20poly1305: 32 };
var nonceLength = 12;
var hpkeTagLength = 16;
function hpkeSuite(kem, kdf, aead) {
  const group = kemNames.get(kem);
  const hash3 = kdfNames.get(kdf);
  const cipher = aeadNames.get(aead);
  if (group === void 0 || hash3 === void 0 || cipher === void 0) return void 0;
  return { kem, kdf, aead, group, hash: hash3, cipher };
}
function hpkeKeyExchange(crypto, kem) {
  const group = kemNames.get(kem);
  const exchange = group === void 0 ? void 0 : crypto.keyExchange(group);
  return exchange?.importKeyPair === void 0 ? void 0 : exchange;
}
function setupBaseSender(crypto, suite, publicKey, info, ephemeral) {
  const exchange = requireExchange(crypto, suite.kem);
  const { share: enc, secret: dh } = ephemeral === void 0 ? exchange.respond(publicKey) : { share: ephemeral.publicKey, secret: ephemeral.agree(publicKey) };
  return { enc, context: keySchedule(crypto, suite, sharedSecret(crypto, suite, dh, enc, publicKey), info) };
}
function setupBaseReceiver(crypto, suite, keyPair, enc, info) {
  const dh = keyPair.agree(enc);
  return keySchedule(crypto, suite, sharedSecret(crypto, suite, dh, enc, keyPair.publicKey), info);
}
function deriveHpkeKey(crypto, kem, ikm) {
  const exchange = requireExchange(crypto, kem);
  const labels3 = new Labels(crypto, "sha256", kemSuiteId(kem));
  const prk = labels3.extract(noBytes, "dkp_prk", ikm);
  try {
    if (kem === hpkeKems.x25519) return labels3.expand(prk, "sk", noBytes, 32);
    for (let counter = 0; counter < 256; counter++) {
      const candidate = labels3.expand(prk, "candidate", Uint8Array.of(counter), 32);
      if (isPrivateKey(exchange, candidate)) return candidate;
      zeroize(candidate);
    }
    throw new RangeError("HPKE: DeriveKeyPair found no private key");
  } finally {
    zeroize(prk);
  }
}
var HpkeContext = class {
  suite;
  #aead;
  #baseNonce;
  #sequence = 0;
  constructor(suite, aead, baseNonce) {
    this.suite = suite;
    this.#aead = aead;
    this.#baseNonce = baseNonce;
  }
  /** Ciphertext with its tag, {@link hpkeTagLength} bytes longer than the plaintext. */
  seal(additionalData3, plaintext) {
    const out = new Uint8Array(plaintext.length + this.#aead.tagLength);
    this.#aead.seal(this.#nonce(), additionalData3, plaintext, out, 0);
    this.#sequence++;
    return out;
  }
  /** The plaintext; `undefined` where it does not authenticate, and the context waits for the same message. */
  open(additionalData3, ciphertext) {
    const plaintext = this.#aead.open(this.#nonce(), additionalData3, ciphertext);
    if (plaintext !== void 0) this.#sequence++;
    return plaintext;
  }
  destroy() {
    this.#aead.destroy();
    zeroize(this.#baseNonce);
  }
  #nonce() {
    const nonce4 = this.#baseNonce.slice();
    for (let i = nonceLength - 1, left = this.#sequence; left > 0; i--, left = Math.floor(left / 256)) {
      nonce4[i] = nonce4[i] ^ left & 255;
    }
    return nonce4;
  }
};
function requireExchange(crypto, kem) {
  const exchange = hpkeKeyExchange(crypto, kem);
  if (exchange !== void 0) return exchange;
  throw new RangeError(`HPKE: this runtime has no KEM 0x${kem.toString(16).padStart(4, "0")}`);
}
function isPrivateKey(exchange, candidate) {
  try {
    exchange.importKeyPair(candidate).destroy();
    return true;
  } catch {
    return false;
  }
}
var Labels = class {
  #crypto;
  #hash;
  #suiteId;
  constructor(crypto, hash3, suiteId) {
    this.#crypto = crypto;
    this.#hash = hash3;
    this.#suiteId = suiteId;
  }
  extract(salt, label2, ikm) {
    const labeledIkm = concat(version, this.#suiteId, fromText(label2), ikm);
    const prk = hkdfExtract(this.#crypto, this.#hash, salt, labeledIkm);
    zeroize(labeledIkm);
    return prk;
  }
  expand(prk, label2, info, length) {
    const labeledInfo = concat(uint16(length), version, this.#suiteId, fromText(label2), info);
    return hkdfExpand(this.#crypto, this.#hash, prk, labeledInfo, length);
  }
};
var version = fromText("HPKE-v1");
function uint16(value) {
  return Uint8Array.of(value >>> 8, value & 255);
}
function kemSuiteId(kem) {
  return concat(fromText("KEM"), uint16(kem));
}
function sharedSecret(crypto, { kem }, dh, enc, publicKey) {
  const labels3 = new Labels(crypto, "sha256", kemSuiteId(kem));
  const prk = labels3.extract(noBytes, "eae_prk", dh);
  const secret = labels3.expand(prk, "shared_secret", concat(enc, publicKey), hashLength("sha256"));
  zeroize(dh, prk);
  return secret;
}
function keySchedule(crypto, suite, shared, info) {
  const { kem, kdf, aead, hash: hash3, cipher } = suite;
  const suiteId = concat(fromText("HPKE"), uint16(kem), uint16(kdf), uint16(aead));
  const labels3 = new Labels(crypto, hash3, suiteId);
  const modeBase = Uint8Array.of(0);
  const pskIdHash = labels3.extract(noBytes, "psk_id_hash", noBytes);
  const infoHash = labels3.extract(noBytes, "info_hash", info);
  const context = concat(modeBase, pskIdHash, infoHash);
  const secret = labels3.extract(shared, "secret", noBytes);
  const key = labels3.expand(secret, "key", context, keyLengths2[cipher]);
  const baseNonce = labels3.expand(secret, "base_nonce", context, nonceLength);
  const result = new HpkeContext(suite, crypto.createAead(cipher, key), baseNonce);
  zeroize(shared, secret, key);
  return result;
}

// src/wire/extension-type.ts
var extensionTypes = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  signedCertificateTimestamp: 18,
  clientCertificateType: 19,
  serverCertificateType: 20,
  padding: 21,
  encryptThenMac: 22,
  extendedMasterSecret: 23,
  compressCertificate: 27,
  recordSizeLimit: 28,
  delegatedCredential: 34,
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  oidFilters: 48,
  postHandshakeAuth: 49,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  ticketRequest: 58,
  echOuterExtensions: 64768,
  encryptedClientHello: 65037,
  renegotiationInfo: 65281
};
var extensionName = namesOf(extensionTypes);

// src/wire/extensions.ts
var maxKeptBodies = 200;
var malformedByDuplicates = ["clientHello", "serverHello", "encryptedExtensions"];
var indexes = /* @__PURE__ */ new WeakMap();
function indexOf(table) {
  let index = indexes.get(table);
  if (index !== void 0) return index;
  const entries = Object.entries(table).map(([key, codec2]) => {
    const name2 = key;
    return { type: extensionTypes[name2], name: name2, codec: codec2 };
  });
  const blank = Object.fromEntries(entries.map(({ name: name2 }) => [name2, void 0]));
  index = { entries, byType: new Map(entries.map((entry) => [entry.type, entry])), blank };
  indexes.set(table, index);
  return index;
}
function noExtensions(table) {
  return { ...indexOf(table).blank };
}
var Distinct = class {
  #few = [];
  #many;
  /** `false` where the number was there already. */
  add(number) {
    if (this.#many !== void 0) {
      if (this.#many.has(number)) return false;
      this.#many.add(number);
      return true;
    }
    const few = this.#few;
    if (few.includes(number)) return false;
    few.push(number);
    if (few.length === 32) this.#many = new Set(few);
    return true;
  }
};
function encodeExtensions(writer, table, block3) {
  const { entries, byType } = indexOf(table);
  const values = block3.extensions ?? {};
  const mark = writer.open(2);
  if (block3.extensionOrder === void 0) {
    for (const entry of entries) encodeExtension(writer, entry, values[entry.name]);
    writer.close(mark, 2);
    return;
  }
  for (const type of block3.extensionOrder) {
    const entry = byType.get(type);
    if (entry !== void 0 && encodeExtension(writer, entry, values[entry.name])) continue;
    const other = block3.otherExtensions?.get(type);
    if (other !== void 0) writer.u16(type).vector16(other);
  }
  writer.close(mark, 2);
}
function encodeExtension(writer, { type, codec: codec2 }, value) {
  if (value === void 0) return false;
  const body = writer.u16(type).open(2);
  codec2.encode(writer, value);
  writer.close(body, 2);
  return true;
}
function hasExtensions(table, block3) {
  const values = block3.extensions ?? {};
  return indexOf(table).entries.some(({ name: name2 }) => values[name2] !== void 0);
}
function decodeExtensions(reader, table, what, lenient = false) {
  const { byType, blank } = indexOf(table);
  const body = reader.nested16(what);
  const values = { ...blank };
  const order = [];
  const distinct = new Distinct();
  let others;
  while (body.remaining > 0) {
    const type = body.u16();
    const entry = byType.get(type);
    const name2 = entry === void 0 ? extensionName(type) : entry.name;
    const inner = body.nested16(name2 === void 0 ? what : `${what}, ${name2}`);
    if (!distinct.add(type)) {
      const alert = malformedByDuplicates.includes(what) ? "decodeError" : "illegalParameter";
      throw new PeerError("ERR_TLS_DUPLICATE_EXTENSION", alert, `${what}: extension ${type} stands twice`, {
        rfc: "RFC 9846, Section 4.2"
      });
    }
    order.push(type);
    if (entry !== void 0) {
      values[entry.name] = entry.codec.decode(inner);
      inner.end();
    } else if (name2 === void 0 || lenient) {
      others ??= /* @__PURE__ */ new Map();
      if (others.size < maxKeptBodies) others.set(type, inner.rest());
    } else {
      throw illegalParameter(
        "ERR_TLS_EXTENSION_NOT_ALLOWED",
        `${what}: the extension ${name2} may not stand in this message`,
        "RFC 9846, Section 4.2"
      );
    }
  }
  return { extensions: values, extensionOrder: order, otherExtensions: others };
}

// src/wire/ech-config.ts
var echConfigVersion = 65037;
function decodeEchConfigList(bytes) {
  const reader = new Reader(bytes, "ECHConfigList");
  const list = reader.nested16("ECHConfigList", 4);
  reader.end();
  const configs = [];
  while (list.remaining > 0) {
    const config = readConfig(list, bytes);
    if (config !== void 0) configs.push(config);
  }
  return configs;
}
function decodeEchConfig(bytes) {
  const reader = new Reader(bytes, "ECHConfig");
  const config = readConfig(reader, bytes);
  reader.end();
  return config;
}
function readConfig(reader, bytes) {
  const start2 = reader.offset;
  const version2 = reader.u16();
  const contents = reader.nested16("ECHConfig");
  if (version2 !== echConfigVersion) {
    contents.rest();
    return void 0;
  }
  const configId = contents.u8();
  const kem = contents.u16();
  const publicKey = contents.vector16(1);
  const suites = contents.nested16("ECHConfig cipher_suites", 4);
  const cipherSuites2 = [];
  while (suites.remaining > 0) cipherSuites2.push({ kdf: suites.u16(), aead: suites.u16() });
  const maximumNameLength = contents.u8();
  const publicName = toLatin1(contents.vector8(1));
  const extensions = contents.nested16("ECHConfig extensions");
  const types = new Distinct();
  const hasExtensions2 = extensions.remaining > 0;
  let hasMandatoryExtension = false;
  while (extensions.remaining > 0) {
    const type = extensions.u16();
    if (!types.add(type)) throw extensions.error(`extension ${type} stands twice`);
    extensions.vector16();
    if (type >= 32768) hasMandatoryExtension = true;
  }
  contents.end();
  const raw = new Uint8Array(bytes.subarray(start2, reader.offset));
  return {
    raw,
    configId,
    kem,
    publicKey: new Uint8Array(publicKey),
    cipherSuites: cipherSuites2,
    maximumNameLength,
    publicName,
    hasMandatoryExtension,
    hasExtensions: hasExtensions2
  };
}
function encodeEchConfig(config) {
  const writer = new Writer(128).u16(echConfigVersion);
  const contents = writer.open(2);
  writer.u8(config.configId).u16(config.kem).vector16(config.publicKey);
  const suites = writer.open(2);
  for (const { kdf, aead } of config.cipherSuites) writer.u16(kdf).u16(aead);
  writer.close(suites, 2);
  writer.u8(config.maximumNameLength).vector8(fromText(config.publicName)).u16(0);
  return writer.close(contents, 2).finish().slice();
}
function encodeEchConfigList(configs) {
  const writer = new Writer(256);
  const list = writer.open(2);
  for (const config of configs) writer.bytes(config);
  return writer.close(list, 2).finish().slice();
}
function isPublicName(name2) {
  const labels3 = name2.split(".");
  const last = labels3.at(-1);
  if (name2.length > 253 || /^(?:[0-9]+|0[xX][0-9a-fA-F]*)$/.test(last)) return false;
  return labels3.every((label2) => /^[0-9a-zA-Z](?:[0-9a-zA-Z-]{0,61}[0-9a-zA-Z])?$/.test(label2));
}

// src/wire/extension-codecs.ts
function codec(encode2, decode2) {
  return { encode: encode2, decode: decode2 };
}
var flag = codec(
  () => {
  },
  () => true
);
var opaque = codec(
  (writer, value) => writer.bytes(value),
  (reader) => reader.rest()
);
var serverNameList = codec(
  (writer, name2) => {
    const list = writer.open(2);
    writer.u8(0).vector16(asciiBytes(name2));
    writer.close(list, 2);
  },
  (reader) => {
    const list = reader.nested16("server_name", 1);
    let name2;
    while (list.remaining > 0) {
      const type = list.u8();
      if (type !== 0) {
        list.vector16();
        continue;
      }
      const bytes = list.vector16(1, 255);
      if (name2 !== void 0) throw badServerName("it has two names of one type");
      if (bytes.some((byte) => byte <= 32 || byte >= 127)) {
        throw badServerName("the host name has a byte that is no visible ASCII character");
      }
      name2 = toLatin1(bytes);
    }
    return name2;
  }
);
var codeList16 = codec(
  (writer, list) => writer.u16List(2, list),
  (reader) => reader.u16List(2)
);
var codeList8 = codec(
  (writer, list) => writer.u16List(1, list),
  (reader) => reader.u16List(1)
);
var compressionAlgorithms = codec(
  (writer, list) => writer.u16List(1, list),
  (reader) => {
    const list = reader.u16List(1);
    if (new Set(list).size !== list.length) throw reader.error("an algorithm stands twice");
    return list;
  }
);
var ignored = codec(
  () => {
  },
  (reader) => {
    reader.bytes(reader.remaining);
    return true;
  }
);
var code16 = codec(
  (writer, value) => writer.u16(value),
  (reader) => reader.u16()
);
var code8 = codec(
  (writer, value) => writer.u8(value),
  (reader) => reader.u8()
);
var certificateTypeList = codec(
  (writer, list) => writer.vector8(list),
  (reader) => {
    const list = reader.vector8();
    if (list.length === 0 || list.length === 1 && list[0] === certificateTypes.x509) {
      throw illegalParameter(
        "ERR_TLS_CERTIFICATE_TYPE_LIST",
        `clientHello: a list of certificate types with ${list.length === 0 ? "nothing" : "X.509 alone"} in it`,
        "RFC 7250, Section 4.1"
      );
    }
    return list;
  }
);
var codeList1 = codec(
  (writer, list) => writer.vector8(list),
  (reader) => reader.vector8(1)
);
var protocolNameList = codec(
  (writer, names) => {
    const list = writer.open(2);
    for (const name2 of names) writer.vector8(asciiBytes(name2));
    writer.close(list, 2);
  },
  (reader) => {
    const list = reader.nested16("application_layer_protocol_negotiation", 2);
    const names = [];
    while (list.remaining > 0) names.push(toLatin1(list.vector8(1)));
    return names;
  }
);
var selectedProtocol = codec(
  (writer, name2) => protocolNameList.encode(writer, [name2]),
  (reader) => {
    const names = protocolNameList.decode(reader);
    if (names.length !== 1) throw reader.error("a server selects exactly one protocol");
    return names[0];
  }
);
var ocspStatusRequest = codec(
  (writer) => writer.u8(1).u16(0).u16(0),
  (reader) => {
    const type = reader.u8();
    if (type === 1) {
      reader.vector16();
      reader.vector16();
    } else {
      reader.rest();
    }
    return { type };
  }
);
var ocspResponse = codec(
  (writer, response) => writer.u8(1).vector24(response),
  (reader) => {
    const type = reader.u8();
    if (type !== 1) throw reader.error(`status type ${type} is not ocsp`);
    return reader.vector24(1);
  }
);
var sctList = codec(
  (writer, list) => {
    const mark = writer.open(2);
    for (const sct of list) writer.vector16(sct);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16("signed_certificate_timestamp", 1);
    const scts = [];
    while (list.remaining > 0) scts.push(list.vector16(1));
    return scts;
  }
);
var clientKeyShares = codec(
  (writer, shares) => {
    const mark = writer.open(2);
    for (const share of shares) writer.u16(share.group).vector16(share.keyExchange);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16("key_share");
    const shares = [];
    const groups2 = new Distinct();
    while (list.remaining > 0) {
      const group = list.u16();
      if (!groups2.add(group)) {
        throw new PeerError(
          "ERR_TLS_DUPLICATE_KEY_SHARE",
          "illegalParameter",
          `key_share: group 0x${group.toString(16)} stands twice`,
          { rfc: "RFC 9846, Section 4.2.8" }
        );
      }
      shares.push({ group, keyExchange: list.vector16(1) });
    }
    return shares;
  }
);
var serverKeyShare = codec(
  (writer, share) => writer.u16(share.group).vector16(share.keyExchange),
  (reader) => ({ group: reader.u16(), keyExchange: reader.vector16(1) })
);
var cookie = codec(
  (writer, value) => writer.vector16(value),
  (reader) => reader.vector16(1)
);
var offeredPsks = codec(
  (writer, offer) => {
    const identities = writer.open(2);
    for (const { identity, obfuscatedTicketAge: obfuscatedTicketAge2 } of offer.identities) {
      writer.vector16(identity).u32(obfuscatedTicketAge2);
    }
    writer.close(identities, 2);
    const binders = writer.open(2);
    for (const binder of offer.binders) writer.vector8(binder);
    writer.close(binders, 2);
  },
  (reader) => {
    const identityList = reader.nested16("pre_shared_key identities", 7);
    const identities = [];
    while (identityList.remaining > 0) {
      identities.push({ identity: identityList.vector16(1), obfuscatedTicketAge: identityList.u32() });
    }
    const binderList = reader.nested16("pre_shared_key binders", 1);
    const binders = [];
    while (binderList.remaining > 0) binders.push(binderList.vector8());
    return { identities, binders };
  }
);
var distinguishedNames = codec(
  (writer, names) => {
    const mark = writer.open(2);
    for (const name2 of names) writer.vector16(name2);
    writer.close(mark, 2);
  },
  (reader) => {
    const list = reader.nested16("certificate_authorities", 3);
    const names = [];
    while (list.remaining > 0) names.push(list.vector16(1));
    return names;
  }
);
var maxEarlyData = codec(
  (writer, size) => writer.u32(size),
  (reader) => reader.u32()
);
var ticketRequest = codec(
  (writer, request2) => writer.u8(request2.newSessionCount).u8(request2.resumptionCount),
  (reader) => ({ newSessionCount: reader.u8(), resumptionCount: reader.u8() })
);
var expectedTickets = codec(
  (writer, count2) => writer.u8(count2),
  (reader) => reader.u8()
);
var renegotiationInfo = codec(
  (writer, verifyData) => writer.vector8(verifyData),
  (reader) => reader.vector8()
);
var padding = codec(
  (writer, size) => writer.bytes(new Uint8Array(size)),
  (reader) => {
    const size = reader.remaining;
    reader.rest();
    return size;
  }
);
var clientEch = codec(
  (writer, body) => writer.bytes(body),
  (reader) => {
    const body = reader.rest();
    if (body.length === 0) throw reader.error("it is empty");
    const type = body[0];
    if (type === 1 && body.length > 1) throw reader.error("the inner form has no body");
    if (type === 0 || type === 1) return body;
    throw illegalParameter(
      "ERR_TLS_ECH_TYPE",
      `clientHello, encryptedClientHello: type ${type} is neither outer nor inner`,
      "RFC 9849, Section 7"
    );
  }
);
var echConfirmation = codec(
  (writer, confirmation) => writer.bytes(confirmation),
  (reader) => reader.bytes(8)
);
var echRetryConfigs = codec(
  (writer, list) => writer.bytes(list),
  (reader) => {
    const list = reader.rest();
    decodeEchConfigList(list);
    return list;
  }
);
var sessionTicket = opaque;
function badServerName(problem2) {
  return illegalParameter("ERR_TLS_SERVER_NAME", `server_name: ${problem2}`, "RFC 6066, Section 3");
}
function asciiBytes(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// src/wire/client-hello.ts
var clientHelloExtensions = {
  serverName: serverNameList,
  extendedMasterSecret: flag,
  renegotiationInfo,
  supportedGroups: codeList16,
  ecPointFormats: codeList1,
  sessionTicket,
  alpn: protocolNameList,
  statusRequest: ocspStatusRequest,
  signatureAlgorithms: codeList16,
  signatureAlgorithmsCert: codeList16,
  signedCertificateTimestamp: flag,
  clientCertificateType: certificateTypeList,
  serverCertificateType: certificateTypeList,
  delegatedCredential: codeList16,
  encryptThenMac: flag,
  compressCertificate: compressionAlgorithms,
  recordSizeLimit: code16,
  supportedVersions: codeList8,
  certificateAuthorities: distinguishedNames,
  postHandshakeAuth: flag,
  keyShare: clientKeyShares,
  pskKeyExchangeModes: codeList1,
  ticketRequest,
  earlyData: flag,
  cookie,
  encryptedClientHello: clientEch,
  padding,
  preSharedKey: offeredPsks
};
function encodeClientHello(hello) {
  const writer = new Writer(512).u16(hello.legacyVersion).bytes(hello.random).vector8(hello.legacySessionId).u16List(2, hello.cipherSuites).vector8(hello.legacyCompressionMethods);
  encodeExtensions(writer, clientHelloExtensions, hello);
  return writer.finish();
}
function decodeClientHello(body) {
  const reader = new Reader(body, "clientHello");
  const legacyVersion = reader.u16();
  const random2 = reader.bytes(32);
  const legacySessionId2 = reader.vector8(0, 32);
  const cipherSuites2 = reader.u16List(2);
  const legacyCompressionMethods = reader.vector8(1);
  const block3 = reader.remaining === 0 ? { extensions: noExtensions(clientHelloExtensions), extensionOrder: [] } : decodeExtensions(reader, clientHelloExtensions, "clientHello", true);
  reader.end();
  checkPreSharedKey(block3);
  return {
    legacyVersion,
    random: random2,
    legacySessionId: legacySessionId2,
    cipherSuites: cipherSuites2,
    legacyCompressionMethods,
    extensions: block3.extensions,
    extensionOrder: block3.extensionOrder,
    otherExtensions: block3.otherExtensions
  };
}
var knownTypes = new Set(
  Object.keys(clientHelloExtensions).map((name2) => extensionTypes[name2])
);
function isKnownClientHelloExtension(type) {
  return knownTypes.has(type);
}
function outlineClientHello(body) {
  const reader = new Reader(body, "clientHello");
  reader.bytes(34);
  reader.vector8(0, 32);
  reader.u16List(2);
  reader.vector8(1);
  const fields = body.subarray(0, body.length - reader.remaining);
  const extensions = /* @__PURE__ */ new Map();
  const block3 = reader.remaining === 0 ? void 0 : new Reader(reader.vector16(), "clientHello");
  while (block3 !== void 0 && block3.remaining > 0) extensions.set(block3.u16(), block3.vector16());
  return { fields, extensions };
}
function truncatedLength(encoded, binders) {
  let list = 2;
  for (const binder of binders) list += 1 + binder.length;
  return encoded.length - list;
}
function checkPreSharedKey(block3) {
  const offer = block3.extensions.preSharedKey;
  if (offer === void 0) return;
  if (block3.extensionOrder.at(-1) !== extensionTypes.preSharedKey) {
    throw illegalParameter(
      "ERR_TLS_PSK_NOT_LAST",
      "clientHello: pre_shared_key is not the last extension",
      "RFC 9846, Section 4.2.11"
    );
  }
  if (offer.identities.length !== offer.binders.length) {
    throw illegalParameter(
      "ERR_TLS_PSK_BINDER_COUNT",
      `clientHello: ${offer.identities.length} PSK identities, but ${offer.binders.length} binders`,
      "RFC 9846, Section 4.2.11"
    );
  }
}

// src/wire/encrypted-client-hello.ts
var echInner = Uint8Array.of(1);
function isEchInner(body) {
  return body !== void 0 && body[0] === 1;
}
function encodeEchOuter({ kdf, aead, configId, enc, payload }) {
  const length = 10 + enc.length + payload.length;
  return new Writer(length).u8(0).u16(kdf).u16(aead).u8(configId).vector16(enc).vector16(payload).finish();
}
function decodeEchOuter(body) {
  const reader = new Reader(body, "clientHello, encryptedClientHello", 1);
  const kdf = reader.u16();
  const aead = reader.u16();
  const configId = reader.u8();
  const enc = reader.vector16();
  const payload = reader.vector16(1);
  reader.end();
  return { kdf, aead, configId, enc, payload };
}
function encodeClientHelloInner(inner, shared) {
  if (shared.length === 0) return encodeClientHello({ ...inner, legacySessionId: noBytes });
  const list = new Writer(1 + 2 * shared.length).u16List(1, shared).finish();
  const type = extensionTypes.echOuterExtensions;
  const first = inner.extensionOrder.indexOf(shared[0]);
  const extensionOrder = inner.extensionOrder.filter((other) => !shared.includes(other));
  extensionOrder.splice(first, 0, type);
  const otherExtensions = new Map([...inner.otherExtensions ?? [], [type, list]]);
  return encodeClientHello({ ...inner, legacySessionId: noBytes, extensionOrder, otherExtensions });
}
function expandClientHelloInner(encoded, outer) {
  const reader = new Reader(encoded, "clientHelloInner");
  const fields = reader.bytes(2 + 32);
  if (reader.vector8().length > 0) {
    throw illegalParameter(
      "ERR_TLS_ECH_INNER",
      "clientHelloInner: it has a session ID of its own",
      "RFC 9849, Section 5.1"
    );
  }
  const cipherSuites2 = reader.vector16();
  const compressionMethods = reader.vector8();
  const extensions = reader.nested16("clientHelloInner", 1);
  checkPadding(reader.rest());
  const outerHello = new Reader(outer, "clientHello", 2 + 32);
  const writer = new Writer(encoded.length + outer.length).bytes(fields).vector8(outerHello.vector8()).vector16(cipherSuites2).vector8(compressionMethods);
  outerHello.vector16();
  outerHello.vector8();
  const outerExtensions = outerHello.nested16("clientHello");
  const mark = writer.open(2);
  let expanded = false;
  while (extensions.remaining > 0) {
    const type = extensions.u16();
    if (type !== extensionTypes.echOuterExtensions) {
      writer.u16(type).vector16(extensions.vector16());
      continue;
    }
    if (expanded) throw badReference("ech_outer_extensions stands twice");
    expanded = true;
    const body = extensions.nested16("ech_outer_extensions");
    const wanted = body.u16List(1);
    body.end();
    for (const one of wanted) writer.u16(one).vector16(takeExtension(outerExtensions, one));
  }
  return writer.close(mark, 2).finish();
}
function takeExtension(outer, wanted) {
  if (wanted === extensionTypes.encryptedClientHello || wanted === extensionTypes.echOuterExtensions) {
    throw badReference(`extension ${wanted} may not be referred to`);
  }
  while (outer.remaining > 0) {
    const type = outer.u16();
    const body = outer.vector16();
    if (type === wanted) return body;
  }
  throw badReference(`extension ${wanted} is not in the outer hello, or not in this order, or twice in the list`);
}
function badReference(problem2) {
  return illegalParameter("ERR_TLS_ECH_OUTER_EXTENSIONS", `clientHelloInner: ${problem2}`, "RFC 9849, Section 5.1");
}
function checkPadding(padding2) {
  if (padding2.every((byte) => byte === 0)) return;
  throw illegalParameter(
    "ERR_TLS_ECH_PADDING",
    "clientHelloInner: the padding is not all zeros",
    "RFC 9849, Section 5.1"
  );
}

// src/handshake/client-hello-builder.ts
function buildClientHello(config, exchanges, psks, session12, encryptedClientHello) {
  const { minVersion, maxVersion, random: random2 } = config;
  const offers13 = maxVersion >= tls13;
  const offers12 = minVersion <= tls12;
  const grease = config.grease ? greaseValues(random2) : void 0;
  const suites = config.cipherSuites.filter((code2) => {
    const version2 = cipherSuite(code2)?.version;
    return version2 === tls13 ? offers13 : version2 === tls12 && offers12;
  });
  const groups2 = config.groups.filter((group) => offers13 || !isHybrid(group)).map(groupCode);
  const shares = exchanges.map(({ group, share }) => ({
    group: groupCode(group),
    keyExchange: share
  }));
  const versions = [tls13, tls12].filter((version2) => version2 <= maxVersion && version2 >= minVersion);
  const pskModes = config.allowPskOnly ? Uint8Array.of(1, 0) : Uint8Array.of(1);
  const usesEcdhe = suites.some((code2) => cipherSuite(code2)?.keyExchange === "ecdhe") || offers13;
  const extensions = {
    serverName: config.serverName,
    extendedMasterSecret: offers12 ? true : void 0,
    renegotiationInfo: offers12 ? noBytes : void 0,
    supportedGroups: usesEcdhe ? greased(groups2, grease?.group) : void 0,
    ecPointFormats: offers12 && usesEcdhe ? Uint8Array.of(0) : void 0,
    sessionTicket: offers12 && config.resumption ? session12?.ticket ?? noBytes : void 0,
    alpn: config.alpnProtocols.length > 0 ? [...config.alpnProtocols] : void 0,
    statusRequest: config.requestOcsp ? { type: 1 } : void 0,
    signatureAlgorithms: greased(config.signatureSchemes, grease?.signatureScheme),
    signatureAlgorithmsCert: config.certificateSignatureSchemes && [...config.certificateSignatureSchemes],
    signedCertificateTimestamp: config.requestScts ? true : void 0,
    clientCertificateType: offeredTypes(ownClientTypes(config)),
    serverCertificateType: offeredTypes(config.serverCertificateTypes),
    delegatedCredential: offers13 && config.delegatedCredentialSchemes.length > 0 ? [...config.delegatedCredentialSchemes] : void 0,
    encryptThenMac: offers12 && config.encryptThenMac && suites.some((code2) => cipherSuite(code2)?.cbc) ? true : void 0,
    compressCertificate: offers13 && config.certificateCompression.length > 0 ? config.certificateCompression.map(({ algorithm: algorithm2 }) => algorithm2) : void 0,
    recordSizeLimit: ownRecordSizeLimit(config.recordSizeLimit, config.maxVersion),
    supportedVersions: offers13 ? greased(versions, grease?.version) : void 0,
    certificateAuthorities: offers13 && config.certificateAuthorities.length > 0 ? [...config.certificateAuthorities] : void 0,
    postHandshakeAuth: offers13 && config.postHandshakeAuth ? true : void 0,
    keyShare: offers13 ? grease === void 0 ? shares : [{ group: grease.group, keyExchange: Uint8Array.of(0) }, ...shares] : void 0,
    pskKeyExchangeModes: offers13 && (config.resumption || psks.length > 0) ? pskModes : void 0,
    ticketRequest: offers13 ? config.ticketRequest : void 0,
    encryptedClientHello,
    earlyData: offers13 && config.earlyData && (psks[0]?.maxEarlyData ?? 0) > 0 ? true : void 0,
    preSharedKey: psks.length > 0 ? {
      identities: psks.map(({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 }) => ({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 })),
      binders: psks.map(({ binderLength }) => new Uint8Array(binderLength))
    } : void 0
  };
  const scsvs = config.fallback ? [fallbackScsv] : [];
  const hello = {
    legacyVersion: tls12,
    random: random2(32).slice(),
    legacySessionId: legacySessionId(config, offers13, session12),
    cipherSuites: [...greased(suites, grease?.cipherSuite), ...scsvs],
    legacyCompressionMethods: Uint8Array.of(0),
    extensions,
    extensionOrder: []
  };
  orderExtensions(config, hello, grease);
  pad(config, hello);
  return hello;
}
function retryClientHello(first, keyShare, cookie2, psks) {
  const extensions = { ...first.extensions };
  if (keyShare !== void 0) extensions.keyShare = [keyShare];
  if (cookie2 !== void 0) extensions.cookie = cookie2;
  delete extensions.earlyData;
  delete extensions.preSharedKey;
  if (psks.length > 0) {
    extensions.preSharedKey = {
      identities: psks.map(({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 }) => ({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 })),
      binders: psks.map(({ binderLength }) => new Uint8Array(binderLength))
    };
  }
  const { preSharedKey, earlyData, cookie: cookieType } = extensionTypes;
  const order = first.extensionOrder.filter((type) => type !== preSharedKey && type !== earlyData);
  if (cookie2 !== void 0) order.push(cookieType);
  if (psks.length > 0) order.push(preSharedKey);
  return { ...first, extensions, extensionOrder: order };
}
function legacySessionId(config, offers13, session12) {
  if (session12 !== void 0 && session12.sessionId.length > 0) return session12.sessionId;
  return offers13 || session12 !== void 0 ? config.random(32).slice() : noBytes;
}
function greaseValues(random2) {
  const seed = random2(6);
  const value = (i) => (seed[i] & 240) * 257 + 2570;
  const first = value(3);
  const last = value(4) === first ? first ^ 4112 : value(4);
  return { cipherSuite: value(0), group: value(1), version: value(2), signatureScheme: value(5), first, last };
}
function greased(list, value) {
  return value === void 0 ? [...list] : [value, ...list];
}
function orderExtensions(config, hello, grease) {
  const names = Object.keys(clientHelloExtensions);
  const present = names.filter((name2) => hello.extensions[name2] !== void 0 && name2 !== "preSharedKey");
  let order = present.map((name2) => extensionTypes[name2]);
  if (config.permuteExtensions) order = shuffled(order, config.random);
  if (grease !== void 0) {
    hello.otherExtensions = /* @__PURE__ */ new Map([
      [grease.first, noBytes],
      [grease.last, Uint8Array.of(0)]
    ]);
    order = [grease.first, ...order, grease.last];
  }
  if (hello.extensions.preSharedKey !== void 0) order.push(extensionTypes.preSharedKey);
  hello.extensionOrder = order;
}
function shuffled(list, random2) {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const bytes = random2(4);
    const j = (bytes[0] << 16 | bytes[1] << 8 | bytes[2]) % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
function pad(config, hello) {
  if (config.padClientHelloTo === 0) return;
  const missing = config.padClientHelloTo - (encodeClientHello(hello).length + 4);
  if (missing <= 0) return;
  hello.extensions.padding = Math.max(0, missing - 4);
  const order = [...hello.extensionOrder];
  const at2 = order.at(-1) === extensionTypes.preSharedKey ? order.length - 1 : order.length;
  order.splice(at2, 0, extensionTypes.padding);
  hello.extensionOrder = order;
}

// src/handshake/ech-confirmation.ts
var confirmationLength = 8;
var confirmationInServerHello = 2 + 32 - confirmationLength;
var labels = { serverHello: "ech accept confirmation", helloRetryRequest: "hrr ech accept confirmation" };
function acceptConfirmation(crypto, hash3, message, innerRandom, transcriptHash) {
  const secret = hkdfExtract(crypto, hash3, noBytes, innerRandom);
  const confirmation = hkdfExpandLabel(crypto, hash3, secret, labels[message], transcriptHash, confirmationLength);
  zeroize(secret);
  return confirmation;
}

// src/handshake/ech-keys.ts
function hpkeInfo(config) {
  return concat(fromText("tls ech\0"), config.raw);
}
function echServerKeys(crypto, keys) {
  if (keys.length === 0) return void 0;
  const retryConfigs = keys.filter(({ retry: retry2 }) => retry2 !== false).map(({ config }) => config);
  return {
    keys: keys.map((key, i) => echServerKey(crypto, key, `echKeys[${i}]`)),
    retryConfigs: retryConfigs.length > 0 ? encodeEchConfigList(retryConfigs) : void 0
  };
}
function echServerKey(crypto, { config: encoded, privateKey }, name2) {
  const config = readConfig2(encoded, name2);
  const { configId, kem, cipherSuites: cipherSuites2, publicName } = config;
  const exchange = hpkeKeyExchange(crypto, kem);
  if (exchange === void 0) throw badKey(name2, `the KEM 0x${kem.toString(16)} is not known here`);
  for (const { kdf, aead } of cipherSuites2) {
    if (hpkeSuite(kem, kdf, aead) === void 0) throw badKey(name2, `no cipher suite here is (${kdf}, ${aead})`);
  }
  if (config.hasExtensions) throw badKey(name2, "the config has extensions, and none is known here");
  if (!isPublicName(publicName)) throw badKey(name2, `the public name ${JSON.stringify(publicName)} is no host name`);
  let keyPair;
  try {
    keyPair = exchange.importKeyPair(privateKey);
  } catch {
    throw badKey(name2, `privateKey is no private key of ${exchange.group}`);
  }
  if (!equal(keyPair.publicKey, config.publicKey)) throw badKey(name2, "privateKey and config do not belong together");
  return { configId, kem, cipherSuites: cipherSuites2, publicName, keyPair, info: hpkeInfo(config) };
}
function readConfig2(encoded, name2) {
  let config;
  try {
    config = decodeEchConfig(encoded);
  } catch (cause) {
    throw badKey(name2, "config does not parse: give one ECHConfig, without the length of a list", cause);
  }
  if (config === void 0) throw badKey(name2, "config is of another version than 0xfe0d");
  return config;
}
function badKey(name2, problem2, cause) {
  return new ConfigError(`${name2}: ${problem2}`, { code: "ERR_TLS_ECH_CONFIG", rfc: "RFC 9849, Section 4", cause });
}

// src/handshake/flow.ts
function* expectMessage(...expected) {
  return yield { for: "message", expected };
}
function* takeMessageIf(type) {
  return yield { for: "message", expected: [type], optional: true };
}
function* expectChangeCipherSpec() {
  yield { for: "message", expected: ["changeCipherSpec"] };
}
function* request(name2, input) {
  return yield { for: "host", request: { name: name2, input } };
}

// src/session/client-session.ts
function clientSessionEnd(session) {
  const end = sessionEnd(session.state);
  if (session.state.version === 771 && session.lifetimeHint === 0) return end;
  return Math.min(end, session.state.issuedAt + 1e3 * session.lifetimeHint);
}
var format2 = 1;
var formatHidden = 2;
function encodeClientSession(session) {
  const state2 = encodeSessionState(session.state);
  if (state2 === void 0 || session.ticket.length > 65535 || session.sessionId.length > 32) return void 0;
  return new Writer(state2.length + session.ticket.length + 48).u8(session.hidden ? formatHidden : format2).vector16(session.ticket).vector8(session.sessionId).u32(session.lifetimeHint).vector16(state2).finish();
}
function decodeClientSession(bytes) {
  if (bytes[0] !== format2 && bytes[0] !== formatHidden) return void 0;
  const hidden = bytes[0] === formatHidden;
  try {
    const reader = new Reader(bytes, "client session", 1);
    const ticket = reader.vector16().slice();
    const sessionId = reader.vector8(0, 32).slice();
    const lifetimeHint = reader.u32();
    const state2 = decodeSessionState(reader.vector16());
    reader.end();
    if (state2 === void 0) return void 0;
    return hidden ? { state: state2, ticket, sessionId, lifetimeHint, hidden } : { state: state2, ticket, sessionId, lifetimeHint };
  } catch {
    return void 0;
  }
}

// src/handshake/key-schedule.ts
var emptyHashes = /* @__PURE__ */ new Map();
function emptyHash({ crypto, hash: hash3 }) {
  let empty = emptyHashes.get(hash3);
  if (empty === void 0) {
    empty = crypto.hash(hash3, noBytes);
    emptyHashes.set(hash3, empty);
  }
  return empty;
}
function derive(schedule, secret, label2, context) {
  return hkdfExpandLabel(schedule.crypto, schedule.hash, secret, label2, context, hashLength(schedule.hash));
}
function finishedMac(schedule, baseKey, transcriptHash) {
  const key = derive(schedule, baseKey, "finished", noBytes);
  const mac = schedule.crypto.hmac(schedule.hash, key, transcriptHash);
  zeroize(key);
  return mac;
}
var binderLabels = { res: "res binder", ext: "ext binder", imp: "imp binder" };
var EarlySecrets = class {
  #schedule;
  #secret;
  constructor(crypto, hash3, psk) {
    this.#schedule = { crypto, hash: hash3 };
    this.#secret = hkdfExtract(crypto, hash3, new Uint8Array(hashLength(hash3)), psk);
  }
  /** The binder of this PSK over a truncated ClientHello (RFC 9846, Section 4.2.11.2). */
  binder(kind2, transcriptHash) {
    const key = derive(this.#schedule, this.#secret, binderLabels[kind2], emptyHash(this.#schedule));
    const mac = finishedMac(this.#schedule, key, transcriptHash);
    zeroize(key);
    return mac;
  }
  /** @param transcriptHash of the ClientHello. */
  clientEarlyTrafficSecret(transcriptHash) {
    return derive(this.#schedule, this.#secret, "c e traffic", transcriptHash);
  }
  /** @param transcriptHash of the ClientHello. */
  earlyExporter(transcriptHash) {
    return new EarlyExporter(this.#schedule, derive(this.#schedule, this.#secret, "e exp master", transcriptHash));
  }
  /**
   * Goes on with the shared secret of the key exchange, or without one for psk_ke; both secrets are zeroized.
   * @param transcriptHash of ClientHello … ServerHello.
   */
  handshakeSecrets(sharedSecret2, transcriptHash) {
    const derived = derive(this.#schedule, this.#secret, "derived", emptyHash(this.#schedule));
    const secrets = handshakeSecrets(this.#schedule, derived, sharedSecret2, transcriptHash);
    zeroize(derived);
    this.destroy();
    return secrets;
  }
  destroy() {
    zeroize(this.#secret);
  }
};
var derivedWithoutPsk = /* @__PURE__ */ new Map();
function handshakeSecretsWithoutPsk(crypto, hash3, sharedSecret2, transcriptHash) {
  const schedule = { crypto, hash: hash3 };
  let derived = derivedWithoutPsk.get(hash3);
  if (derived === void 0) {
    const zeros = new Uint8Array(hashLength(hash3));
    derived = derive(schedule, hkdfExtract(crypto, hash3, zeros, zeros), "derived", emptyHash(schedule));
    derivedWithoutPsk.set(hash3, derived);
  }
  return handshakeSecrets(schedule, derived, sharedSecret2, transcriptHash);
}
function handshakeSecrets(schedule, derived, sharedSecret2, transcriptHash) {
  const { crypto, hash: hash3 } = schedule;
  const secret = hkdfExtract(crypto, hash3, derived, sharedSecret2 ?? new Uint8Array(hashLength(hash3)));
  zeroize(sharedSecret2);
  return new HandshakeSecrets(schedule, secret, transcriptHash);
}
var HandshakeSecrets = class {
  #schedule;
  #secret;
  clientHandshakeTrafficSecret;
  serverHandshakeTrafficSecret;
  constructor(schedule, secret, transcriptHash) {
    this.#schedule = schedule;
    this.#secret = secret;
    this.clientHandshakeTrafficSecret = derive(schedule, secret, "c hs traffic", transcriptHash);
    this.serverHandshakeTrafficSecret = derive(schedule, secret, "s hs traffic", transcriptHash);
  }
  /** The verify_data of the client's Finished. */
  clientFinished(transcriptHash) {
    return finishedMac(this.#schedule, this.clientHandshakeTrafficSecret, transcriptHash);
  }
  /** The verify_data of the server's Finished. */
  serverFinished(transcriptHash) {
    return finishedMac(this.#schedule, this.serverHandshakeTrafficSecret, transcriptHash);
  }
  /** @param transcriptHash of ClientHello … server Finished. */
  applicationSecrets(transcriptHash) {
    const derived = derive(this.#schedule, this.#secret, "derived", emptyHash(this.#schedule));
    const { crypto, hash: hash3 } = this.#schedule;
    const secret = hkdfExtract(crypto, hash3, derived, new Uint8Array(hashLength(hash3)));
    zeroize(derived, this.#secret);
    return new ApplicationSecrets(this.#schedule, secret, transcriptHash);
  }
  destroy() {
    zeroize(this.#secret, this.clientHandshakeTrafficSecret, this.serverHandshakeTrafficSecret);
  }
};
var ApplicationSecrets = class {
  #schedule;
  #secret;
  #exporterMasterSecret;
  #traffic;
  constructor(schedule, secret, transcriptHash) {
    this.#schedule = schedule;
    this.#secret = secret;
    this.#traffic = {
      client: derive(schedule, secret, "c ap traffic", transcriptHash),
      server: derive(schedule, secret, "s ap traffic", transcriptHash)
    };
    this.#exporterMasterSecret = derive(schedule, secret, "exp master", transcriptHash);
  }
  /** The current traffic secret of one side. */
  trafficSecret(side) {
    return this.#traffic[side];
  }
  get exporterMasterSecret() {
    return this.#exporterMasterSecret;
  }
  /** Moves one side to its next traffic secret (RFC 9846, Section 7.2) and zeroizes the old one. */
  nextTrafficSecret(side) {
    const next = derive(this.#schedule, this.#traffic[side], "traffic upd", noBytes);
    zeroize(this.#traffic[side]);
    this.#traffic[side] = next;
    return next;
  }
  /** Ends the main key schedule. @param transcriptHash of ClientHello … client Finished. */
  resumptionMasterSecret(transcriptHash) {
    const secret = derive(this.#schedule, this.#secret, "res master", transcriptHash);
    this.endSchedule();
    return secret;
  }
  /** Ends the main key schedule of a connection that will not be resumed. */
  endSchedule() {
    zeroize(this.#secret);
    this.#secret = noBytes;
  }
  /** The Finished of a post-handshake authentication (RFC 9846, Section 4.4.4). */
  finished(side, transcriptHash) {
    return finishedMac(this.#schedule, this.#traffic[side], transcriptHash);
  }
  /** Keying material for a program (RFC 9846, Section 7.5). */
  exportKeyingMaterial(length, label2, context) {
    return exportFrom(this.#schedule, this.#exporterMasterSecret, length, label2, context);
  }
  destroy() {
    zeroize(this.#secret, this.#exporterMasterSecret, this.#traffic.client, this.#traffic.server);
  }
};
var EarlyExporter = class {
  #schedule;
  /** The early_exporter_master_secret. */
  secret;
  constructor(schedule, secret) {
    this.#schedule = schedule;
    this.secret = secret;
  }
  export(length, label2, context) {
    return exportFrom(this.#schedule, this.secret, length, label2, context);
  }
  destroy() {
    zeroize(this.secret);
  }
};
function exportFrom(schedule, exporterMasterSecret, length, label2, context) {
  const { crypto, hash: hash3 } = schedule;
  const secret = derive(schedule, exporterMasterSecret, label2, emptyHash(schedule));
  const material = hkdfExpandLabel(crypto, hash3, secret, "exporter", crypto.hash(hash3, context), length);
  zeroize(secret);
  return material;
}
function resumptionPsk(crypto, hash3, resumptionMasterSecret, ticketNonce) {
  return hkdfExpandLabel(crypto, hash3, resumptionMasterSecret, "resumption", ticketNonce, hashLength(hash3));
}

// src/handshake/keys13.ts
function earlyKeys(suite, trafficSecret) {
  return { version: tls13, suite, epoch: "earlyData", secretName: "clientEarlyTrafficSecret", trafficSecret };
}
function handshakeKeys(suite, side, secrets) {
  const secretName = side === "client" ? "clientHandshakeTrafficSecret" : "serverHandshakeTrafficSecret";
  return { version: tls13, suite, epoch: "handshake", secretName, trafficSecret: secrets[secretName] };
}
function applicationKeys(suite, side, secrets) {
  const secretName = side === "client" ? "clientApplicationTrafficSecret" : "serverApplicationTrafficSecret";
  return { version: tls13, suite, epoch: "application", secretName, trafficSecret: secrets.trafficSecret(side) };
}
function logHandshakeSecrets(context, clientRandom, secrets) {
  if (context.config.keyLog === void 0) return;
  logSecret(context, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", clientRandom, secrets.clientHandshakeTrafficSecret);
  logSecret(context, "SERVER_HANDSHAKE_TRAFFIC_SECRET", clientRandom, secrets.serverHandshakeTrafficSecret);
}
function logApplicationSecrets(context, clientRandom, secrets) {
  if (context.config.keyLog === void 0) return;
  logSecret(context, "CLIENT_TRAFFIC_SECRET_0", clientRandom, secrets.trafficSecret("client"));
  logSecret(context, "SERVER_TRAFFIC_SECRET_0", clientRandom, secrets.trafficSecret("server"));
  logSecret(context, "EXPORTER_SECRET", clientRandom, secrets.exporterMasterSecret);
}

// src/handshake/psk-client.ts
function offeredPsks2(context) {
  const { config, crypto } = context;
  if (config.maxVersion < tls13) return [];
  const now = config.now();
  const psks = [];
  for (const session of config.sessions) {
    const { state: state2, ticket } = session;
    const suite = cipherSuite(state2.cipherSuite);
    const usable = state2.version === tls13 && ticket.length > 0 && suite !== void 0 && clientSessionEnd(session) > now;
    if (session.hidden && config.ech === void 0) continue;
    if (!usable || !takesSession(config, state2) || !sameHashOffered(config.cipherSuites, suite.hash)) continue;
    psks.push({
      identity: ticket,
      obfuscatedTicketAge: obfuscatedTicketAge(session, now),
      hash: suite.hash,
      binderLength: hashLength(suite.hash),
      kind: "res",
      early: untilEnd(context, new EarlySecrets(crypto, suite.hash, state2.secret)),
      session,
      maxEarlyData: canRepeat(config, session) ? state2.maxEarlyDataSize : 0,
      beginEarlyData
    });
  }
  for (const { identity, key, hash: hash3, imported } of config.externalPsks) {
    if (!sameHashOffered(config.cipherSuites, hash3)) continue;
    psks.push({
      identity,
      obfuscatedTicketAge: 0,
      hash: hash3,
      binderLength: hashLength(hash3),
      kind: imported ? "imp" : "ext",
      early: untilEnd(context, new EarlySecrets(crypto, hash3, key)),
      session: void 0,
      maxEarlyData: 0,
      beginEarlyData
    });
  }
  return psks;
}
function retriedPsks(psks, hash3, now) {
  return psks.filter((psk) => psk.hash === hash3).map(
    (psk) => psk.session === void 0 ? psk : { ...psk, obfuscatedTicketAge: obfuscatedTicketAge(psk.session, now) }
  );
}
function obfuscatedTicketAge({ state: state2 }, now) {
  return (Math.max(0, now - state2.issuedAt) + state2.ticketAgeAdd) % 2 ** 32;
}
function canRepeat({ cipherSuites: cipherSuites2, alpnProtocols }, { state: state2 }) {
  const { cipherSuite: suite, alpnProtocol } = state2;
  return cipherSuites2.includes(suite) && (alpnProtocol === void 0 || alpnProtocols.includes(alpnProtocol));
}
function sameHashOffered(suites, hash3) {
  return suites.some((code2) => {
    const suite = cipherSuite(code2);
    return suite?.version === tls13 && suite.hash === hash3;
  });
}
function writeBinders(raw, psks, transcript) {
  if (psks.length === 0) return;
  let list = 2;
  for (const { binderLength } of psks) list += 1 + binderLength;
  const truncated = raw.subarray(0, raw.length - list);
  let at2 = truncated.length + 2;
  for (const { early, hash: hash3, kind: kind2, binderLength } of psks) {
    raw.set(early.binder(kind2, transcript.hashWith(hash3, truncated)), at2 + 1);
    at2 += 1 + binderLength;
  }
}
function beginEarlyData(context, { hello }, transcript) {
  const suite = cipherSuite(this.session?.state.cipherSuite ?? 0);
  if (suite === void 0) return;
  const secret = this.early.clientEarlyTrafficSecret(transcript.hash(this.hash));
  logSecret(context, "CLIENT_EARLY_TRAFFIC_SECRET", hello.random, secret);
  if (hello.legacySessionId.length > 0) context.output.sendChangeCipherSpec();
  context.output.setWriteKeys(earlyKeys(suite, secret));
  zeroize(secret);
  const exporter = this.early.earlyExporter(transcript.hash(this.hash));
  logSecret(context, "EARLY_EXPORTER_SECRET", hello.random, exporter.secret);
  context.output.beginEarlyData(this.maxEarlyData, exporter);
  decide(context, "earlyData", "offered", "the first ticket allows it");
}

// src/handshake/transcript.ts
var firstLength = 4096;
var idle = [];
var maxIdle = 32;
function giveBack(buffer) {
  if (buffer.length === firstLength && idle.length < maxIdle) idle.push(buffer);
}
var Transcript = class _Transcript {
  #crypto;
  #bytes = idle.pop() ?? new Uint8Array(firstLength);
  #length = 0;
  #hashed;
  #hashedBy;
  constructor(crypto) {
    this.#crypto = crypto;
  }
  /** Adds a message with its header. */
  add(raw) {
    this.#hashed = void 0;
    const length = this.#length + raw.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.bytes());
      giveBack(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(raw, this.#length);
    this.#length = length;
  }
  /** The hash of all messages so far. */
  hash(name2) {
    if (this.#hashed === void 0 || this.#hashedBy !== name2) {
      this.#hashed = this.#crypto.hash(name2, this.bytes());
      this.#hashedBy = name2;
    }
    return this.#hashed;
  }
  /** The hash of all messages so far and `next`, which is not added: a ClientHello without its binders. */
  hashWith(name2, next) {
    if (this.#length === 0) return this.#crypto.hash(name2, next);
    const all = new Uint8Array(this.#length + next.length);
    all.set(this.bytes());
    all.set(next, this.#length);
    return this.#crypto.hash(name2, all);
  }
  /** The messages so far, as a view. */
  bytes() {
    return this.#bytes.subarray(0, this.#length);
  }
  /** Puts message_hash in the place of the first ClientHello, after a HelloRetryRequest (RFC 9846, Section 4.4.1). */
  replaceWithMessageHash(name2) {
    const message = frameMessage("messageHash", this.hash(name2));
    this.#length = 0;
    this.add(message);
  }
  /** A copy that goes its own way: each post-handshake authentication continues the same transcript. */
  fork() {
    const copy = new _Transcript(this.#crypto);
    copy.add(this.bytes());
    return copy;
  }
  /** Lets go of the messages. */
  drop() {
    giveBack(this.#bytes);
    this.#bytes = noBytes;
    this.#length = 0;
    this.#hashed = void 0;
  }
};

// src/handshake/ech-client.ts
function selectEchTarget(crypto, configs) {
  for (const config of configs) {
    const exchange = hpkeKeyExchange(crypto, config.kem);
    if (exchange?.clientShareLength !== config.publicKey.length) continue;
    if (config.hasMandatoryExtension || !isPublicName(config.publicName)) continue;
    for (const { kdf, aead } of config.cipherSuites) {
      const suite = hpkeSuite(config.kem, kdf, aead);
      if (suite !== void 0) return { config, suite };
    }
  }
  return void 0;
}
function sendEncryptedClientHello(context, transcript, target, exchanges, psks) {
  const { config, crypto } = context;
  const { publicName } = target.config;
  const greasePsks = psks.map((psk) => greasePsk(config, psk));
  const shown = { ...config, serverName: publicName, padClientHelloTo: 0 };
  const outer = buildClientHello(shown, exchanges, greasePsks, void 0, echInner);
  const inner = innerClientHello(config, outer, psks);
  const { enc, context: hpke } = setupBaseSender(
    crypto,
    target.suite,
    target.config.publicKey,
    hpkeInfo(target.config)
  );
  untilEnd(context, hpke);
  decide(
    context,
    "encryptedClientHello",
    "offered",
    `${config.serverName ?? "no name"} inside, ${publicName} in sight (config ${target.config.configId})`
  );
  return send(context, transcript, { target, hpke, greasePsks }, enc, inner, outer, exchanges, psks);
}
function resendEncryptedClientHello(context, transcript, first, ech, exchanges, psks, share, cookie2) {
  const greasePsks = ech.greasePsks.filter((_, i) => psks.some(({ early }) => early === first.psks[i]?.early));
  const outer = retryClientHello(ech.outer.hello, share, cookie2, greasePsks);
  const inner = retryClientHello(first.hello, share, cookie2, psks);
  inner.extensions.keyShare = outer.extensions.keyShare;
  return send(context, transcript, { ...ech, greasePsks }, new Uint8Array(0), inner, outer, exchanges, psks);
}
function settleEncryptedClientHello(context, transcript, offer, ech, message, outline) {
  if (outline.selectedVersion === tls13 && isConfirmed(context, transcript, offer, message, outline)) {
    decide(context, "encryptedClientHello", "accepted", "the server confirms the inner clientHello");
    return { context, transcript, offer };
  }
  const { publicName } = ech.target.config;
  decide(context, "encryptedClientHello", "rejected", `the server goes on with the outer one, for ${publicName}`);
  ech.hpke.destroy();
  for (const { early } of offer.psks) early.destroy();
  transcript.drop();
  const outerTranscript = new Transcript(context.crypto);
  outerTranscript.add(ech.outer.raw);
  const config = {
    ...context.config,
    serverName: publicName,
    verifyName: publicName,
    echRejected: true,
    // Nothing of the server that was meant may come from, or go to, this one.
    credentials: [],
    sessions: [],
    externalPsks: [],
    resumption: false
  };
  return { context: { ...context, config }, transcript: outerTranscript, offer: ech.outer };
}
function requireConfirmation(context, transcript, offer, message, outline) {
  if (isConfirmed(context, transcript, offer, message, outline)) return;
  throw illegalParameter(
    "ERR_TLS_ECH_INCONSISTENT",
    "serverHello: it does not confirm the inner clientHello, which the helloRetryRequest did",
    "RFC 9849, Section 6.1.5"
  );
}
function refuseRejectedEch({ config }, retryConfigs) {
  if (config.echRejected)
    throw new EchRejectedError(config.verifyName ?? "", retryConfigs && new Uint8Array(retryConfigs));
}
function* requestClientCredential(config, query) {
  return config.echRejected ? void 0 : yield* request("selectCredential", query);
}
function greaseEch({ config, crypto }) {
  const { random: random2 } = config;
  const pair2 = crypto.keyExchange("x25519")?.generate();
  pair2?.destroy();
  const [configId, size] = random2(2);
  const payload = random2(32 * (4 + (size & 3)) + hpkeTagLength);
  const enc = pair2?.share ?? random2(32);
  return encodeEchOuter({ kdf: hpkeKdfs.sha256, aead: hpkeAeads.aes128gcm, configId, enc, payload });
}
function greasePsk({ random: random2 }, psk) {
  const { identity, binderLength, maxEarlyData: maxEarlyData2 } = psk;
  const age = random2(4);
  const obfuscatedTicketAge2 = new DataView(age.buffer, age.byteOffset).getUint32(0);
  return { identity: random2(identity.length).slice(), obfuscatedTicketAge: obfuscatedTicketAge2, binderLength, maxEarlyData: maxEarlyData2 };
}
var neverShared = [
  extensionTypes.serverName,
  extensionTypes.encryptedClientHello,
  extensionTypes.preSharedKey
];
function sharedExtensions(inner, outer) {
  return outer.extensionOrder.filter((type) => {
    if (neverShared.includes(type)) return false;
    const name2 = extensionName(type);
    const [ours, shown] = name2 === void 0 ? [inner.otherExtensions?.get(type), outer.otherExtensions?.get(type)] : [inner.extensions[name2], outer.extensions[name2]];
    return ours !== void 0 && ours === shown;
  });
}
function innerClientHello(config, outer, psks) {
  const shown = outer.extensions;
  const versions = shown.supportedVersions ?? [];
  const isNew = (version2) => version2 >= tls13 || isGrease(version2);
  const extensions = {
    ...shown,
    serverName: config.serverName,
    supportedVersions: versions.every(isNew) ? versions : versions.filter(isNew),
    encryptedClientHello: echInner,
    extendedMasterSecret: void 0,
    renegotiationInfo: void 0,
    ecPointFormats: void 0,
    sessionTicket: void 0,
    encryptThenMac: void 0,
    preSharedKey: psks.length === 0 ? void 0 : {
      identities: psks.map(({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 }) => ({ identity, obfuscatedTicketAge: obfuscatedTicketAge2 })),
      binders: psks.map(({ binderLength }) => new Uint8Array(binderLength))
    }
  };
  const inner = {
    ...outer,
    random: config.random(32).slice(),
    cipherSuites: outer.cipherSuites.filter((code2) => isGrease(code2) || cipherSuite(code2)?.version === tls13),
    extensions,
    extensionOrder: []
  };
  const shared = sharedExtensions(inner, outer);
  const { serverName, encryptedClientHello, supportedVersions, preSharedKey } = extensionTypes;
  inner.extensionOrder = [
    ...config.serverName === void 0 ? [] : [serverName],
    encryptedClientHello,
    ...shared.includes(supportedVersions) ? [] : [supportedVersions],
    ...shared,
    ...psks.length === 0 ? [] : [preSharedKey]
  ];
  return inner;
}
function send(context, transcript, ech, enc, inner, outer, exchanges, psks) {
  const { config, suite } = ech.target;
  const innerRaw = frameMessage("clientHello", encodeClientHello(inner));
  writeBinders(innerRaw, psks, transcript);
  const encoded = encodeClientHelloInner(inner, sharedExtensions(inner, outer));
  const binders = innerRaw.length - truncatedLength(innerRaw, inner.extensions.preSharedKey?.binders ?? []);
  if (psks.length > 0) encoded.set(innerRaw.subarray(innerRaw.length - binders), encoded.length - binders);
  const padded = concat(encoded, new Uint8Array(paddingLength(ech.target, inner, encoded.length)));
  for (const binder of outer.extensions.preSharedKey?.binders ?? []) binder.set(context.config.random(binder.length));
  const fields = { kdf: suite.kdf, aead: suite.aead, configId: config.configId, enc };
  const zeros = new Uint8Array(padded.length + hpkeTagLength);
  outer.extensions.encryptedClientHello = encodeEchOuter({ ...fields, payload: zeros });
  const payload = ech.hpke.seal(encodeClientHello(outer), padded);
  outer.extensions.encryptedClientHello = encodeEchOuter({ ...fields, payload });
  const outerRaw = frameMessage("clientHello", encodeClientHello(outer)).slice();
  transcript.add(innerRaw);
  context.output.sendMessage("clientHello", outerRaw);
  const outerOffer = { hello: outer, raw: outerRaw, exchanges, psks: [], session12: void 0, ech: void 0 };
  return { hello: inner, raw: innerRaw, exchanges, psks, session12: void 0, ech: { ...ech, outer: outerOffer } };
}
function paddingLength({ config }, inner, length) {
  const { serverName } = inner.extensions;
  const hidden = serverName === void 0 ? 9 + config.maximumNameLength : config.maximumNameLength - serverName.length;
  const unrounded = length + Math.max(0, hidden);
  return Math.ceil(unrounded / 32) * 32 - length;
}
function isConfirmed({ crypto }, transcript, { hello }, message, outline) {
  const suite = cipherSuite(outline.cipherSuite);
  const { isHelloRetryRequest, echConfirmation: echConfirmation2 } = outline;
  if (suite === void 0 || isHelloRetryRequest && echConfirmation2 === void 0) return false;
  const { body } = message;
  const at2 = echConfirmation2 === void 0 ? confirmationInServerHello : echConfirmation2.byteOffset - body.byteOffset;
  const received2 = body.subarray(at2, at2 + confirmationLength);
  const zeroed = new Uint8Array(body).fill(0, at2, at2 + confirmationLength);
  const framed = frameMessage("serverHello", zeroed);
  const hash3 = isHelloRetryRequest ? crypto.hash(suite.hash, concat(frameMessage("messageHash", transcript.hash(suite.hash)), framed)) : transcript.hashWith(suite.hash, framed);
  const kind2 = isHelloRetryRequest ? "helloRetryRequest" : "serverHello";
  return constantTimeEqual(received2, acceptConfirmation(crypto, suite.hash, kind2, hello.random, hash3));
}

// src/engine/raw-public-keys.ts
function isPinned(crypto, pins, spki) {
  const digest = crypto.hash("sha256", spki);
  return pins.some((pin) => equal(pin, pin.length === digest.length ? digest : spki));
}
function checkedTypes(types) {
  if (types === void 0) return onlyX509;
  if (types.length > 0 && new Set(types).size === types.length && types.every((type) => type in certificateTypes)) {
    return types;
  }
  throw new ConfigError("certificate types: give 'x509', 'rawPublicKey' or both, each once");
}
function canVerify({ verifyPeer: verifyPeer3, rawPublicKeyPins }, types) {
  return verifyPeer3 !== void 0 || rawPublicKeyPins !== void 0 && !types.includes("x509");
}
function rawPublicKeyPolicy(crypto, types, pins = []) {
  if (!types.includes("rawPublicKey")) return void 0;
  const digests2 = pins.map((pin) => pin.length === 32 ? pin : crypto.hash("sha256", pin));
  return crypto.hash(
    "sha256",
    concat(
      Uint8Array.from(types, (type) => certificateTypes[type]),
      ...digests2
    )
  );
}

// src/engine/config.ts
var defaultGroupNames = defaultGroups.map(groupName).filter((name2) => name2 !== void 0);
var defaultLimits = {
  // The longest ClientHello that can be written down has 131,396 bytes.
  handshakeMessage: 132 * 1024,
  certificateChain: 16,
  handshakeMessages: 64,
  warningAlerts: 4,
  keyUpdates: 32,
  pendingInput: 256 * 1024,
  skippedEarlyData: 16384 + 1024,
  pskIdentities: 8
};
var serverConfigs = /* @__PURE__ */ new WeakMap();
var optionsOfConfigs = /* @__PURE__ */ new WeakMap();
function optionsOf(config) {
  return config === void 0 ? void 0 : optionsOfConfigs.get(config);
}
function serverConfig(options) {
  const known3 = serverConfigs.get(options);
  if (known3 !== void 0) return known3;
  const common = commonConfig(options);
  const clientCertificate = options.clientCertificate ?? "none";
  const clientCertificateTypes = checkedTypes(options.clientCertificateTypes);
  if (clientCertificate !== "none" && !canVerify(options, clientCertificateTypes)) {
    throw new ConfigError("client certificates are asked for, but nothing verifies them: give `verifyPeer`");
  }
  const { sessions, crypto } = options;
  const rawPublicKeys = rawPublicKeyPolicy(crypto, clientCertificateTypes, options.rawPublicKeyPins);
  const credentialIdentity = options.credentialIdentity ?? options.credentials?.[0]?.identity ?? "";
  const config = {
    ...common,
    limits: { ...common.limits, skippedEarlyData: options.limits?.skippedEarlyData ?? skippedEarlyData(sessions) },
    credentials: options.credentials ?? [],
    clientCertificate,
    clientCertificateTypes,
    certificateAuthorities: options.certificateAuthorities ?? [],
    preferServerOrder: options.preferServerOrder ?? true,
    selectAlpn: options.selectAlpn,
    retryCookie: options.retryCookie ?? false,
    ech: echServerKeys(crypto, options.echKeys ?? []),
    resumption: {
      sessionId: sessions?.sessionIds ?? false,
      ticket: sessions?.tls12Tickets ?? false,
      psk: sessions !== void 0,
      ticketCount: sessions?.ticketCount ?? 0,
      ticketCountResumed: sessions === void 0 ? 0 : 1,
      lifetime: sessions?.lifetime ?? 0,
      maxEarlyData: sessions?.maxEarlyDataSize ?? 0,
      allowPskOnly: options.allowPskOnly ?? false,
      forgetSession: (sessionId) => void sessions?.forgetSession(sessionId),
      policyDigest: rememberedDigest(
        (connection) => policyDigest(crypto, {
          ...connection,
          credentialIdentity,
          clientAuth: { mode: clientCertificate, anchorsDigest: options.clientTrustDigest, rawPublicKeys },
          tenant: options.tenant
        })
      )
    }
  };
  serverConfigs.set(options, config);
  optionsOfConfigs.set(config, options);
  return config;
}
function skippedEarlyData(sessions) {
  return Math.max(defaultLimits.skippedEarlyData, 1024 + Math.ceil(1.25 * (sessions?.maxEarlyDataSize ?? 0)));
}
var maxRememberedDigests = 256;
function rememberedDigest(digest) {
  const maps = Array.from({ length: 8 }, () => /* @__PURE__ */ new Map());
  return (connection) => {
    const { serverName, version: version2, cipherHash, extendedMasterSecret } = connection;
    const rest = (version2 === tls13 ? 4 : 0) + (cipherHash === "sha384" ? 2 : 0) + (extendedMasterSecret ? 1 : 0);
    const known3 = maps[rest];
    let value = known3.get(serverName);
    if (value === void 0) {
      if (known3.size >= maxRememberedDigests) known3.clear();
      known3.set(serverName, value = digest(connection));
    }
    return value;
  };
}
var clientConfigs = /* @__PURE__ */ new WeakMap();
function clientConfig(options) {
  const known3 = clientConfigs.get(options);
  if (known3 !== void 0) return known3;
  const serverCertificateTypes = checkedTypes(options.serverCertificateTypes);
  if (!canVerify(options, serverCertificateTypes)) {
    throw new ConfigError("nothing verifies the server's certificate: give `verifyPeer`");
  }
  const common = commonConfig(options);
  const serverName = options.serverName === void 0 || isAddress(options.serverName) ? void 0 : options.serverName;
  const config = {
    ...common,
    serverName: serverName?.replace(/\.$/, ""),
    verifyName: options.verifyName ?? options.serverName,
    credentials: options.credentials ?? [],
    serverCertificateTypes,
    clientCertificateTypes: options.clientCertificateTypes,
    keyShares: options.keyShares ?? defaultKeyShares(common.groups),
    requestOcsp: options.requestOcsp ?? false,
    requestScts: options.requestScts ?? false,
    grease: options.grease ?? false,
    permuteExtensions: options.permuteExtensions ?? false,
    ech: echTarget(options.crypto, options.ech, common.maxVersion),
    echGrease: options.ech?.grease ?? false,
    echRejected: false,
    padClientHelloTo: options.padClientHelloTo ?? 0,
    fallback: options.fallback ?? false,
    postHandshakeAuth: options.postHandshakeAuth ?? false,
    certificateAuthorities: options.certificateAuthorities ?? [],
    sessions: options.sessions ?? [],
    externalPsks: options.externalPsks ?? [],
    earlyData: options.earlyData ?? false,
    ticketRequest: options.ticketRequest,
    resumption: options.resumption ?? true,
    verifyResumed: options.verifyResumed ?? false,
    allowPskOnly: options.allowPskOnly ?? false
  };
  clientConfigs.set(options, config);
  return config;
}
function echTarget(crypto, options, maxVersion) {
  if (options?.configList === void 0 && options?.required !== true) return void 0;
  const configs = options.configList === void 0 ? [] : echConfigs(options.configList);
  const target = maxVersion < tls13 ? void 0 : selectEchTarget(crypto, configs);
  if (target !== void 0 || options.required === false) return target;
  throw new ConfigError(
    maxVersion < tls13 ? "ech: Encrypted Client Hello needs TLS 1.3, which is switched off" : "ech: no config of the list can be used here: unknown algorithms or extensions, or a public name that is none",
    { code: "ERR_TLS_ECH_CONFIG", rfc: "RFC 9849, Section 6.1" }
  );
}
function echConfigs(configList) {
  try {
    return decodeEchConfigList(configList);
  } catch (cause) {
    const details = { code: "ERR_TLS_ECH_CONFIG_LIST", rfc: "RFC 9849, Section 4", cause };
    throw new ConfigError("ech: configList is no ECHConfigList", details);
  }
}
function defaultKeyShares(groups2) {
  const [first] = groups2;
  if (first === void 0) return [];
  const classic = groups2.find((group) => !group.includes("MLKEM"));
  return classic === void 0 || classic === first ? [first] : [first, classic];
}
function commonConfig(options) {
  const { crypto } = options;
  const cipherSuites2 = options.cipherSuites ?? defaultCipherSuitesFor(crypto.preferredAead);
  const groups2 = (options.groups ?? defaultGroupNames).filter((group) => crypto.keyExchange(group) !== void 0);
  const [minVersion, maxVersion] = versionRange(options, cipherSuites2);
  if (groups2.length === 0) throw new ConfigError("no key exchange group is left: check groups");
  return {
    crypto,
    random: options.random ?? ((size) => crypto.random(size)),
    now: options.now ?? Date.now,
    minVersion,
    maxVersion,
    cipherSuites: cipherSuites2,
    groups: groups2,
    signatureSchemes: options.signatureSchemes ?? defaultSignatureSchemes,
    certificateSignatureSchemes: options.certificateSignatureSchemes,
    delegatedCredentialSchemes: options.delegatedCredentialSchemes ?? noSchemes,
    alpnProtocols: checkedAlpn(options.alpnProtocols ?? []),
    recordSizeLimit: options.recordSizeLimit,
    maxSendFragment: options.maxSendFragment,
    certificateCompression: options.certificateCompression ?? [],
    encryptThenMac: options.encryptThenMac ?? true,
    requireExtendedMasterSecret: options.requireExtendedMasterSecret ?? false,
    resumeWithoutExtendedMasterSecret: options.resumeWithoutExtendedMasterSecret ?? false,
    limits: { ...defaultLimits, ...options.limits },
    trace: options.trace,
    keyLog: options.keyLog
  };
}
function versionRange(options, cipherSuites2) {
  const { minVersion = tls12, maxVersion = tls13 } = options;
  if (minVersion > maxVersion) {
    throw new ConfigError(
      `minVersion (${versionName(minVersion)}) is above maxVersion (${versionName(maxVersion)}): no version is left`
    );
  }
  const withSuites = cipherSuites2.map((code2) => requireSuite(code2).version);
  const versions = [tls12, tls13].filter(
    (version2) => version2 >= minVersion && version2 <= maxVersion && withSuites.includes(version2)
  );
  const [lowest] = versions;
  const highest = versions.at(-1);
  if (lowest !== void 0 && highest !== void 0) return [lowest, highest];
  throw new ConfigError(
    `no cipher suite is left for ${versionName(minVersion)} to ${versionName(maxVersion)}: check cipherSuites`
  );
}
function requireSuite(code2) {
  const suite = cipherSuite(code2);
  if (suite !== void 0) return suite;
  throw new ConfigError(`cipherSuites: 0x${code2.toString(16).padStart(4, "0")} is no cipher suite of this stack`);
}
function checkedAlpn(protocols) {
  for (const protocol of protocols) {
    if (protocol.length >= 1 && protocol.length <= 255) continue;
    throw new ConfigError("alpnProtocols: a name has 1 to 255 bytes (RFC 7301, Section 3.1)");
  }
  return protocols;
}
function isAddress(name2) {
  return name2.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(name2);
}

// src/engine/host.ts
var hosts = /* @__PURE__ */ new WeakMap();
function serverHost(options) {
  return cached(options, () => {
    const own2 = ownHost(options);
    const inForce = (config) => {
      const other = optionsOf(config);
      return other === void 0 || other === options ? own2 : ownHost(other);
    };
    return {
      ...own2,
      selectConfig: (hello) => after(options.selectConfig?.(hello), (other) => other && serverConfig(other)),
      selectCredential: (query) => inForce(query.config).selectCredential(query),
      verifyPeer: (peer) => inForce(peer.config).verifyPeer(peer),
      lookupSession: (input) => inForce(input.binding.config).lookupSession(input),
      openTicket: (input) => inForce(input.binding.config).openTicket(input),
      lookupPsk: (input) => inForce(input.binding.config).lookupPsk(input),
      claimEarlyData: (input) => inForce(input.binding.config).claimEarlyData(input),
      storeSession: (input) => inForce(input.config).storeSession(input),
      sealTicket: (input) => inForce(input.config).sealTicket(input)
    };
  });
}
var ownHosts = /* @__PURE__ */ new WeakMap();
function ownHost(options) {
  let host = ownHosts.get(options);
  if (host === void 0) {
    host = { ...commonHost(options), ...sessionHost(options.sessions, options.now ?? Date.now) };
    ownHosts.set(options, host);
  }
  return host;
}
function clientHost(options) {
  return cached(options, () => ({
    ...commonHost(options),
    selectConfig: () => void 0,
    ...sessionHost(void 0, Date.now)
  }));
}
function cached(options, make) {
  let host = hosts.get(options);
  if (host === void 0) hosts.set(options, host = make());
  return host;
}
var known2 = { rawPublicKey: "known" };
function commonHost(options) {
  return {
    selectCredential: options.selectCredential ?? chooseCredential,
    sign: ({ signer, scheme, data }) => signer.sign(scheme, data),
    decryptPremaster: ({ signer, ciphertext }) => signer.decryptRaw?.(ciphertext),
    // Both configurations refuse to be made without a verifier where a peer shows a certificate.
    verifyPeer: (peer) => {
      const { verifyPeer: verifyPeer3, rawPublicKeyPins, crypto } = options;
      if (peer.rawPublicKey !== void 0) {
        if (rawPublicKeyPins !== void 0 && !peer.echRejected && isPinned(crypto, rawPublicKeyPins, peer.rawPublicKey)) {
          return known2;
        }
        return verifyPeer3?.(peer);
      }
      if (verifyPeer3 === void 0) throw new Error("no verifyPeer");
      return verifyPeer3(peer);
    }
  };
}
function sessionHost(sessions, now) {
  const none2 = { miss: "disabled" };
  return {
    lookupSession: ({ sessionId, binding }) => sessions === void 0 ? none2 : sessions.lookupSession(Object.assign(expectation(binding, now()), { sessionId })),
    openTicket: ({ ticket, binding }) => sessions === void 0 ? none2 : sessions.openTicket(Object.assign(expectation(binding, now()), { ticket })),
    lookupPsk: ({ identity, binding }) => sessions === void 0 ? none2 : after(sessions.lookupPsk(Object.assign(expectation(binding, now()), { identity })), asPskLookup),
    storeSession: ({ sessionId, state: state2 }) => sessions?.storeSession({ sessionId, state: state2, now: now() }) ?? false,
    sealTicket: ({ state: state2 }) => sessions === void 0 ? void 0 : after(sessions.sealTicket({ state: state2, now: now() }), (issued) => "ticket" in issued ? issued : void 0),
    claimEarlyData: ({ identity, state: state2, obfuscatedTicketAge: obfuscatedTicketAge2, binding, alpnProtocol }) => {
      if (sessions === void 0) return { accepted: false, refusal: "disabled" };
      const { serverName, config } = binding;
      const context = earlyDataContext(config.crypto, { alpnProtocol, cipherSuite: state2.cipherSuite, serverName });
      return sessions.claimEarlyData({ identity, state: state2, obfuscatedTicketAge: obfuscatedTicketAge2, context, now: now() });
    }
  };
}
function expectation(binding, now) {
  const { version: version2, serverName, config, cipherHash, cipherSuites: cipherSuites2, extendedMasterSecret } = binding;
  return {
    version: version2,
    now,
    cipherHash,
    cipherSuites: cipherSuites2,
    extendedMasterSecret,
    policy: policyOf(config, serverName, binding)
  };
}
function policyOf({ resumption: resumption2 }, serverName, { version: version2, extendedMasterSecret }) {
  return (state2) => resumption2.policyDigest({
    serverName,
    version: version2,
    cipherHash: cipherSuite(state2.cipherSuite)?.hash ?? "sha256",
    extendedMasterSecret: extendedMasterSecret ?? true
  });
}
function asPskLookup(found2) {
  if ("miss" in found2) return found2;
  const { secret, hash: hash3, binderLabel, state: state2 } = found2;
  return {
    key: secret,
    hash: hash3,
    kind: binderLabel === "res binder" ? "res" : binderLabel === "ext binder" ? "ext" : "imp",
    state: state2
  };
}
function after(value, map) {
  return isPromise(value) ? value.then(map) : map(value);
}
function isPromise(value) {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

// src/engine/driver.ts
function drive(connection, host, wake) {
  for (; ; ) {
    const progress = connection.advance();
    if (progress.state !== "needsHost") return progress;
    answer(connection, host, progress.id, progress.request, wake);
  }
}
function answer(connection, host, id, request2, wake) {
  let value;
  try {
    value = host[request2.name](request2.input);
  } catch (error) {
    connection.fail(id, error);
    return;
  }
  if (!isPromise(value)) {
    connection.answer(id, value);
    return;
  }
  value.then(
    (late) => {
      connection.answer(id, late);
      wake();
    },
    (error) => {
      connection.fail(id, error);
      wake();
    }
  );
}

// src/handshake/ech-server.ts
var backend = { accepted: true, opened: void 0, retryConfigs: void 0 };
function openClientHello(context, received2) {
  const body = received2.hello.extensions.encryptedClientHello;
  if (body === void 0) return received2;
  if (isEchInner(body)) return { ...received2, ech: backend };
  const { ech, maxVersion } = context.config;
  if (ech === void 0 || maxVersion < tls13) return received2;
  const outer = decodeEchOuter(body);
  for (const key of ech.keys) {
    const hpke = receiver(context.crypto, key, outer);
    const encoded = hpke?.open(additionalData(received2.message, outer), outer.payload);
    if (hpke === void 0 || encoded === void 0) {
      hpke?.destroy();
      continue;
    }
    untilEnd(context, hpke);
    const inner = readInner(received2, encoded, { accepted: true, opened: { hpke, outer }, retryConfigs: void 0 });
    const name2 = inner.hello.extensions.serverName ?? "no name";
    decide(context, "encryptedClientHello", "accepted", `key ${key.configId} opens it: the client asks for ${name2}`);
    return inner;
  }
  decide(context, "encryptedClientHello", "rejected", `no key opens it: config ${outer.configId}, old or GREASE`);
  return { ...received2, ech: { accepted: false, opened: void 0, retryConfigs: ech.retryConfigs } };
}
function openSecondClientHello(ech, received2) {
  if (ech === void 0 || !ech.accepted) return { ...received2, ech };
  const body = received2.hello.extensions.encryptedClientHello;
  if (ech.opened === void 0) {
    checkInner(received2.hello);
    return { ...received2, ech };
  }
  if (body === void 0) {
    throw new PeerError(
      "ERR_TLS_MISSING_EXTENSION",
      "missingExtension",
      "clientHello after helloRetryRequest: the extension encrypted_client_hello is missing",
      { rfc: "RFC 9849, Section 7.1.1" }
    );
  }
  const { hpke, outer: first } = ech.opened;
  const outer = isEchInner(body) ? void 0 : decodeEchOuter(body);
  const same = outer?.configId === first.configId && outer.kdf === first.kdf && outer.aead === first.aead;
  if (outer === void 0 || !same || outer.enc.length > 0) {
    throw illegalParameter(
      "ERR_TLS_ECH_SECOND_CLIENT_HELLO",
      "clientHello after helloRetryRequest: encrypted_client_hello changes what may not change",
      "RFC 9849, Section 7.1.1"
    );
  }
  const encoded = hpke.open(additionalData(received2.message, outer), outer.payload);
  if (encoded === void 0) {
    throw new PeerError(
      "ERR_TLS_ECH_DECRYPT",
      "decryptError",
      "clientHello after helloRetryRequest: encrypted_client_hello does not decrypt",
      { rfc: "RFC 9849, Section 7.1.1" }
    );
  }
  return readInner(received2, encoded, ech);
}
function confirmServerHello(crypto, hash3, transcript, inner, body) {
  confirm(crypto, hash3, transcript, "serverHello", inner, body, confirmationInServerHello);
}
function confirmHelloRetryRequest(crypto, hash3, transcript, inner, body) {
  confirm(crypto, hash3, transcript, "helloRetryRequest", inner, body, body.length - confirmationLength);
}
function confirm(crypto, hash3, transcript, message, { random: random2 }, body, at2) {
  body.fill(0, at2, at2 + confirmationLength);
  const transcriptHash = transcript.hashWith(hash3, frameMessage("serverHello", body));
  body.set(acceptConfirmation(crypto, hash3, message, random2, transcriptHash), at2);
}
function receiver(crypto, key, outer) {
  const { configId, kdf, aead, enc } = outer;
  if (key.configId !== configId) return void 0;
  const offered = key.cipherSuites.some((suite2) => suite2.kdf === kdf && suite2.aead === aead);
  const suite = offered ? hpkeSuite(key.kem, kdf, aead) : void 0;
  if (suite === void 0) return void 0;
  try {
    return setupBaseReceiver(crypto, suite, key.keyPair, enc, key.info);
  } catch (error) {
    if (error instanceof PeerError) return void 0;
    throw error;
  }
}
function additionalData({ body }, { payload }) {
  const at2 = payload.byteOffset - body.byteOffset;
  return new Uint8Array(body).fill(0, at2, at2 + payload.length);
}
function readInner(outer, encoded, ech) {
  const body = expandClientHelloInner(encoded, outer.message.body);
  const raw = frameMessage("clientHello", body).slice();
  const inner = readClientHello({ type: "clientHello", body: raw.subarray(4), raw });
  checkInner(inner.hello);
  return { ...inner, ech };
}
function checkInner({ extensions }) {
  const versions = extensions.supportedVersions ?? [];
  const old2 = versions.some((version2) => version2 < tls13 && !isGrease(version2));
  if (isEchInner(extensions.encryptedClientHello) && versions.includes(tls13) && !old2) return;
  throw illegalParameter(
    "ERR_TLS_ECH_INNER",
    "clientHelloInner: it lacks the inner encrypted_client_hello, or does not offer TLS 1.3 alone",
    "RFC 9849, Section 7.1"
  );
}

// src/wire/certificate-request.ts
var certificateRequestExtensions = {
  signatureAlgorithms: codeList16,
  signatureAlgorithmsCert: codeList16,
  delegatedCredential: codeList16,
  certificateAuthorities: distinguishedNames,
  oidFilters: opaque,
  statusRequest: opaque,
  signedCertificateTimestamp: opaque,
  compressCertificate: codeList8
};
function encodeCertificateRequest13(message) {
  const writer = new Writer(128).vector8(message.certificateRequestContext);
  encodeExtensions(writer, certificateRequestExtensions, message);
  return writer.finish();
}
function decodeCertificateRequest13(body) {
  const reader = new Reader(body, "certificateRequest");
  const certificateRequestContext = reader.vector8();
  const block3 = decodeExtensions(reader, certificateRequestExtensions, "certificateRequest", true);
  reader.end();
  return { certificateRequestContext, ...block3 };
}
function encodeCertificateRequest12(message) {
  const writer = new Writer(128).vector8(message.certificateTypes).u16List(2, message.signatureAlgorithms);
  distinguishedNames.encode(writer, message.certificateAuthorities);
  return writer.finish();
}
function decodeCertificateRequest12(body) {
  const reader = new Reader(body, "certificateRequest");
  const certificateTypes2 = reader.vector8(1);
  const signatureAlgorithms = reader.u16List(2);
  const authorities2 = new Reader(reader.vector16(), "certificateRequest");
  reader.end();
  const certificateAuthorities = [];
  while (authorities2.remaining > 0) certificateAuthorities.push(authorities2.vector16(1));
  return { certificateTypes: certificateTypes2, signatureAlgorithms, certificateAuthorities };
}

// src/wire/certificate-status.ts
function encodeCertificateStatus(response) {
  const writer = new Writer(response.length + 4);
  ocspResponse.encode(writer, response);
  return writer.finish();
}
function decodeCertificateStatus(body) {
  const reader = new Reader(body, "certificateStatus");
  const response = ocspResponse.decode(reader);
  reader.end();
  return response;
}

// src/wire/certificate-verify.ts
function encodeCertificateVerify(message) {
  return Writer.passing(message.signature.length + 4).u16(message.algorithm).vector16(message.signature).finish();
}
function decodeCertificateVerify(body) {
  const reader = new Reader(body, "certificateVerify");
  const message = { algorithm: reader.u16(), signature: reader.vector16() };
  reader.end();
  return message;
}

// src/wire/client-key-exchange.ts
function encodeClientKeyExchangeEcdhe(publicKey) {
  return new Writer(publicKey.length + 1).vector8(publicKey).finish();
}
function decodeClientKeyExchangeEcdhe(body) {
  const reader = new Reader(body, "clientKeyExchange");
  const publicKey = reader.vector8(1);
  reader.end();
  return publicKey;
}
function encodeClientKeyExchangeRsa(encryptedPremasterSecret) {
  return new Writer(encryptedPremasterSecret.length + 2).vector16(encryptedPremasterSecret).finish();
}
function decodeClientKeyExchangeRsa(body) {
  const reader = new Reader(body, "clientKeyExchange");
  const encrypted = reader.vector16(1);
  reader.end();
  return encrypted;
}

// src/wire/new-session-ticket.ts
var newSessionTicketExtensions = { earlyData: maxEarlyData };
function encodeNewSessionTicket13(message) {
  const writer = Writer.passing(message.ticket.length + 64).u32(message.ticketLifetime).u32(message.ticketAgeAdd).vector8(message.ticketNonce).vector16(message.ticket);
  encodeExtensions(writer, newSessionTicketExtensions, message);
  return writer.finish();
}
function decodeNewSessionTicket13(body) {
  const reader = new Reader(body, "newSessionTicket");
  const ticketLifetime = reader.u32();
  const ticketAgeAdd = reader.u32();
  const ticketNonce = reader.vector8();
  const ticket = reader.vector16(1);
  const { extensions, extensionOrder, otherExtensions } = decodeExtensions(
    reader,
    newSessionTicketExtensions,
    "newSessionTicket",
    true
  );
  reader.end();
  return { ticketLifetime, ticketAgeAdd, ticketNonce, ticket, extensions, extensionOrder, otherExtensions };
}
function encodeNewSessionTicket12(message) {
  return Writer.passing(message.ticket.length + 8).u32(message.ticketLifetimeHint).vector16(message.ticket).finish();
}
function decodeNewSessionTicket12(body) {
  const reader = new Reader(body, "newSessionTicket");
  const message = { ticketLifetimeHint: reader.u32(), ticket: reader.vector16() };
  reader.end();
  return message;
}

// src/wire/server-hello.ts
var helloRetryRequestRandom = fromHex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
var downgradeSentinel12 = fromHex("444f574e47524401");
var downgradeSentinel11 = fromHex("444f574e47524400");
var serverHelloExtensions13 = {
  supportedVersions: code16,
  keyShare: serverKeyShare,
  preSharedKey: code16
};
var helloRetryRequestExtensions = {
  supportedVersions: code16,
  keyShare: code16,
  cookie,
  encryptedClientHello: echConfirmation
};
var serverHelloExtensions12 = {
  serverName: flag,
  renegotiationInfo,
  extendedMasterSecret: flag,
  ecPointFormats: codeList1,
  sessionTicket: flag,
  alpn: selectedProtocol,
  statusRequest: flag,
  signedCertificateTimestamp: sctList,
  clientCertificateType: code8,
  serverCertificateType: code8,
  encryptThenMac: flag,
  recordSizeLimit: code16,
  // Some servers answer with it although only clients may send it in TLS 1.2 (RFC 8422, Section 4); it is not used.
  supportedGroups: ignored,
  // It has no place here, and is refused as one that was not asked for (RFC 5246, Section 7.4.1.4).
  encryptedClientHello: ignored
};
function encodeServerHello13(hello) {
  return encode(hello, serverHelloExtensions13);
}
function encodeHelloRetryRequest(hello) {
  return encode(hello, helloRetryRequestExtensions);
}
function encodeServerHello12(hello) {
  return encode(hello, serverHelloExtensions12);
}
function decodeServerHello13(body) {
  return decode(body, serverHelloExtensions13, "serverHello");
}
function decodeHelloRetryRequest(body) {
  return decode(body, helloRetryRequestExtensions, "helloRetryRequest");
}
function decodeServerHello12(body) {
  return decode(body, serverHelloExtensions12, "serverHello");
}
var outlineExtensions = { supportedVersions: code16 };
var outlineRetryExtensions = { ...outlineExtensions, encryptedClientHello: echConfirmation };
function outlineServerHello(body) {
  const reader = new Reader(body, "serverHello");
  const fields = readFields(reader);
  const isHelloRetryRequest = equal(fields.random, helloRetryRequestRandom);
  let selectedVersion;
  let echConfirmation2;
  if (reader.remaining > 0 && isHelloRetryRequest) {
    const { extensions } = decodeExtensions(reader, outlineRetryExtensions, "helloRetryRequest", true);
    ({ supportedVersions: selectedVersion, encryptedClientHello: echConfirmation2 } = extensions);
  } else if (reader.remaining > 0) {
    selectedVersion = decodeExtensions(reader, outlineExtensions, "serverHello", true).extensions.supportedVersions;
  }
  return { ...fields, selectedVersion, isHelloRetryRequest, echConfirmation: echConfirmation2 };
}
function encode(hello, table) {
  const writer = Writer.passing(160).u16(hello.legacyVersion).bytes(hello.random).vector8(hello.legacySessionIdEcho).u16(hello.cipherSuite).u8(hello.legacyCompressionMethod);
  if (hasExtensions(table, hello)) encodeExtensions(writer, table, hello);
  return writer.finish();
}
function decode(body, table, what) {
  const reader = new Reader(body, what);
  const fields = readFields(reader);
  const block3 = reader.remaining === 0 ? { extensions: noExtensions(table), extensionOrder: [] } : decodeExtensions(reader, table, what);
  reader.end();
  return { ...fields, ...block3 };
}
function readFields(reader) {
  return {
    legacyVersion: reader.u16(),
    random: reader.bytes(32),
    legacySessionIdEcho: reader.vector8(0, 32),
    cipherSuite: reader.u16(),
    legacyCompressionMethod: reader.u8()
  };
}

// src/wire/server-key-exchange.ts
function encodeServerEcdhParams(group, publicKey) {
  return Writer.passing(publicKey.length + 4).u8(3).u16(group).vector8(publicKey).finish();
}
function encodeServerKeyExchange(message) {
  return Writer.passing(message.publicKey.length + message.signature.length + 8).bytes(encodeServerEcdhParams(message.group, message.publicKey)).u16(message.algorithm).vector16(message.signature).finish();
}
function decodeServerKeyExchange(body) {
  const reader = new Reader(body, "serverKeyExchange");
  const curveType = reader.u8();
  if (curveType !== 3) {
    throw illegalParameter(
      "ERR_TLS_CURVE_TYPE",
      `serverKeyExchange: curve type ${curveType} is not named_curve`,
      "RFC 8422, Section 5.4"
    );
  }
  const group = reader.u16();
  const publicKey = reader.vector8(1);
  const params = body.subarray(0, reader.offset);
  const message = { group, publicKey, params, algorithm: reader.u16(), signature: reader.vector16() };
  reader.end();
  return message;
}

// src/wire/certificate.ts
var certificateEntryExtensions = {
  statusRequest: ocspResponse,
  signedCertificateTimestamp: sctList,
  // RFC 9345, Section 4; read by who asked for it.
  delegatedCredential: opaque
};
function encodeCertificate13(message) {
  const writer = new Writer(2048).vector8(message.certificateRequestContext);
  const list = writer.open(3);
  for (const entry of message.certificateList) {
    writer.vector24(entry.certData);
    encodeExtensions(writer, certificateEntryExtensions, entry);
  }
  return writer.close(list, 3).finish();
}
function decodeCertificate13(body, maxChain) {
  const reader = new Reader(body, "certificate");
  const certificateRequestContext = reader.vector8();
  const list = new Reader(reader.vector24(), "certificate");
  reader.end();
  const certificateList = [];
  while (list.remaining > 0) {
    const certData = list.vector24(1);
    if (certificateList.length === maxChain) throw list.error(`it has more than ${maxChain} certificates`);
    const { extensions, extensionOrder } = decodeExtensions(list, certificateEntryExtensions, "certificate");
    certificateList.push({ certData, extensions, extensionOrder });
  }
  return { certificateRequestContext, certificateList };
}
function encodeCertificate12(chain) {
  const writer = Writer.passing(3 + 3 * chain.length + chain.reduce((sum, { length }) => sum + length, 0));
  const list = writer.open(3);
  for (const certificate of chain) writer.vector24(certificate);
  return writer.close(list, 3).finish();
}
function decodeCertificate12(body, maxChain) {
  const reader = new Reader(body, "certificate");
  const list = new Reader(reader.vector24(), "certificate");
  reader.end();
  const chain = [];
  while (list.remaining > 0) {
    if (chain.length === maxChain) throw list.error(`it has more than ${maxChain} certificates`);
    chain.push(list.vector24(1));
  }
  return chain;
}
function encodeRawPublicKey12(spki) {
  return Writer.passing(3 + spki.length).vector24(spki).finish();
}
function decodeRawPublicKey12(body) {
  const reader = new Reader(body, "certificate");
  const spki = reader.vector24();
  reader.end();
  return spki.length === 0 ? void 0 : spki;
}

// src/wire/compressed-certificate.ts
function encodeCompressedCertificate(message) {
  return new Writer(message.compressedCertificateMessage.length + 8).u16(message.algorithm).u24(message.uncompressedLength).vector24(message.compressedCertificateMessage).finish();
}
function decodeCompressedCertificate(body) {
  const reader = new Reader(body, "compressedCertificate");
  const message = {
    algorithm: reader.u16(),
    uncompressedLength: reader.u24(),
    compressedCertificateMessage: reader.vector24(1)
  };
  reader.end();
  return message;
}

// src/pki/algorithm.ts
var noParameters = {
  [oids.ecdsaWithSha1]: { kind: "ecdsa", hash: "sha1" },
  [oids.ecdsaWithSha256]: { kind: "ecdsa", hash: "sha256" },
  [oids.ecdsaWithSha384]: { kind: "ecdsa", hash: "sha384" },
  [oids.ecdsaWithSha512]: { kind: "ecdsa", hash: "sha512" },
  [oids.ed25519]: { kind: "ed25519" },
  [oids.ed448]: { kind: "ed448" },
  [oids.mldsa44]: { kind: "mldsa44" },
  [oids.mldsa65]: { kind: "mldsa65" },
  [oids.mldsa87]: { kind: "mldsa87" }
};
var nullParameters = {
  [oids.sha1WithRsa]: { kind: "rsaPkcs1", hash: "sha1" },
  [oids.sha256WithRsa]: { kind: "rsaPkcs1", hash: "sha256" },
  [oids.sha384WithRsa]: { kind: "rsaPkcs1", hash: "sha384" },
  [oids.sha512WithRsa]: { kind: "rsaPkcs1", hash: "sha512" }
};
var hashOids = {
  [oids.sha1]: "sha1",
  [oids.sha256]: "sha256",
  [oids.sha384]: "sha384",
  [oids.sha512]: "sha512"
};
var hashLengths3 = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
function readSignatureIdentifier(reader, field) {
  reader.expect(tags.sequence, field);
  const raw = reader.raw();
  const fields = reader.inside(field);
  const oid = fields.oid("algorithm");
  return { oid, algorithm: algorithmOf(oid, fields), raw };
}
function algorithmOf(oid, fields) {
  const plain2 = noParameters[oid];
  if (plain2 !== void 0) return fields.more ? void 0 : plain2;
  const withNull = nullParameters[oid];
  if (withNull !== void 0) {
    fields.null("parameters");
    fields.done();
    return withNull;
  }
  if (oid === oids.rsaPss) return pssParameters(fields);
  if (fields.more) fields.next();
  fields.done();
  return void 0;
}
function pssParameters(fields) {
  if (!fields.more) return void 0;
  const parameters = fields.enter(tags.sequence, "RSASSA-PSS parameters");
  const hash3 = parameters.optional(contextTag(0)) ? hashOf(parameters.inside("hashAlgorithm")) : "sha1";
  let maskHash = "sha1";
  if (parameters.optional(contextTag(1))) {
    const explicit = parameters.inside("maskGenAlgorithm");
    const mask = explicit.enter(tags.sequence, "AlgorithmIdentifier");
    explicit.done();
    if (mask.oid("algorithm") !== oids.mgf1) return void 0;
    maskHash = hashOf(mask);
  }
  let saltLength = 20;
  if (parameters.optional(contextTag(2))) {
    const explicit = parameters.inside("saltLength");
    saltLength = explicit.smallInteger("saltLength", 512);
    explicit.done();
  }
  if (parameters.more) return void 0;
  fields.done();
  if (hash3 === void 0 || hash3 !== maskHash || saltLength !== hashLengths3[hash3]) return void 0;
  return { kind: "rsaPss", hash: hash3, saltLength };
}
function hashOf(explicit) {
  const identifier = explicit.enter(tags.sequence, "AlgorithmIdentifier");
  explicit.done();
  const oid = identifier.oid("algorithm");
  if (identifier.more) identifier.null("parameters");
  identifier.done();
  return hashOids[oid];
}
var curves2 = {
  [oids.p256]: ["p256", 256],
  [oids.p384]: ["p384", 384],
  [oids.p521]: ["p521", 521]
};
var otherKeys = {
  [oids.ed25519]: ["ed25519", 256, 32],
  [oids.ed448]: ["ed448", 456, 57],
  [oids.mldsa44]: ["mldsa44", 1312 * 8, 1312],
  [oids.mldsa65]: ["mldsa65", 1952 * 8, 1952],
  [oids.mldsa87]: ["mldsa87", 2592 * 8, 2592]
};
function readPublicKeyInfo(spki) {
  const outer = new DerReader(spki, "subjectPublicKeyInfo");
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  const algorithm2 = fields.enter(tags.sequence, "algorithm");
  const oid = algorithm2.oid("algorithm");
  const key = fields.bitString("subjectPublicKey");
  fields.done();
  if (oid === oids.rsaEncryption || oid === oids.rsaPss) {
    if (oid === oids.rsaEncryption) algorithm2.null("parameters");
    return rsaInfo(oid, key);
  }
  if (oid === oids.ecPublicKey) {
    if (algorithm2.peek() !== tags.oid) return { type: void 0, bits: 0, oid: `${oid} with an explicit curve` };
    const curve = algorithm2.oid("namedCurve");
    algorithm2.done();
    const known3 = curves2[curve];
    const size = known3 === void 0 ? 0 : Math.ceil(known3[1] / 8);
    if (known3 === void 0 || key.length !== 2 * size + 1 || key[0] !== 4)
      return { type: void 0, bits: 0, oid: `${oid} ${curve}` };
    return { type: known3[0], bits: known3[1], oid: `${oid} ${curve}` };
  }
  const other = otherKeys[oid];
  if (other === void 0 || algorithm2.more || key.length !== other[2]) return { type: void 0, bits: 0, oid };
  return { type: other[0], bits: other[1], oid };
}
function rsaInfo(oid, key) {
  const outer = new DerReader(key, "RSAPublicKey");
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  const modulus = fields.integer("modulus");
  const publicExponent = fields.integer("publicExponent");
  fields.done();
  const first = modulus[0] === 0 ? 1 : 0;
  const bits = (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
  if (modulus[0] >= 128 || publicExponent[0] >= 128) throw fields.error("a negative number");
  let exponent = 0;
  if (publicExponent.length > 5) exponent = void 0;
  else for (const byte of publicExponent) exponent = exponent * 256 + byte;
  return { type: oid === oids.rsaPss ? "rsaPss" : "rsa", bits, oid, exponent };
}

// src/pki/certificate.ts
var maxCertificateBytes = 1 << 20;
var Certificate = class {
  /** The whole encoding. */
  der;
  /** TBSCertificate: what is signed. */
  tbs;
  version;
  /** Content of the INTEGER. */
  serialNumber;
  signatureAlgorithm;
  signature;
  /** Encoded Names. */
  issuer;
  subject;
  /** Milliseconds since 1970; both ends belong to the validity period. */
  notBefore;
  notAfter;
  /** Encoded SubjectPublicKeyInfo. */
  spki;
  extensions;
  /** The extensions that this stack knows, decoded. */
  decoded;
  #subjectKey;
  #issuerKey;
  #publicKeyInfo;
  constructor(der3, lenient) {
    const outer = new DerReader(der3, "certificate");
    const fields = outer.enter(tags.sequence, "SEQUENCE");
    outer.done();
    fields.expect(tags.sequence, "tbsCertificate");
    this.der = der3;
    this.tbs = fields.raw();
    const tbs = fields.inside("tbsCertificate");
    const outerAlgorithm = readSignatureIdentifier(fields, "signatureAlgorithm");
    this.signature = fields.bitString("signatureValue");
    fields.done();
    this.version = readVersion(tbs);
    this.serialNumber = tbs.integer("serialNumber");
    if (!lenient.includes("serialNumber")) checkSerialNumber(tbs, this.serialNumber);
    this.signatureAlgorithm = readSignatureIdentifier(tbs, "signature");
    if (!equal(outerAlgorithm.raw, this.signatureAlgorithm.raw)) {
      throw tbs.error("the two signature algorithms differ (RFC 5280, Section 4.1.1.2)");
    }
    const unsorted = lenient.includes("names");
    this.issuer = readName(tbs, "issuer", unsorted);
    if (tbs.start === tbs.stop) throw tbs.error("the issuer is empty (RFC 5280, Section 4.1.2.4)");
    const validity = tbs.enter(tags.sequence, "validity");
    const anyForm = lenient.includes("times");
    this.notBefore = validity.time("notBefore", anyForm);
    this.notAfter = validity.time("notAfter", anyForm);
    validity.done();
    this.subject = readName(tbs, "subject", unsorted);
    tbs.expect(tags.sequence, "subjectPublicKeyInfo");
    this.spki = tbs.raw();
    checkSpkiFrame(tbs.inside("subjectPublicKeyInfo"));
    if (tbs.peek() === contextPrimitiveTag(1)) readUniqueId(tbs, 1, this.version);
    if (tbs.peek() === contextPrimitiveTag(2)) readUniqueId(tbs, 2, this.version);
    this.decoded = {};
    if (tbs.optional(contextTag(3))) {
      if (this.version !== 3) throw tbs.error(`extensions in a certificate of version ${this.version}`);
      const explicit = tbs.inside("extensions");
      this.extensions = readExtensions(explicit, (extension) => decodeInto(extension, this.decoded, lenient));
      explicit.done();
    } else {
      this.extensions = noExtensions2;
    }
    tbs.done();
  }
  /** Key under which equal names (RFC 5280, Section 7.1) are equal strings. */
  get subjectKey() {
    return this.#subjectKey ??= nameKey(this.subject);
  }
  get issuerKey() {
    return this.#issuerKey ??= equal(this.issuer, this.subject) ? this.subjectKey : nameKey(this.issuer);
  }
  /** Issuer and subject are the same name; the key need not be. */
  get selfIssued() {
    return this.issuerKey === this.subjectKey;
  }
  /** Type and size of the public key. Throws `ERR_TLS_DER` where it doesn't parse. */
  get publicKeyInfo() {
    return this.#publicKeyInfo ??= readPublicKeyInfo(this.spki);
  }
  /** Name and serial number, for messages. */
  toString() {
    return `"${formatName(this.subject)}" (serial ${toHex(this.serialNumber)})`;
  }
};
var noExtensions2 = /* @__PURE__ */ new Map();
var strict = [];
function parseCertificate(der3, options) {
  if (der3.length > maxCertificateBytes) {
    throw new CertificateError(
      "ERR_TLS_CERT_SIZE",
      "badCertificate",
      `a certificate of ${der3.length} bytes: ${maxCertificateBytes} are allowed`
    );
  }
  return new Certificate(der3, options?.leniencies ?? strict);
}
function readVersion(tbs) {
  if (!tbs.optional(contextTag(0))) return 1;
  const explicit = tbs.inside("version");
  const value = explicit.smallInteger("version", 2);
  explicit.done();
  if (value === 0) throw tbs.error("version encodes its default value v1");
  return value + 1;
}
function checkSerialNumber(tbs, serial) {
  if (serial.length > 20)
    throw tbs.error(`a serial number of ${serial.length} octets (RFC 5280, Section 4.1.2.2: at most 20)`);
  if (serial[0] >= 128) throw tbs.error("a negative serial number (RFC 5280, Section 4.1.2.2)");
  if (serial.length === 1 && serial[0] === 0) throw tbs.error("the serial number zero (RFC 5280, Section 4.1.2.2)");
}
function checkSpkiFrame(fields) {
  const algorithm2 = fields.enter(tags.sequence, "algorithm");
  algorithm2.oid("algorithm");
  if (algorithm2.peek() === tags.oid) algorithm2.oid("parameters");
  else if (algorithm2.more) algorithm2.next();
  algorithm2.done();
  fields.bitString("subjectPublicKey");
  fields.done();
}
function readUniqueId(tbs, n, version2) {
  if (version2 === 1) throw tbs.error("a unique identifier in a certificate of version 1");
  tbs.expect(contextPrimitiveTag(n), "unique identifier");
  const unused = tbs.bytes[tbs.start] ?? 8;
  if (tbs.start === tbs.stop || unused > 7) throw tbs.error("a unique identifier that is no BIT STRING");
}
function decodeInto(extension, decoded, lenient) {
  if (extension.critical || !lenient.includes("extensions")) {
    decodeExtension(extension, decoded, lenient.includes("keyUsage"));
    return;
  }
  try {
    decodeExtension(extension, decoded, lenient.includes("keyUsage"));
  } catch {
  }
}

// src/handshake/peer.ts
function readPeerIdentity(context, chain, ocspResponse2, scts) {
  const leaf = parseLeaf(chain[0] ?? noBytes);
  const publicKey = context.crypto.importPublicKey(leaf.spki);
  return { chain, publicKey, leaf, rawPublicKey: void 0, delegation: void 0, ocspResponse: ocspResponse2, scts };
}
function readRawPublicKey(context, spki) {
  let publicKey;
  try {
    publicKey = context.crypto.importPublicKey(spki);
  } catch (cause) {
    if (cause instanceof TlsError && cause.alert === "unsupportedCertificate") throw cause;
    throw new CertificateError(
      "ERR_TLS_RAW_PUBLIC_KEY",
      "decodeError",
      "the peer's raw public key does not parse; it must be a SubjectPublicKeyInfo in DER",
      { cause, phase: "certificate", rfc: "RFC 7250, Section 3" }
    );
  }
  return {
    chain: [],
    publicKey,
    leaf: void 0,
    rawPublicKey: spki,
    delegation: void 0,
    ocspResponse: void 0,
    scts: void 0
  };
}
function parseLeaf(der3) {
  try {
    return parseCertificate(der3, { leniencies: ["serialNumber", "names", "extensions", "times", "keyUsage"] });
  } catch (cause) {
    throw new CertificateError(
      "ERR_TLS_CERTIFICATE_PARSE",
      "decodeError",
      "the peer's certificate does not parse; it must be DER as in RFC 5280",
      { cause, phase: "certificate", rfc: "RFC 5280, Section 4.1" }
    );
  }
}
function verifySignature(context, version2, peer, code2, data, signature, message) {
  const scheme = signatureScheme(code2);
  const { type, bits } = peer.publicKey;
  const offered = peer.delegation === void 0 ? context.config.signatureSchemes.includes(code2) : code2 === peer.delegation.scheme;
  const fits = scheme !== void 0 && schemeFitsKey(scheme, type, bits, version2);
  if (!offered || !fits) {
    throw illegalParameter(
      "ERR_TLS_SIGNATURE_SCHEME",
      `${message}: the signature scheme ${scheme?.name ?? `0x${code2.toString(16)}`} ` + (offered ? `does not fit a key of type ${type}` : "was not offered"),
      version2 === tls13 ? "RFC 9846, Section 4.4.3" : "RFC 5246, Section 7.4.1.4.1"
    );
  }
  requireKeyUsage(peer.leaf, "digitalSignature");
  if (!peer.publicKey.verify(scheme.algorithm, data, signature)) {
    throw new PeerError("ERR_TLS_SIGNATURE", "decryptError", `${message}: the signature does not verify`, {
      phase: message,
      rfc: version2 === tls13 ? "RFC 9846, Section 4.4.3" : "RFC 5246, Section 7.4.3"
    });
  }
}
function requireKeyUsage(leaf, usage) {
  const keyUsage = leaf?.decoded.keyUsage;
  if (keyUsage === void 0 || (keyUsage & keyUsageBits[usage]) !== 0) return;
  throw new CertificateError(
    "ERR_TLS_KEY_USAGE",
    "illegalParameter",
    `the peer's certificate has a key usage extension without ${usage}, which this handshake needs`,
    { phase: "certificate", rfc: "RFC 5280, Section 4.2.1.3" }
  );
}
function* verifyPeer({ config }, role, version2, peer, serverName) {
  const { chain, rawPublicKey, ocspResponse: ocspResponse2, scts } = peer;
  const echRejected = role === "server" && config.echRejected;
  const shown = { role, version: version2, chain, rawPublicKey, serverName, echRejected, ocspResponse: ocspResponse2, scts, config };
  const verified = yield* request("verifyPeer", shown);
  if (rawPublicKey !== void 0) requireKnown(role, verified);
  const { delegation } = peer;
  if (delegation === void 0) return verified?.notAfter;
  return Math.min(delegation.notAfter, verified?.notAfter ?? Number.POSITIVE_INFINITY);
}
function requireKnown(role, verified) {
  if (verified?.rawPublicKey === "known") return;
  throw new CertificateError(
    "ERR_TLS_RAW_PUBLIC_KEY_UNKNOWN",
    "certificateUnknown",
    `the ${role} shows a raw public key, and nothing here says that it is known: give its pin, or have \`verifyPeer\` answer { rawPublicKey: 'known' }`,
    { phase: "certificate", rfc: "RFC 7250, Section 6" }
  );
}
function* verifyResumed({ config }, session) {
  const { state: state2, ocspResponse: ocspResponse2, scts } = session;
  if (!config.verifyResumed && state2.peerRawPublicKey === void 0) return;
  const { version: version2, peerCertificates: chain, peerRawPublicKey: rawPublicKey } = state2;
  const serverName = config.verifyName;
  const shown = { role: "server", version: version2, chain, rawPublicKey, serverName, ocspResponse: ocspResponse2, scts, config };
  const verified = yield* request("verifyPeer", shown);
  if (rawPublicKey !== void 0) requireKnown("server", verified);
}

// src/handshake/authentication13.ts
var framedCertificates = /* @__PURE__ */ new WeakMap();
function sendCertificate(context, transcript, credential, wishes, certificateRequestContext = noBytes) {
  const raw = framedCertificate(context, credential, wishes, certificateRequestContext);
  transcript.add(raw);
  context.output.sendMessage(raw[0] === 25 ? "compressedCertificate" : "certificate", raw);
}
function framedCertificate(context, credential, wishes, certificateRequestContext) {
  if (credential === void 0) {
    return frameMessage("certificate", encodeCertificate13({ certificateRequestContext, certificateList: [] }));
  }
  const compression = credential.rawPublicKey !== void 0 ? void 0 : context.config.certificateCompression.find(
    ({ algorithm: algorithm2, compress: compress2 }) => compress2 !== void 0 && wishes.compression.includes(algorithm2)
  );
  if (certificateRequestContext.length > 0) {
    return frame(credential, wishes, compression, certificateRequestContext);
  }
  const variant = `${wishes.ocsp} ${wishes.scts} ${compression?.algorithm}`;
  let variants = framedCertificates.get(credential);
  if (variants === void 0) framedCertificates.set(credential, variants = /* @__PURE__ */ new Map());
  let raw = variants.get(variant);
  if (raw === void 0) variants.set(variant, raw = frame(credential, wishes, compression, noBytes).slice());
  return raw;
}
function frame(credential, wishes, compression, certificateRequestContext) {
  const { rawPublicKey } = credential;
  const certificateList = rawPublicKey === void 0 ? certificateEntries(credential, wishes) : [{ certData: rawPublicKey }];
  const body = encodeCertificate13({ certificateRequestContext, certificateList });
  if (compression?.compress === void 0) return frameMessage("certificate", body);
  const compressedCertificateMessage = compression.compress(body);
  const { algorithm: algorithm2 } = compression;
  return frameMessage(
    "compressedCertificate",
    encodeCompressedCertificate({ algorithm: algorithm2, uncompressedLength: body.length, compressedCertificateMessage })
  );
}
function certificateEntries(credential, wishes) {
  return credential.chain.map((certData, i) => {
    if (i > 0) return { certData };
    const statusRequest2 = wishes.ocsp ? credential.ocspResponse : void 0;
    const signedCertificateTimestamp = wishes.scts && credential.scts?.length ? [...credential.scts] : void 0;
    const delegatedCredential = credential.delegation?.credential;
    return { certData, extensions: { statusRequest: statusRequest2, signedCertificateTimestamp, delegatedCredential } };
  });
}
var signatureContexts = {
  server: signatureContext("TLS 1.3, server CertificateVerify"),
  client: signatureContext("TLS 1.3, client CertificateVerify")
};
function signatureContext(text) {
  const context = new Uint8Array(64 + text.length + 1).fill(32, 0, 64);
  context.set(fromText(text), 64);
  return context;
}
function signedContent(role, transcriptHash) {
  const context = signatureContexts[role];
  const content = new Uint8Array(context.length + transcriptHash.length);
  content.set(context);
  content.set(transcriptHash, context.length);
  return content;
}
function schemeFor(context, credential, accepted, delegated) {
  const { delegation } = credential;
  const scheme = delegation === void 0 ? chooseSignatureScheme(credential.signer, accepted, tls13) : takesDelegation(delegation, delegated, accepted, context.config.now()) ? delegation.scheme : void 0;
  if (scheme !== void 0) {
    decide(
      context,
      "signatureScheme",
      signatureScheme(scheme)?.name ?? String(scheme),
      "first of the key that the peer accepts"
    );
    return scheme;
  }
  throw new PeerError(
    "ERR_TLS_NO_SIGNATURE_SCHEME",
    "handshakeFailure",
    `the peer accepts no signature of a key of type ${credential.signer.keyType}`,
    { rfc: "RFC 9846, Section 4.4.2.2" }
  );
}
function* sendCertificateVerify(context, transcript, hash3, role, credential, scheme) {
  const data = signedContent(role, transcript.hash(hash3));
  const signature = yield* request("sign", { signer: credential.signer, scheme, data });
  sendMessage(context, transcript, "certificateVerify", encodeCertificateVerify({ algorithm: scheme, signature }));
}
function* readCertificate(context, transcript, hash3, role, type, allowed, first) {
  const compressible = context.config.certificateCompression.length > 0;
  const message = first ?? (yield* compressible ? expectMessage("certificate", "compressedCertificate") : expectMessage("certificate"));
  const body = message.type === "certificate" ? message.body : decompress(context, message.body);
  const certificate = decodeCertificate13(body, context.config.limits.certificateChain);
  const { certificateRequestContext } = certificate;
  const answered = typeof transcript === "function" ? transcript(certificateRequestContext) : certificateRequestContext.length === 0 ? transcript : void 0;
  if (answered === void 0) {
    throw new PeerError(
      "ERR_TLS_CERTIFICATE_CONTEXT",
      "decodeError",
      "certificate: the certificate_request_context is not the one of a request",
      { rfc: "RFC 9846, Section 4.4.2" }
    );
  }
  answered.add(message.raw);
  const [leaf, ...issuers] = certificate.certificateList;
  if (leaf === void 0) return void 0;
  const isRaw = type === "rawPublicKey";
  const delegates = !isRaw && context.config.delegatedCredentialSchemes.length > 0;
  for (const entry of [leaf, ...issuers]) checkEntryExtensions(entry, isRaw ? [] : allowed, delegates);
  if (isRaw && issuers.length > 0) throw severalRawPublicKeys();
  const shown = isRaw ? readRawPublicKey(context, leaf.certData) : readPeerIdentity(
    context,
    certificate.certificateList.map((entry) => entry.certData),
    leaf.extensions?.statusRequest,
    leaf.extensions?.signedCertificateTimestamp
  );
  const delegated = leaf.extensions?.delegatedCredential;
  const peer = delegated === void 0 ? shown : readDelegation(context, role, shown, delegated);
  const data = signedContent(role, answered.hash(hash3));
  const verifyMessage = yield* expectMessage("certificateVerify");
  const verify = decodeCertificateVerify(verifyMessage.body);
  verifySignature(context, tls13, peer, verify.algorithm, data, verify.signature, "certificateVerify");
  answered.add(verifyMessage.raw);
  return { ...peer, signatureScheme: verify.algorithm };
}
function severalRawPublicKeys() {
  return illegalParameter(
    "ERR_TLS_RAW_PUBLIC_KEY",
    "certificate: more than one entry, where a raw public key was agreed on",
    "RFC 9846, Section 4.4.2"
  );
}
function checkEntryExtensions(entry, allowed, delegates) {
  for (const type of entry.extensionOrder ?? []) {
    if (allowed.includes(type)) continue;
    if (type === extensionTypes.delegatedCredential) {
      if (delegates) continue;
      throw unsolicitedDelegation();
    }
    throw new PeerError(
      "ERR_TLS_UNSOLICITED_EXTENSION",
      "unsupportedExtension",
      `certificate: extension ${type} was not asked for`,
      { rfc: "RFC 9846, Section 4.4.2" }
    );
  }
}
function entryExtensions(ocsp, scts) {
  const types = [];
  if (ocsp) types.push(extensionTypes.statusRequest);
  if (scts) types.push(extensionTypes.signedCertificateTimestamp);
  return types;
}
function decompress(context, body) {
  const { algorithm: algorithm2, uncompressedLength, compressedCertificateMessage } = decodeCompressedCertificate(body);
  const compression = context.config.certificateCompression.find((own2) => own2.algorithm === algorithm2);
  if (compression === void 0) {
    throw new PeerError(
      "ERR_TLS_CERTIFICATE_COMPRESSION_ALGORITHM",
      "illegalParameter",
      `compressedCertificate: algorithm ${algorithm2} was not offered`,
      { rfc: "RFC 8879, Section 4" }
    );
  }
  const { handshakeMessage } = context.config.limits;
  if (uncompressedLength > handshakeMessage) {
    throw new PeerError(
      "ERR_TLS_CERTIFICATE_COMPRESSION_TOO_LARGE",
      "badCertificate",
      `compressedCertificate: it would take ${uncompressedLength} bytes, where ${handshakeMessage} are allowed`,
      { rfc: "RFC 8879, Section 4" }
    );
  }
  let certificate;
  let cause;
  try {
    certificate = compression.decompress(compressedCertificateMessage, uncompressedLength);
  } catch (error) {
    cause = error;
  }
  if (certificate?.length === uncompressedLength) return certificate;
  throw new PeerError(
    "ERR_TLS_CERTIFICATE_COMPRESSION_FAILED",
    "badCertificate",
    "compressedCertificate: it does not decompress to the length that it states",
    { rfc: "RFC 8879, Section 4", cause }
  );
}
function checkFinished(received2, expected) {
  if (constantTimeEqual(received2, expected)) return;
  if (received2.length < expected.length) {
    throw decodeError(`finished: it has ${received2.length} bytes, not ${expected.length}`, "RFC 9846, Section 6.2");
  }
  throw new PeerError(
    "ERR_TLS_FINISHED",
    "decryptError",
    "finished: the verify_data is wrong: the two sides have not seen the same handshake",
    { phase: "finished", rfc: "RFC 9846, Section 4.4.4" }
  );
}

// src/handshake/certificate12.ts
function certificateBody12(credential) {
  if (credential === void 0) return encodeCertificate12([]);
  const { rawPublicKey, chain } = credential;
  return rawPublicKey === void 0 ? encodeCertificate12(chain) : encodeRawPublicKey12(rawPublicKey);
}
function readCertificateBody12(context, body, type, scts) {
  if (type === "rawPublicKey") {
    const spki = decodeRawPublicKey12(body);
    return spki && readRawPublicKey(context, spki);
  }
  const chain = decodeCertificate12(body, context.config.limits.certificateChain);
  return chain.length === 0 ? void 0 : readPeerIdentity(context, chain, void 0, scts);
}

// src/handshake/hello-terms12.ts
function checkHelloTerms12(config, extensions, message) {
  if (extensions.renegotiationInfo !== void 0 && extensions.renegotiationInfo.length > 0) {
    throw new PeerError(
      "ERR_TLS_RENEGOTIATION_INFO",
      "handshakeFailure",
      `${message}: renegotiation_info is not empty in a first handshake`,
      { rfc: "RFC 5746, Section 3.4" }
    );
  }
  if (extensions.ecPointFormats !== void 0 && !extensions.ecPointFormats.includes(0)) {
    throw illegalParameter(
      "ERR_TLS_POINT_FORMATS",
      `${message}: ec_point_formats lacks the uncompressed format`,
      "RFC 8422, Section 5.1.2"
    );
  }
  const extendedMasterSecret = extensions.extendedMasterSecret === true;
  if (!extendedMasterSecret && config.requireExtendedMasterSecret) {
    throw new PeerError(
      "ERR_TLS_NO_EXTENDED_MASTER_SECRET",
      "handshakeFailure",
      `${message}: it lacks extended_master_secret, which this side requires`,
      { rfc: "RFC 7627, Section 5.1" }
    );
  }
  return extendedMasterSecret;
}

// src/crypto/prf12.ts
var labels2 = new Map(
  ["master secret", "extended master secret", "key expansion", "client finished", "server finished"].map((label2) => [
    label2,
    fromText(label2)
  ])
);
var scratch = new Uint8Array(48 + 208);
function prf12(crypto, hash3, secret, label2, seed, length) {
  const block3 = hashLength(hash3);
  const key = crypto.prepareHmac(hash3, secret);
  const labelBytes = labels2.get(label2) ?? fromText(label2);
  const inputLength = block3 + labelBytes.length + seed.length;
  const input = inputLength <= scratch.length ? scratch.subarray(0, inputLength) : new Uint8Array(inputLength);
  input.set(labelBytes, block3);
  input.set(seed, block3 + labelBytes.length);
  const output = new Uint8Array(length);
  let a = key.sign(input.subarray(block3));
  for (let at2 = 0; ; ) {
    input.set(a);
    const part = key.sign(input);
    for (let i = 0; i < block3 && at2 < length; i++, at2++) output[at2] = part[i];
    zeroize(part);
    if (at2 === length) break;
    const next = key.sign(a);
    zeroize(a);
    a = next;
  }
  zeroize(a, input);
  key.destroy();
  return output;
}

// src/handshake/key-schedule12.ts
function masterSecret(crypto, suite, premasterSecret, randoms, sessionHash) {
  const secret = sessionHash === void 0 ? prf12(crypto, suite.hash, premasterSecret, "master secret", concat(randoms.client, randoms.server), 48) : prf12(crypto, suite.hash, premasterSecret, "extended master secret", sessionHash, 48);
  zeroize(premasterSecret);
  return secret;
}
var MasterSecret = class {
  #crypto;
  #suite;
  #secret;
  #randoms;
  extended;
  /** @param secret 48 bytes, owned by this object from now on. */
  constructor(crypto, suite, secret, randoms, extended) {
    this.#crypto = crypto;
    this.#suite = suite;
    this.#secret = secret;
    this.#randoms = randoms;
    this.extended = extended;
  }
  /** The key block, cut into what each direction uses. */
  keys(encryptThenMac) {
    const suite = this.#suite;
    const macLength = suite.cbc?.macLength ?? 0;
    const length = 2 * (macLength + suite.keyLength + suite.ivLength);
    const seed = concat(this.#randoms.server, this.#randoms.client);
    const block3 = prf12(this.#crypto, suite.hash, this.#secret, "key expansion", seed, length);
    const keysAt = 2 * macLength;
    const ivsAt = keysAt + 2 * suite.keyLength;
    const side = (i) => ({
      version: 771,
      suite,
      epoch: "application",
      secretName: "masterSecret",
      key: cut(block3, keysAt + i * suite.keyLength, suite.keyLength),
      iv: cut(block3, ivsAt + i * suite.ivLength, suite.ivLength),
      macKey: macLength === 0 ? void 0 : cut(block3, i * macLength, macLength),
      encryptThenMac: macLength !== 0 && encryptThenMac
    });
    const keys = { client: side(0), server: side(1) };
    zeroize(block3);
    return keys;
  }
  /** The verify_data of a Finished: 12 bytes (RFC 5246, Section 7.4.9). */
  finished(side, transcriptHash) {
    return prf12(this.#crypto, this.#suite.hash, this.#secret, `${side} finished`, transcriptHash, 12);
  }
  /** Keying material for a program (RFC 5705, Section 4). An absent context is not an empty one. */
  exportKeyingMaterial(length, label2, context) {
    if (!this.extended) {
      throw new TlsError(
        "ERR_TLS_NO_EXTENDED_MASTER_SECRET",
        "internalError",
        "exportKeyingMaterial: this connection has no extended master secret, so what came out would not be its own",
        { rfc: "RFC 7627, Section 5.4" }
      );
    }
    if (["client finished", "server finished", "master secret", "key expansion", "extended master secret"].includes(label2)) {
      throw new ConfigError(
        `exportKeyingMaterial: the label ${JSON.stringify(label2)} is one of TLS itself; choose another`
      );
    }
    const seed = new Writer(128).bytes(this.#randoms.client).bytes(this.#randoms.server);
    if (context !== void 0) seed.vector16(context);
    return prf12(this.#crypto, this.#suite.hash, this.#secret, label2, seed.finish(), length);
  }
  /** A copy of the secret, for a session that can be resumed. */
  forSession() {
    return this.#secret.slice();
  }
  destroy() {
    zeroize(this.#secret);
  }
};
function cut(block3, at2, length) {
  return block3.slice(at2, at2 + length);
}

// src/wire/key-update.ts
function encodeKeyUpdate(updateRequested) {
  return Uint8Array.of(updateRequested ? 1 : 0);
}
function decodeKeyUpdate(body) {
  const reader = new Reader(body, "keyUpdate");
  const request2 = reader.u8();
  reader.end();
  if (request2 > 1) {
    throw illegalParameter(
      "ERR_TLS_KEY_UPDATE_VALUE",
      `keyUpdate: request_update is ${request2}, where 0 and 1 are defined`,
      "RFC 9846, Section 4.6.3"
    );
  }
  return request2 === 1;
}

// src/handshake/post-handshake.ts
var KeyUpdates = class {
  #context;
  #agreement;
  #secrets;
  #own;
  #requested = false;
  constructor(context, agreement, secrets, own2) {
    this.#context = context;
    this.#agreement = agreement;
    this.#secrets = secrets;
    this.#own = own2;
  }
  /** Sends a KeyUpdate, then writes under the next keys. Asks the peer for its own only while no request is open. */
  send(requestPeer) {
    const { output } = this.#context;
    const request2 = requestPeer && !this.#requested;
    this.#requested ||= request2;
    output.sendMessage("keyUpdate", frameMessage("keyUpdate", encodeKeyUpdate(request2)));
    this.#secrets.nextTrafficSecret(this.#own);
    output.setWriteKeys(applicationKeys(this.#agreement.suite, this.#own, this.#secrets));
  }
  /** Reads under the peer's next keys, and answers a request. */
  receive(message) {
    const updateRequested = decodeKeyUpdate(message.body);
    const peer = this.#own === "client" ? "server" : "client";
    this.#secrets.nextTrafficSecret(peer);
    this.#context.output.setReadKeys(applicationKeys(this.#agreement.suite, peer, this.#secrets));
    if (!updateRequested) {
      this.#requested = false;
      return;
    }
    this.#context.output.answerKeyUpdate(() => this.send(false));
  }
};
function unexpectedAfterHandshake(message) {
  return new PeerError(
    "ERR_TLS_UNEXPECTED_MESSAGE",
    "unexpectedMessage",
    `${message.type}: this message may not come after the handshake`,
    { phase: "connected", rfc: "RFC 9846, Section 4.6" }
  );
}
function noRenegotiation() {
  return new PeerError(
    "ERR_TLS_RENEGOTIATION",
    "noRenegotiation",
    "the peer asked for a new handshake on this connection (renegotiation), which is refused",
    { phase: "connected", rfc: "RFC 5246, Section 7.2.2" }
  );
}
function notInThisVersion(call) {
  return new TlsError("ERR_TLS_STATE", "internalError", `${call} needs a TLS 1.3 connection`);
}
function exportKeyingMaterial13(secrets, length, label2, context) {
  return secrets.exportKeyingMaterial(length, label2, context ?? noBytes);
}

// src/handshake/post-handshake12.ts
function establish12(agreement, master) {
  return {
    agreement,
    exportKeyingMaterial: (length, label2, context) => master.exportKeyingMaterial(length, label2, context),
    due: [],
    // biome-ignore lint/correctness/useYield: every message is refused at once
    *receive(message) {
      if (message.type === "helloRequest" || message.type === "clientHello") throw noRenegotiation();
      throw unexpectedAfterHandshake(message);
    },
    updateKeys() {
      throw notInThisVersion("updateKeys");
    },
    // biome-ignore lint/correctness/useYield: TLS 1.2 would need a renegotiation
    *requestClientCertificate() {
      throw notInThisVersion("requestClientCertificate");
    },
    latePeer: () => void 0,
    destroy: () => master.destroy()
  };
}

// src/handshake/result.ts
function resumedAgreement(state2, now) {
  const { group, peerSignatureScheme, extendedMasterSecret, peerCertificates, peerNotAfter } = state2;
  return {
    version: tls12,
    suite: now.suite,
    group: groupName(group),
    signatureScheme: void 0,
    peerSignatureScheme: peerSignatureScheme || void 0,
    serverName: now.serverName,
    alpnProtocol: now.alpnProtocol,
    resumption: now.resumption,
    extendedMasterSecret,
    earlyData: "none",
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates,
    peerRawPublicKey: state2.peerRawPublicKey,
    ownRawPublicKey: state2.ownRawPublicKey,
    peerNotAfter,
    ocspResponse: now.ocspResponse,
    scts: now.scts,
    sessionId: now.sessionId
  };
}

// src/handshake/rsa-premaster.ts
function* readRsaPremaster(context, { signer }, ciphertext, clientVersion) {
  const random2 = context.config.random(48).slice();
  const block3 = yield* request("decryptPremaster", { signer, ciphertext });
  const premaster = unpadPremaster(block3 ?? new Uint8Array(64), clientVersion, random2);
  zeroize(block3, random2);
  return premaster;
}
function unpadPremaster(block3, clientVersion, fallback) {
  const separator = block3.length - 49;
  let bad = block3[0] | block3[1] ^ 2 | block3[separator];
  for (let i = 2; i < separator; i++) bad |= isZero(block3[i]);
  bad |= block3[separator + 1] ^ clientVersion >>> 8;
  bad |= block3[separator + 2] ^ clientVersion & 255;
  const mask = isZero(bad) - 1 & 255;
  const premaster = new Uint8Array(48);
  for (let i = 0; i < 48; i++) {
    premaster[i] = block3[separator + 1 + i] & ~mask | fallback[i] & mask;
  }
  return premaster;
}
function isZero(value) {
  return value - 1 >>> 31 & 1;
}

// src/handshake/session-server12.ts
function* resumableSession(context, hello, extendedMasterSecret) {
  const { config } = context;
  const ticket = hello.extensions.sessionTicket;
  const byTicket = config.resumption.ticket && ticket !== void 0 && ticket.length > 0;
  const byId = !byTicket && config.resumption.sessionId && hello.legacySessionId.length > 0;
  if (!byTicket && !byId) return { miss: "notOffered" };
  const binding = {
    version: tls12,
    serverName: hello.extensions.serverName,
    config,
    cipherSuites: hello.cipherSuites.filter((code2) => config.cipherSuites.includes(code2)),
    extendedMasterSecret
  };
  const found2 = byTicket ? yield* request("openTicket", { ticket, binding }) : yield* request("lookupSession", { sessionId: hello.legacySessionId, binding });
  const miss = "miss" in found2 ? found2.miss : misfit(context, hello, extendedMasterSecret, found2.state);
  if (miss !== void 0 && "state" in found2) zeroize(found2.state.secret);
  if (miss === "emsMissing") throw resumedWithoutEms();
  if (miss !== void 0 || "miss" in found2) {
    decide(context, "resumption", "miss", miss ?? "unknown");
    return { miss: miss ?? "unknown" };
  }
  const kind2 = byTicket ? "ticket" : "sessionId";
  decide(context, "resumption", kind2, "known, valid and bound to the same policy");
  const suite = cipherSuite(found2.state.cipherSuite);
  return { state: found2.state, kind: kind2, renew: byTicket && found2.renew === true, suite };
}
function misfit({ config }, hello, extendedMasterSecret, state2) {
  if (state2.version !== tls12) return "versionMismatch";
  if (!hello.cipherSuites.includes(state2.cipherSuite)) return "cipherMismatch";
  if (!config.cipherSuites.includes(state2.cipherSuite)) return "cipherMismatch";
  if (state2.serverName !== hello.extensions.serverName) return "policyMismatch";
  if (config.clientCertificate === "require" && isAnonymous(state2)) return "policyMismatch";
  if (!clientTakesSession(hello, state2)) return "policyMismatch";
  if (state2.extendedMasterSecret && !extendedMasterSecret) return "emsMissing";
  if (!state2.extendedMasterSecret && extendedMasterSecret) return "emsMismatch";
  if (!state2.extendedMasterSecret && !config.resumeWithoutExtendedMasterSecret) return "emsAbsent";
  return void 0;
}
function resumedWithoutEms() {
  return new PeerError(
    "ERR_TLS_RESUMED_WITHOUT_EMS",
    "handshakeFailure",
    "clientHello: it resumes a session with the extended master secret, but does not offer the extension",
    { rfc: "RFC 7627, Section 5.3" }
  );
}
function requireClientCertificate12({ config }) {
  if (config.clientCertificate !== "require") return;
  throw new PeerError(
    "ERR_TLS_CERTIFICATE_REQUIRED",
    "handshakeFailure",
    "the client showed no certificate, and this server requires one",
    { rfc: "RFC 5246, Section 7.4.6" }
  );
}

// src/handshake/server12.ts
function* serverHandshake12(context, received2) {
  const { hello, message } = received2;
  const terms = readTerms(context, received2);
  const transcript = new Transcript(context.crypto);
  transcript.add(message.raw);
  const resumed = yield* resumableSession(context, hello, terms.extendedMasterSecret);
  if ("state" in resumed) return yield* abbreviatedHandshake(context, received2, terms, transcript, resumed);
  const { credential, suite, group, scheme } = yield* selectCredential(context, hello);
  const asksClient = context.config.clientCertificate !== "none";
  const clientType = asksClient ? typeForClient(context.config, hello, true) : void 0;
  const resumable = terms.extendedMasterSecret || context.config.resumeWithoutExtendedMasterSecret;
  const offersTicket = resumable && context.config.resumption.ticket && hello.extensions.sessionTicket !== void 0;
  const sessionId = resumable && !offersTicket && context.config.resumption.sessionId ? context.config.random(32).slice() : noBytes;
  const full = { credential, clientType };
  const serverType = certificateTypeOf(credential);
  const randoms = sendServerHello(context, transcript, hello, terms, suite, sessionId, offersTicket, full, serverType);
  sendMessage(context, transcript, "certificate", certificateBody12(credential));
  if (terms.ocsp && credential.rawPublicKey === void 0 && credential.ocspResponse !== void 0) {
    sendMessage(context, transcript, "certificateStatus", encodeCertificateStatus(credential.ocspResponse));
  }
  const exchange = group === void 0 ? void 0 : context.crypto.keyExchange(group)?.generate();
  if (exchange !== void 0) untilEnd(context, exchange);
  if (exchange !== void 0 && scheme !== void 0) {
    yield* sendServerKeyExchange(context, transcript, credential, scheme, randoms, exchange.group, exchange.share);
  }
  if (asksClient) sendCertificateRequest(context, transcript);
  sendMessage(context, transcript, "serverHelloDone", noBytes);
  const client = clientType === void 0 ? void 0 : yield* readClientCertificate(context, transcript, clientType);
  const keyExchange = yield* expectMessage("clientKeyExchange");
  const premaster = exchange === void 0 ? yield* readRsaPremaster(context, credential, decodeClientKeyExchangeRsa(keyExchange.body), hello.legacyVersion) : exchange.finish(decodeClientKeyExchangeEcdhe(keyExchange.body));
  transcript.add(keyExchange.raw);
  const sessionHash = terms.extendedMasterSecret ? transcript.hash(suite.hash) : void 0;
  const secret = masterSecret(context.crypto, suite, premaster, randoms, sessionHash);
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, terms.extendedMasterSecret)
  );
  logSecret(context, "CLIENT_RANDOM", randoms.client, secret);
  const peerScheme = client && (yield* readCertificateVerify(context, transcript, client));
  let peerNotAfter;
  if (client !== void 0) {
    peerNotAfter = yield* verifyPeer(context, "client", tls12, client, void 0);
    decide(context, "clientCertificate", "accepted", "the host trusts it");
  }
  const keys = master.keys(terms.encryptThenMac);
  yield* readFinished(context, transcript, suite, master, keys.client);
  const agreement = {
    version: tls12,
    suite,
    group,
    signatureScheme: scheme,
    peerSignatureScheme: peerScheme,
    serverName: hello.extensions.serverName,
    alpnProtocol: terms.alpnProtocol,
    resumption: "none",
    extendedMasterSecret: terms.extendedMasterSecret,
    earlyData: "none",
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates: client?.chain ?? [],
    peerRawPublicKey: client?.rawPublicKey,
    ownRawPublicKey: credential.rawPublicKey !== void 0,
    peerNotAfter,
    ocspResponse: void 0,
    scts: void 0,
    sessionId
  };
  if (offersTicket) {
    yield* sendTicket(context, transcript, newState(context, agreement, master, void 0));
  } else if (sessionId.length > 0) {
    const state2 = newState(context, agreement, master, void 0);
    context.output.onFatalAlert(() => context.config.resumption.forgetSession(sessionId));
    yield* request("storeSession", { sessionId, state: state2, config: context.config });
    zeroize(state2.secret);
  }
  sendFinished(context, transcript, suite, master, keys.server);
  transcript.drop();
  return establish12(agreement, master);
}
function* abbreviatedHandshake(context, { hello }, terms, transcript, { state: state2, kind: kind2, renew, suite }) {
  const sessionId = hello.legacySessionId.slice();
  const randoms = sendServerHello(
    context,
    transcript,
    hello,
    terms,
    suite,
    sessionId,
    renew,
    void 0,
    sessionTypeOf(state2)
  );
  const secret = state2.secret.slice();
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, state2.extendedMasterSecret)
  );
  zeroize(state2.secret);
  logSecret(context, "CLIENT_RANDOM", randoms.client, secret);
  const keys = master.keys(terms.encryptThenMac);
  const agreement = resumedAgreement(state2, {
    suite,
    serverName: hello.extensions.serverName,
    alpnProtocol: terms.alpnProtocol,
    resumption: kind2,
    ocspResponse: void 0,
    scts: void 0,
    sessionId
  });
  if (renew) yield* sendTicket(context, transcript, newState(context, agreement, master, state2));
  sendFinished(context, transcript, suite, master, keys.server);
  yield* readFinished(context, transcript, suite, master, keys.client);
  if (kind2 === "sessionId") context.output.onFatalAlert(() => context.config.resumption.forgetSession(sessionId));
  transcript.drop();
  return establish12(agreement, master);
}
function readTerms({ config }, { hello }) {
  const { extensions } = hello;
  const extendedMasterSecret = checkHelloTerms12(config, extensions, "clientHello");
  return {
    extendedMasterSecret,
    secureRenegotiation: extensions.renegotiationInfo !== void 0 || hello.cipherSuites.includes(emptyRenegotiationInfoScsv),
    encryptThenMac: extensions.encryptThenMac === true && config.encryptThenMac,
    alpnProtocol: chooseAlpn(extensions.alpn, config, extensions.serverName),
    ocsp: extensions.statusRequest?.type === 1,
    scts: extensions.signedCertificateTimestamp === true
  };
}
var sha1Schemes = /* @__PURE__ */ new Set([
  signatureSchemeCodes.rsa_pkcs1_sha1,
  signatureSchemeCodes.ecdsa_sha1
]);
function* selectCredential(context, hello) {
  const { config, crypto } = context;
  const { extensions } = hello;
  const signatureSchemes2 = (extensions.signatureAlgorithms ?? []).filter(
    (code2) => !sha1Schemes.has(code2) || config.signatureSchemes.includes(code2)
  );
  const offeredGroups = extensions.supportedGroups ?? [groupCode("secp256r1")];
  const groups2 = commonGroups(offeredGroups, config, tls12);
  const group = groups2.find((name2) => crypto.keyExchange(name2) !== void 0);
  const common = hello.cipherSuites.filter((code2) => config.cipherSuites.includes(code2)).map(cipherSuite).filter((suite2) => suite2?.version === tls12 && (suite2.keyExchange !== "ecdhe" || group !== void 0));
  const authentication = [...new Set(common.map((suite2) => suite2?.authentication ?? "rsa"))];
  const staticRsa = common.some((suite2) => suite2?.keyExchange === "rsa");
  const chosen = authentication.length === 0 ? void 0 : yield* request("selectCredential", {
    role: "server",
    version: tls12,
    serverName: extensions.serverName,
    signatureSchemes: signatureSchemes2,
    certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes2,
    certificateTypes: typesForServer(hello),
    delegatedSchemes: noSchemes,
    authentication,
    staticRsa,
    groups: groups2,
    certificateAuthorities: extensions.certificateAuthorities ?? [],
    credentials: config.credentials,
    config
  });
  const credential = chosen?.delegation === void 0 ? chosen : void 0;
  const scheme = credential && chooseSignatureScheme(credential.signer, signatureSchemes2, tls12);
  const suite = credential && chooseCipherSuite(hello.cipherSuites, config, (candidate) => {
    if (candidate.version !== tls12 || candidate.authentication !== authenticationOf(credential)) return false;
    if (candidate.keyExchange === "rsa") {
      return credential.signer.decryptRaw !== void 0 && credential.signer.keyType === "rsa";
    }
    return group !== void 0 && scheme !== void 0;
  });
  if (credential === void 0 || suite === void 0) {
    refuseTypes(hello, config.credentials);
    throw new PeerError(
      "ERR_TLS_NO_SHARED_CIPHER",
      "handshakeFailure",
      "no common TLS 1.2 cipher suite that a key and a group of this server can serve",
      { rfc: "RFC 5246, Section 7.4.1.3" }
    );
  }
  decide(
    context,
    "cipherSuite",
    suite.name,
    config.preferServerOrder ? "the server's first that fits" : "the client's first that fits"
  );
  decide(
    context,
    "credential",
    credential.identity ?? credential.signer.keyType,
    "fits the name, the suite and the signature schemes"
  );
  if (suite.keyExchange === "rsa") return { credential, suite, group: void 0, scheme: void 0 };
  decide(context, "group", group, "the first common group");
  decide(
    context,
    "signatureScheme",
    signatureScheme(scheme)?.name ?? "",
    "first of the key that the client accepts"
  );
  return { credential, suite, group, scheme };
}
function sendServerHello(context, transcript, hello, terms, suite, sessionId, willSendTicket, full, serverType) {
  const { config, output } = context;
  const random2 = config.random(32).slice();
  if (config.maxVersion === tls13) random2.set(downgradeSentinel12, 24);
  const offered = hello.extensions;
  const certified = full?.credential.rawPublicKey === void 0 ? full?.credential : void 0;
  const extensions = {
    serverName: full !== void 0 && offered.serverName !== void 0 ? true : void 0,
    renegotiationInfo: terms.secureRenegotiation ? noBytes : void 0,
    extendedMasterSecret: terms.extendedMasterSecret ? true : void 0,
    ecPointFormats: full !== void 0 && suite.keyExchange === "ecdhe" && offered.ecPointFormats !== void 0 ? Uint8Array.of(0) : void 0,
    sessionTicket: willSendTicket ? true : void 0,
    alpn: terms.alpnProtocol,
    statusRequest: terms.ocsp && certified?.ocspResponse !== void 0 ? true : void 0,
    signedCertificateTimestamp: terms.scts && certified?.scts?.length ? [...certified.scts] : void 0,
    clientCertificateType: answeredClientType(hello, full?.clientType, full !== void 0),
    serverCertificateType: answeredServerType(hello, serverType),
    encryptThenMac: terms.encryptThenMac && suite.cbc !== void 0 ? true : void 0,
    recordSizeLimit: void 0
  };
  if (offered.recordSizeLimit !== void 0) {
    extensions.recordSizeLimit = ownRecordSizeLimit(config.recordSizeLimit, tls12);
    output.setRecordSizeLimits(offered.recordSizeLimit, extensions.recordSizeLimit);
  }
  const body = encodeServerHello12({
    legacyVersion: tls12,
    random: random2,
    legacySessionIdEcho: sessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions
  });
  sendMessage(context, transcript, "serverHello", body);
  decide(
    context,
    "extendedMasterSecret",
    terms.extendedMasterSecret ? "yes" : "no",
    terms.extendedMasterSecret ? "the client offers it" : "the client does not offer it"
  );
  return { client: hello.random.slice(), server: random2 };
}
function* sendServerKeyExchange(context, transcript, { signer }, scheme, randoms, groupNameOf, publicKey) {
  const group = groupCode(groupNameOf);
  const params = encodeServerEcdhParams(group, publicKey);
  const data = new Uint8Array(64 + params.length);
  data.set(randoms.client);
  data.set(randoms.server, 32);
  data.set(params, 64);
  const signature = yield* request("sign", { signer, scheme, data });
  const body = encodeServerKeyExchange({ group, publicKey, algorithm: scheme, signature });
  sendMessage(context, transcript, "serverKeyExchange", body);
}
function sendCertificateRequest(context, transcript) {
  const { signatureSchemes: signatureSchemes2, certificateAuthorities } = context.config;
  const body = encodeCertificateRequest12({
    certificateTypes: Uint8Array.of(1, 64),
    signatureAlgorithms: signatureSchemes2.filter((code2) => signatureScheme(code2)?.tls12),
    certificateAuthorities: [...certificateAuthorities]
  });
  sendMessage(context, transcript, "certificateRequest", body);
}
function* readClientCertificate(context, transcript, type) {
  const message = yield* expectMessage("certificate");
  transcript.add(message.raw);
  const client = readCertificateBody12(context, message.body, type);
  if (client !== void 0) return client;
  requireClientCertificate12(context);
  decide(context, "clientCertificate", "none", "the client showed none, and none is required");
  return void 0;
}
function* readCertificateVerify(context, transcript, client) {
  const message = yield* expectMessage("certificateVerify");
  const { algorithm: algorithm2, signature } = decodeCertificateVerify(message.body);
  verifySignature(context, tls12, client, algorithm2, transcript.bytes(), signature, "certificateVerify");
  transcript.add(message.raw);
  return algorithm2;
}
function* readFinished(context, transcript, suite, master, keys) {
  const expected = master.finished("client", transcript.hash(suite.hash));
  yield* expectChangeCipherSpec();
  context.output.setReadKeys(keys);
  const finished = yield* expectMessage("finished");
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
}
function sendFinished(context, transcript, suite, master, keys) {
  context.output.sendChangeCipherSpec();
  context.output.setWriteKeys(keys);
  sendMessage(context, transcript, "finished", master.finished("server", transcript.hash(suite.hash)));
}
function newState({ config }, agreement, master, resumed) {
  const now = config.now();
  const { resumption: resumption2 } = config;
  return sessionState({
    version: tls12,
    cipherSuite: agreement.suite.code,
    secret: master.forSession(),
    policyDigest: resumption2.policyDigest({
      serverName: agreement.serverName,
      version: tls12,
      cipherHash: agreement.suite.hash,
      extendedMasterSecret: agreement.extendedMasterSecret
    }),
    createdAt: resumed?.createdAt ?? now,
    issuedAt: now,
    lifetime: resumption2.lifetime,
    extendedMasterSecret: agreement.extendedMasterSecret,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    peerCertificates: agreement.peerCertificates,
    peerRawPublicKey: agreement.peerRawPublicKey,
    ownRawPublicKey: agreement.ownRawPublicKey,
    peerNotAfter: resumed?.peerNotAfter ?? agreement.peerNotAfter,
    group: agreement.group === void 0 ? 0 : groupCode(agreement.group),
    peerSignatureScheme: agreement.peerSignatureScheme ?? 0
  });
}
function* sendTicket(context, transcript, state2) {
  const sealed = yield* request("sealTicket", { state: state2, config: context.config });
  zeroize(state2.secret);
  const body = encodeNewSessionTicket12({
    ticketLifetimeHint: sealed?.lifetime ?? 0,
    ticket: sealed?.ticket ?? noBytes
  });
  sendMessage(context, transcript, "newSessionTicket", body);
}

// src/wire/encrypted-extensions.ts
var encryptedExtensionsTable = {
  serverName: flag,
  supportedGroups: codeList16,
  alpn: selectedProtocol,
  clientCertificateType: code8,
  serverCertificateType: code8,
  recordSizeLimit: code16,
  ticketRequest: expectedTickets,
  earlyData: flag,
  encryptedClientHello: echRetryConfigs
};
function encodeEncryptedExtensions(message) {
  const writer = Writer.passing(64);
  encodeExtensions(writer, encryptedExtensionsTable, message);
  return writer.finish();
}
function decodeEncryptedExtensions(body) {
  const reader = new Reader(body, "encryptedExtensions");
  const message = decodeExtensions(reader, encryptedExtensionsTable, "encryptedExtensions");
  reader.end();
  return message;
}

// src/handshake/client-hello13.ts
function checkClientHello({ hello }) {
  const { extensions } = hello;
  if (hello.legacyCompressionMethods.length !== 1) {
    throw illegalParameter(
      "ERR_TLS_COMPRESSION",
      "clientHello: legacy_compression_methods is not the null method alone",
      "RFC 9846, Section 4.1.2"
    );
  }
  if (extensions.preSharedKey !== void 0) {
    if (extensions.pskKeyExchangeModes === void 0)
      throw missingExtension("psk_key_exchange_modes", "RFC 9846, Section 4.2.9");
  } else if (extensions.signatureAlgorithms === void 0) {
    throw missingExtension("signature_algorithms", "RFC 9846, Section 9.2", "ERR_TLS_NO_SIGNATURE_SCHEME");
  }
  const pskOnly = extensions.preSharedKey !== void 0 && extensions.pskKeyExchangeModes?.includes(0);
  if (pskOnly && extensions.supportedGroups === void 0 && extensions.keyShare === void 0) return;
  if (extensions.supportedGroups === void 0) {
    throw missingExtension("supported_groups", "RFC 9846, Section 9.2", "ERR_TLS_NO_SHARED_GROUP");
  }
  if (extensions.keyShare === void 0)
    throw missingExtension("key_share", "RFC 9846, Section 9.2", "ERR_TLS_MISSING_KEY_SHARE");
}
function missingExtension(extension, rfc, code2 = "ERR_TLS_MISSING_EXTENSION") {
  return new PeerError(code2, "missingExtension", `clientHello: the extension ${extension} is missing`, { rfc });
}
function* agreeOnShare(context, transcript, first, suite, group) {
  const { config, output } = context;
  const has2 = (shares) => shares?.some((share) => share.group === groupCode(group));
  const lacksShare = group !== void 0 && !has2(first.hello.extensions.keyShare);
  if (!lacksShare && !config.retryCookie) return { received: first, retried: false };
  decide(
    context,
    "helloRetryRequest",
    group ?? "cookie",
    lacksShare ? "the client sent no share of this group" : "the server asks for a cookie"
  );
  const { hello, ech } = first;
  const firstBody = first.message.body.slice();
  const cookie2 = config.retryCookie ? config.random(32) : void 0;
  transcript.add(first.message.raw);
  transcript.replaceWithMessageHash(suite.hash);
  const retry2 = encodeHelloRetryRequest({
    legacyVersion: tls12,
    random: helloRetryRequestRandom,
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: tls13,
      keyShare: lacksShare ? groupCode(group) : void 0,
      cookie: cookie2,
      // A rejection looks no different (RFC 9849, Section 10.10.4).
      encryptedClientHello: ech && config.random(confirmationLength)
    }
  });
  if (ech?.accepted) confirmHelloRetryRequest(context.crypto, suite.hash, transcript, hello, retry2);
  sendMessage(context, transcript, "serverHello", retry2);
  if (hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  if (hello.extensions.earlyData) output.skipEarlyData("untilClientHello");
  const second = openSecondClientHello(ech, yield* receiveClientHello());
  checkClientHello(second);
  checkSecondHello(context, firstBody, second, group, cookie2);
  return { received: second, retried: true };
}
var mayChange = /* @__PURE__ */ new Set([
  extensionTypes.keyShare,
  extensionTypes.cookie,
  extensionTypes.earlyData,
  extensionTypes.preSharedKey,
  extensionTypes.padding,
  extensionTypes.encryptedClientHello
]);
function checkSecondHello({ config }, firstBody, { hello, message }, group, cookie2) {
  const { extensions } = hello;
  const refuse = (what, code2 = "ERR_TLS_SECOND_CLIENT_HELLO") => illegalParameter(code2, `clientHello after helloRetryRequest: ${what}`, "RFC 9846, Section 4.1.2");
  if (group !== void 0) {
    const shares = extensions.keyShare ?? [];
    const hasShare = shares.some((share) => share.group === groupCode(group));
    if (!hasShare || shares.length !== 1 && !config.retryCookie) {
      throw refuse(`it does not have exactly one share, of ${group}`, "ERR_TLS_GROUP");
    }
  }
  if (cookie2 !== void 0 && !constantTimeEqual(extensions.cookie ?? noBytes, cookie2)) {
    throw refuse("it does not echo the cookie", "ERR_TLS_COOKIE");
  }
  if (extensions.earlyData) throw refuse("it offers early data again");
  const first = outlineClientHello(firstBody);
  const second = outlineClientHello(message.body);
  if (!equal(first.fields, second.fields)) throw refuse("it changes what may not change");
  for (const type of /* @__PURE__ */ new Set([...first.extensions.keys(), ...second.extensions.keys()])) {
    if (mayChange.has(type) || !isKnownClientHelloExtension(type)) continue;
    const before = first.extensions.get(type);
    const now = second.extensions.get(type);
    if (before === void 0 || now === void 0 || !equal(before, now)) {
      throw refuse(`it changes extension ${type}, which may not change`);
    }
  }
}

// src/handshake/post-handshake-server.ts
var EstablishedServer13 = class {
  agreement;
  due;
  #context;
  #secrets;
  #keyUpdates;
  /** Kept where the client may still be asked for a certificate. */
  #transcript;
  /** What the client may show when it is asked later; nothing where it has nothing that this server takes. */
  #clientType;
  #late;
  /** Requests for a certificate that the client has not answered yet. */
  #requests = void 0;
  constructor(context, agreement, hello, secrets, transcript, resumed, clientType) {
    this.agreement = agreement;
    this.#context = context;
    this.#clientType = clientType;
    this.#secrets = secrets;
    this.#keyUpdates = new KeyUpdates(context, agreement, secrets, "server");
    const count2 = ticketCount(context, hello, resumed);
    const masterSecret2 = count2 > 0 ? secrets.resumptionMasterSecret(transcript.hash(agreement.suite.hash)) : void 0;
    this.due = masterSecret2 === void 0 ? [] : [sendTickets(context, agreement, count2, masterSecret2, resumed)];
    secrets.endSchedule();
    if (hello.extensions.postHandshakeAuth === true) this.#transcript = transcript;
    else transcript.drop();
  }
  exportKeyingMaterial(length, label2, context) {
    return exportKeyingMaterial13(this.#secrets, length, label2, context);
  }
  // biome-ignore lint/correctness/useYield: most messages are handled at once
  *receive(message) {
    if (message.type !== "keyUpdate") throw unexpectedAfterHandshake(message);
    this.#keyUpdates.receive(message);
  }
  updateKeys(requestPeer) {
    this.#keyUpdates.send(requestPeer);
  }
  *requestClientCertificate() {
    if (this.#transcript === void 0) {
      throw notToBeAsked("did not offer post_handshake_auth", "RFC 9846, Section 4.6.2");
    }
    if (this.#clientType === void 0) {
      throw notToBeAsked("has no certificate of a type that this server takes", "RFC 7250, Section 4.2");
    }
    this.#requests ??= /* @__PURE__ */ new Map();
    const transcript = this.#transcript.fork();
    sendCertificateRequest2(this.#context, transcript, this.#requests);
    this.#late = yield* authenticateClient(
      this.#context,
      this.agreement,
      this.#secrets,
      this.#requests,
      this.#clientType
    );
  }
  latePeer() {
    return this.#late;
  }
  destroy() {
    this.#secrets.destroy();
    this.#transcript?.drop();
  }
};
function notToBeAsked(why, rfc) {
  return new PeerError(
    "ERR_TLS_NO_POST_HANDSHAKE_AUTH",
    "internalError",
    `the client ${why}, so it may not be asked for a certificate now`,
    { rfc }
  );
}
function sendCertificateRequest2(context, transcript, requests) {
  const requestContext = context.config.random(16);
  const raw = frameMessage("certificateRequest", certificateRequestBody(context, requestContext));
  transcript.add(raw);
  requests.set(toHex(requestContext), transcript);
  context.output.sendMessage("certificateRequest", raw);
}
function* authenticateClient(context, { suite }, secrets, requests, type) {
  const answered = {};
  const transcriptOf = (requestContext) => {
    const name2 = toHex(requestContext);
    answered.transcript = requests.get(name2);
    requests.delete(name2);
    return answered.transcript;
  };
  const client = yield* readCertificate(context, transcriptOf, suite.hash, "client", type, []);
  const transcript = answered.transcript;
  const expected = secrets.finished("client", transcript.hash(suite.hash));
  transcript.drop();
  const finished = yield* expectMessage("finished");
  checkFinished(finished.body, expected);
  if (client === void 0) {
    requireCertificate(context);
    return { peerCertificates: [], peerRawPublicKey: void 0 };
  }
  yield* verifyPeer(context, "client", tls13, client, void 0);
  return { peerCertificates: client.chain, peerRawPublicKey: client.rawPublicKey };
}
function ticketCount({ config }, hello, resumed) {
  const { resumption: resumption2 } = config;
  const modes = hello.extensions.pskKeyExchangeModes;
  const usable = modes?.includes(1) || resumption2.allowPskOnly && modes?.includes(0);
  if (!resumption2.psk || !usable) return 0;
  if (resumed !== void 0 && config.now() >= resumed.createdAt + 1e3 * resumption2.lifetime) return 0;
  const wanted = hello.extensions.ticketRequest;
  const standard = resumed === void 0 ? resumption2.ticketCount : resumption2.ticketCountResumed;
  const asked = resumed === void 0 ? wanted?.newSessionCount : wanted?.resumptionCount;
  return asked === void 0 ? standard : Math.min(asked, resumption2.ticketCount);
}
function randomU32({ random: random2 }) {
  const [a = 0, b = 0, c = 0, d = 0] = random2(4);
  return (a << 24 | b << 16 | c << 8 | d) >>> 0;
}
function* sendTickets({ config, crypto, output }, agreement, count2, resumptionMasterSecret, resumed) {
  const { resumption: resumption2 } = config;
  const { suite, serverName, alpnProtocol } = agreement;
  const now = config.now();
  const createdAt = resumed?.createdAt ?? now;
  const policy = { serverName, version: tls13, cipherHash: suite.hash, extendedMasterSecret: true };
  const policyDigest2 = resumption2.policyDigest(policy);
  const extensions = resumption2.maxEarlyData > 0 ? { earlyData: resumption2.maxEarlyData } : {};
  const earlyContext = resumption2.maxEarlyData > 0 ? earlyDataContext(crypto, { alpnProtocol, cipherSuite: suite.code, serverName }) : noBytes;
  try {
    for (let i = 0; i < count2; i++) {
      const ticketNonce = Uint8Array.of(i);
      const ticketAgeAdd = randomU32(config);
      const state2 = sessionState({
        version: tls13,
        cipherSuite: suite.code,
        secret: resumptionPsk(crypto, suite.hash, resumptionMasterSecret, ticketNonce),
        policyDigest: policyDigest2,
        createdAt,
        issuedAt: now,
        lifetime: resumption2.lifetime,
        serverName,
        alpnProtocol,
        peerCertificates: agreement.peerCertificates,
        peerRawPublicKey: agreement.peerRawPublicKey,
        ownRawPublicKey: agreement.ownRawPublicKey,
        peerNotAfter: agreement.peerNotAfter,
        earlyDataContext: earlyContext,
        ticketAgeAdd,
        maxEarlyDataSize: resumption2.maxEarlyData,
        peerSignatureScheme: agreement.peerSignatureScheme ?? 0
      });
      const sealed = yield* request("sealTicket", { state: state2, config });
      zeroize(state2.secret);
      if (sealed === void 0) return;
      const { ticket, lifetime: ticketLifetime } = sealed;
      const body = encodeNewSessionTicket13({ ticketLifetime, ticketAgeAdd, ticketNonce, ticket, extensions });
      output.sendMessage("newSessionTicket", frameMessage("newSessionTicket", body));
    }
  } finally {
    zeroize(resumptionMasterSecret);
  }
}

// src/handshake/psk-server.ts
var pskKe = 0;
var pskDheKe = 1;
function* selectPsk(context, transcript, received2, preferred, retried) {
  const { config } = context;
  const { cipherSuites: cipherSuites2, extensions } = received2.hello;
  const offer = extensions.preSharedKey;
  if (offer === void 0 || !config.resumption.psk) return void 0;
  const keyExchange = chooseMode(context, received2);
  if (keyExchange === void 0) {
    decide(context, "resumption", "none", "no common PSK key exchange mode");
    return void 0;
  }
  const other = retried ? void 0 : chooseCipherSuite(cipherSuites2, config, ({ version: version2, hash: hash3 }) => version2 === tls13 && hash3 !== preferred.hash);
  const looked = Math.min(offer.identities.length, config.limits.pskIdentities);
  for (let index = 0; index < looked; index++) {
    const identity = offer.identities[index];
    const known3 = yield* lookUp2(context, received2.hello, identity, preferred, other);
    if ("miss" in known3) {
      decide(context, "resumption", "miss", known3.miss);
      continue;
    }
    const { suite } = known3;
    if (suite !== preferred) decide(context, "cipherSuite", suite.name, "the first of the PSK's hash");
    const early = untilEnd(context, new EarlySecrets(context.crypto, suite.hash, known3.key));
    if (known3.kind === "res") zeroize(known3.key);
    checkBinder(early.binder(known3.kind, boundHash(transcript, received2, suite)), received2, index);
    decide(
      context,
      "resumption",
      known3.kind === "res" ? "psk" : "externalPsk",
      "known, valid and bound to the same policy"
    );
    const { kind: kind2, state: state2 } = known3;
    const { obfuscatedTicketAge: obfuscatedTicketAge2 } = identity;
    return { index, identity: identity.identity, suite, early, keyExchange, kind: kind2, state: state2, obfuscatedTicketAge: obfuscatedTicketAge2 };
  }
  return void 0;
}
function chooseMode(context, { hello }) {
  const modes = hello.extensions.pskKeyExchangeModes;
  if (modes?.includes(pskDheKe) && hello.extensions.keyShare !== void 0) return "psk_dhe_ke";
  if (modes?.includes(pskKe) && context.config.resumption.allowPskOnly) return "psk_ke";
  return void 0;
}
function* lookUp2(context, hello, { identity }, preferred, other) {
  const { config } = context;
  const { serverName } = hello.extensions;
  const cipherHash = other === void 0 ? preferred.hash : void 0;
  const binding = { version: tls13, serverName, config, cipherHash };
  const found2 = yield* request("lookupPsk", { identity, binding });
  if ("miss" in found2) return found2;
  const { key, kind: kind2, hash: hash3, state: state2 } = found2;
  const miss = (reason) => {
    if (kind2 === "res") zeroize(key);
    return { miss: reason };
  };
  const suite = hash3 === preferred.hash ? preferred : other;
  if (suite === void 0) return miss("cipherMismatch");
  if (state2 !== void 0 && state2.version !== tls13) return miss("versionMismatch");
  if (state2 !== void 0 && !clientTakesSession(hello, state2)) return miss("policyMismatch");
  const anonymous = state2 === void 0 || isAnonymous(state2);
  if (kind2 === "res" && config.clientCertificate === "require" && anonymous) return miss("policyMismatch");
  return { key, kind: kind2, state: state2, suite };
}
function boundHash(transcript, { hello, message }, suite) {
  const binders = hello.extensions.preSharedKey?.binders ?? [];
  return transcript.hashWith(suite.hash, message.raw.subarray(0, truncatedLength(message.raw, binders)));
}
function checkBinder(expected, { hello }, index) {
  const binder = hello.extensions.preSharedKey?.binders[index];
  if (binder !== void 0 && constantTimeEqual(binder, expected)) return;
  throw new PeerError(
    "ERR_TLS_PSK_BINDER",
    "decryptError",
    "clientHello: the PSK binder is wrong: the client does not hold the key of the identity that it names",
    { rfc: "RFC 9846, Section 4.2.11.2" }
  );
}

// src/handshake/server13.ts
function* serverHandshake13(context, first) {
  const { config, crypto, output } = context;
  checkClientHello(first);
  const transcript = new Transcript(crypto);
  const preferred = selectCipherSuite(context, first);
  const groups2 = commonGroups(first.hello.extensions.supportedGroups ?? [], config, tls13);
  const group = selectGroup(context, first, groups2);
  const { received: received2, retried } = yield* agreeOnShare(context, transcript, first, preferred, group);
  const { hello, message, ech } = received2;
  const psk = yield* selectPsk(context, transcript, received2, preferred, retried);
  const suite = psk?.suite ?? preferred;
  const useGroup = psk?.keyExchange === "psk_ke" ? void 0 : group;
  if (psk === void 0 && useGroup === void 0) {
    throw missingExtension("key_share", "RFC 9846, Section 9.2", "ERR_TLS_MISSING_KEY_SHARE");
  }
  const asksClient = psk === void 0 && config.clientCertificate !== "none";
  const clientType = typeForClient(config, hello, asksClient);
  const alpnProtocol = chooseAlpn(hello.extensions.alpn, config, hello.extensions.serverName);
  const earlyData = yield* decideEarlyData(context, hello, psk, alpnProtocol, suite, retried);
  const credential = psk === void 0 ? yield* selectCredential2(context, hello, groups2) : void 0;
  const scheme = credential && schemeFor(
    context,
    credential,
    hello.extensions.signatureAlgorithms ?? [],
    hello.extensions.delegatedCredential ?? noSchemes
  );
  transcript.add(message.raw);
  if (earlyData === "accepted" && psk !== void 0) readEarlyData(context, suite, psk, transcript, hello.random);
  const sharedSecret2 = sendServerHello2(context, transcript, received2, suite, useGroup, psk);
  if (!retried && hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  const helloHash = transcript.hash(suite.hash);
  const secrets = untilEnd(
    context,
    psk?.early.handshakeSecrets(sharedSecret2, helloHash) ?? handshakeSecretsWithoutPsk(crypto, suite.hash, sharedSecret2, helloHash)
  );
  logHandshakeSecrets(context, hello.random, secrets);
  output.setWriteKeys(handshakeKeys(suite, "server", secrets));
  if (earlyData !== "accepted") {
    output.setReadKeys(handshakeKeys(suite, "client", secrets));
    if (earlyData === "rejected" && !retried) output.skipEarlyData("trialDecryption");
  }
  const serverType = credential === void 0 ? sessionTypeOf(psk?.state) : certificateTypeOf(credential);
  const answers2 = {
    alpn: alpnProtocol,
    earlyData: earlyData === "accepted",
    clientCertificateType: answeredClientType(hello, clientType, asksClient),
    serverCertificateType: answeredServerType(hello, serverType)
  };
  sendEncryptedExtensions(context, transcript, received2, answers2, psk !== void 0);
  if (asksClient) sendCertificateRequest3(context, transcript);
  if (credential !== void 0 && scheme !== void 0) {
    sendCertificate(context, transcript, credential, certificateWishes(hello));
    yield* sendCertificateVerify(context, transcript, suite.hash, "server", credential, scheme);
  }
  sendMessage(context, transcript, "finished", secrets.serverFinished(transcript.hash(suite.hash)));
  const application = untilFailure(context, secrets.applicationSecrets(transcript.hash(suite.hash)));
  logApplicationSecrets(context, hello.random, application);
  output.setWriteKeys(applicationKeys(suite, "server", application));
  output.allowWriting();
  if (earlyData === "accepted") {
    const end = yield* expectMessage("endOfEarlyData");
    refuseBody("endOfEarlyData", end.body);
    transcript.add(end.raw);
    output.endEarlyData(true);
    output.setReadKeys(handshakeKeys(suite, "client", secrets));
  }
  const client = asksClient && clientType !== void 0 ? yield* readClientCertificate2(context, transcript, suite, clientType) : void 0;
  const expected = secrets.clientFinished(transcript.hash(suite.hash));
  const finished = yield* expectMessage("finished");
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  output.setReadKeys(applicationKeys(suite, "client", application));
  secrets.destroy();
  const agreement = {
    version: tls13,
    suite,
    group: useGroup,
    signatureScheme: scheme,
    peerSignatureScheme: client?.signatureScheme ?? (psk?.state?.peerSignatureScheme || void 0),
    serverName: hello.extensions.serverName,
    alpnProtocol,
    resumption: psk === void 0 ? "none" : psk.kind === "res" ? "psk" : "externalPsk",
    extendedMasterSecret: true,
    earlyData,
    helloRetryRequest: retried,
    echAccepted: ech?.opened !== void 0,
    peerCertificates: client?.chain ?? psk?.state?.peerCertificates ?? [],
    peerRawPublicKey: client === void 0 ? psk?.state?.peerRawPublicKey : client.rawPublicKey,
    ownRawPublicKey: serverType === "rawPublicKey",
    peerNotAfter: client?.peerNotAfter ?? psk?.state?.peerNotAfter,
    ocspResponse: void 0,
    scts: void 0,
    sessionId: hello.legacySessionId.slice()
  };
  return new EstablishedServer13(context, agreement, hello, application, transcript, psk?.state, clientType);
}
function selectCipherSuite(context, { hello }) {
  const suite = chooseCipherSuite(hello.cipherSuites, context.config, ({ version: version2 }) => version2 === tls13);
  if (suite === void 0) {
    throw new PeerError(
      "ERR_TLS_NO_SHARED_CIPHER",
      "handshakeFailure",
      "no common TLS 1.3 cipher suite: the server enables none that the client offers",
      { rfc: "RFC 9846, Section 4.1.1" }
    );
  }
  decide(
    context,
    "cipherSuite",
    suite.name,
    context.config.preferServerOrder ? "the server's first" : "the client's first"
  );
  return suite;
}
function selectGroup(context, { hello }, groups2) {
  const group = groups2.find((name2) => context.crypto.keyExchange(name2) !== void 0);
  if (group !== void 0 || hello.extensions.supportedGroups === void 0) return group;
  throw new PeerError(
    "ERR_TLS_NO_SHARED_GROUP",
    "handshakeFailure",
    "no common key exchange group: the server enables none that the client supports",
    { rfc: "RFC 9846, Section 4.1.1" }
  );
}
function* selectCredential2(context, hello, groups2) {
  const { extensions } = hello;
  const signatureSchemes2 = extensions.signatureAlgorithms;
  if (signatureSchemes2 === void 0) {
    throw missingExtension("signature_algorithms", "RFC 9846, Section 4.2.3", "ERR_TLS_NO_SIGNATURE_SCHEME");
  }
  const credential = yield* request("selectCredential", {
    role: "server",
    version: tls13,
    serverName: extensions.serverName,
    signatureSchemes: signatureSchemes2,
    certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes2,
    certificateTypes: typesForServer(hello),
    delegatedSchemes: extensions.delegatedCredential ?? noSchemes,
    groups: groups2,
    certificateAuthorities: extensions.certificateAuthorities ?? [],
    credentials: context.config.credentials,
    config: context.config
  });
  if (credential === void 0) {
    refuseTypes(hello, context.config.credentials);
    throw new PeerError(
      "ERR_TLS_NO_SIGNATURE_SCHEME",
      "handshakeFailure",
      "no certificate fits: no key here makes a signature that the client accepts",
      { rfc: "RFC 9846, Section 4.4.2.2" }
    );
  }
  decide(
    context,
    "credential",
    credential.identity ?? credential.signer.keyType,
    "fits the name and the signature schemes"
  );
  return credential;
}
function* decideEarlyData(context, hello, psk, alpnProtocol, suite, retried) {
  const offered = hello.extensions.earlyData === true;
  if (!offered && !retried) return "none";
  const reject = (reason) => {
    decide(context, "earlyData", "rejected", reason);
    return "rejected";
  };
  if (retried) return offered ? reject("a HelloRetryRequest was needed") : "none";
  if (psk === void 0) return reject("no PSK was selected");
  if (psk.index !== 0) return reject("the selected PSK is not the first");
  if (psk.state === void 0 || psk.state.maxEarlyDataSize === 0) return reject("the ticket allows none");
  if (context.config.resumption.maxEarlyData === 0) return reject("the server allows none");
  if (psk.state.cipherSuite !== suite.code) return reject("the cipher suite is another");
  if (psk.state.alpnProtocol !== alpnProtocol) return reject("the application protocol is another");
  const { identity, state: state2, obfuscatedTicketAge: obfuscatedTicketAge2 } = psk;
  const binding = { version: tls13, serverName: hello.extensions.serverName, config: context.config };
  const claim = { identity, state: state2, obfuscatedTicketAge: obfuscatedTicketAge2, binding, alpnProtocol };
  const answer2 = yield* request("claimEarlyData", claim);
  if (!answer2.accepted) return reject(answer2.refusal);
  decide(context, "earlyData", "accepted", "first use of a fresh ticket");
  return "accepted";
}
function readEarlyData(context, suite, { early, state: state2 }, transcript, clientRandom) {
  const { output } = context;
  const secret = early.clientEarlyTrafficSecret(transcript.hash(suite.hash));
  logSecret(context, "CLIENT_EARLY_TRAFFIC_SECRET", clientRandom, secret);
  output.setReadKeys(earlyKeys(suite, secret));
  zeroize(secret);
  const exporter = early.earlyExporter(transcript.hash(suite.hash));
  logSecret(context, "EARLY_EXPORTER_SECRET", clientRandom, exporter.secret);
  output.beginEarlyData(state2?.maxEarlyDataSize ?? 0, exporter);
}
function sendServerHello2(context, transcript, { hello, ech }, suite, group, psk) {
  const { config, crypto } = context;
  const exchange = group === void 0 ? void 0 : crypto.keyExchange(group);
  const code2 = group === void 0 ? void 0 : groupCode(group);
  const clientShare = hello.extensions.keyShare?.find((share) => share.group === code2)?.keyExchange;
  if (exchange !== void 0) decide(context, "group", exchange.group, "the first common group");
  const answer2 = clientShare === void 0 ? void 0 : exchange?.respond(clientShare);
  const keyShare = answer2 && code2 !== void 0 ? { group: code2, keyExchange: answer2.share } : void 0;
  const body = encodeServerHello13({
    legacyVersion: tls12,
    random: config.random(32),
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.code,
    legacyCompressionMethod: 0,
    extensions: { supportedVersions: tls13, keyShare, preSharedKey: psk?.index }
  });
  if (ech?.accepted) confirmServerHello(crypto, suite.hash, transcript, hello, body);
  sendMessage(context, transcript, "serverHello", body);
  return answer2?.secret;
}
function sendEncryptedExtensions(context, transcript, { hello, ech }, answers2, resumed) {
  const { config, output } = context;
  const offered = hello.extensions;
  const extensions = {
    // "When resuming a session, the server MUST NOT include a server_name extension" (RFC 6066, Section 3).
    serverName: offered.serverName !== void 0 && !resumed ? true : void 0,
    alpn: answers2.alpn,
    clientCertificateType: answers2.clientCertificateType,
    serverCertificateType: answers2.serverCertificateType,
    earlyData: answers2.earlyData ? true : void 0,
    encryptedClientHello: ech?.retryConfigs,
    recordSizeLimit: void 0,
    ticketRequest: void 0
  };
  if (offered.recordSizeLimit !== void 0) {
    extensions.recordSizeLimit = ownRecordSizeLimit(config.recordSizeLimit, tls13);
    output.setRecordSizeLimits(offered.recordSizeLimit, extensions.recordSizeLimit);
  }
  if (offered.ticketRequest !== void 0 && config.resumption.psk) {
    const wanted = offered.ticketRequest.newSessionCount;
    extensions.ticketRequest = Math.min(wanted, config.resumption.ticketCount);
  }
  sendMessage(context, transcript, "encryptedExtensions", encodeEncryptedExtensions({ extensions }));
}
function sendCertificateRequest3(context, transcript) {
  sendMessage(context, transcript, "certificateRequest", certificateRequestBody(context, noBytes));
}
function certificateRequestBody({ config }, certificateRequestContext) {
  const compression = config.certificateCompression.map(({ algorithm: algorithm2 }) => algorithm2);
  return encodeCertificateRequest13({
    certificateRequestContext,
    extensions: {
      signatureAlgorithms: [...config.signatureSchemes],
      signatureAlgorithmsCert: config.certificateSignatureSchemes && [...config.certificateSignatureSchemes],
      delegatedCredential: config.delegatedCredentialSchemes.length > 0 ? [...config.delegatedCredentialSchemes] : void 0,
      certificateAuthorities: config.certificateAuthorities.length > 0 ? [...config.certificateAuthorities] : void 0,
      compressCertificate: compression.length > 0 ? compression : void 0
    }
  });
}
function certificateWishes({ extensions }) {
  return {
    ocsp: extensions.statusRequest?.type === 1,
    scts: extensions.signedCertificateTimestamp === true,
    compression: extensions.compressCertificate ?? []
  };
}
function* readClientCertificate2(context, transcript, suite, type) {
  const client = yield* readCertificate(context, transcript, suite.hash, "client", type, entryExtensions(false, false));
  if (client !== void 0) {
    const peerNotAfter = yield* verifyPeer(context, "client", tls13, client, void 0);
    decide(context, "clientCertificate", "accepted", "the host trusts it");
    return { ...client, peerNotAfter };
  }
  requireCertificate(context);
  decide(context, "clientCertificate", "none", "the client showed none, and none is required");
  return void 0;
}
function requireCertificate({ config }) {
  if (config.clientCertificate !== "require") return;
  throw new PeerError(
    "ERR_TLS_CERTIFICATE_REQUIRED",
    "certificateRequired",
    "the client showed no certificate, and this server requires one",
    { rfc: "RFC 9846, Section 4.4.2.4" }
  );
}
function refuseBody(message, body) {
  if (body.length === 0) return;
  throw new PeerError("ERR_TLS_DECODE", "decodeError", `${message}: it has a body`, { rfc: "RFC 9846, Section 4.5" });
}

// src/handshake/server.ts
function serverHandshake(context) {
  return wipingSecrets(context, handshake);
}
function* handshake(initial) {
  const received2 = openClientHello(initial, yield* receiveClientHello());
  const { hello } = received2;
  const selected = yield* request("selectConfig", describe(received2));
  const { crypto, output, secrets } = initial;
  const context = selected === void 0 ? initial : { config: selected, crypto, output, secrets };
  refuseFallback(hello, context.config);
  const version2 = chooseVersion(hello, context.config);
  decide(context, "version", versionName(version2), "the highest that both sides speak");
  context.output.setVersion(version2);
  return version2 === tls13 ? yield* serverHandshake13(context, received2) : yield* serverHandshake12(context, received2);
}
function* receiveClientHello() {
  return readClientHello(yield* expectMessage("clientHello"));
}
function readClientHello(message) {
  const hello = decodeClientHello(message.body);
  if (!hello.legacyCompressionMethods.includes(0)) {
    throw illegalParameter(
      "ERR_TLS_COMPRESSION",
      "clientHello: the compression methods lack the null method",
      "RFC 5246, Section 7.4.1.2"
    );
  }
  checkRecordSizeLimit(hello.extensions.recordSizeLimit, "clientHello");
  return { hello, message, ech: void 0 };
}
function describe({ hello, message }) {
  const { extensions } = hello;
  return {
    serverName: extensions.serverName,
    alpnProtocols: extensions.alpn ?? [],
    cipherSuites: hello.cipherSuites,
    groups: extensions.supportedGroups ?? [],
    signatureSchemes: extensions.signatureAlgorithms ?? [],
    supportedVersions: offeredVersions(hello),
    raw: message.raw
  };
}
function refuseFallback(hello, config) {
  if (!hello.cipherSuites.includes(fallbackScsv)) return;
  if (offeredVersions(hello).some((version2) => version2 >= config.maxVersion && version2 <= tls13)) return;
  throw new PeerError(
    "ERR_TLS_INAPPROPRIATE_FALLBACK",
    "inappropriateFallback",
    `clientHello: TLS_FALLBACK_SCSV, but this server speaks ${versionName(config.maxVersion)}: somebody may have made the client fall back`,
    { rfc: "RFC 7507, Section 3" }
  );
}

// src/record/content-type.ts
var contentTypes = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23
};
function isContentType(type) {
  return type >= contentTypes.changeCipherSpec && type <= contentTypes.applicationData;
}

// src/wire/alert.ts
function encodeAlert(name2) {
  const warning = name2 === "closeNotify" || name2 === "userCanceled" || name2 === "noRenegotiation";
  return Uint8Array.of(warning ? 1 : 2, alertCodes[name2]);
}
function decodeAlert(fragment) {
  if (fragment.length !== 2) throw decodeError("alert: it has not exactly two bytes", "RFC 9846, Section 5.1");
  const level = fragment[0];
  const description = fragment[1];
  return { level, description, name: alertName(description) };
}

// src/engine/alerts.ts
var AlertReader = class {
  #maxWarnings;
  #warnings = 0;
  constructor(maxWarnings) {
    this.#maxWarnings = maxWarnings;
  }
  /** Something other than an alert came. */
  reset() {
    this.#warnings = 0;
  }
  /** Throws {@link AlertReceivedError} for a fatal alert, `PeerError` for one that may not be. */
  read(fragment, isTls13, phase) {
    const alert = readAlert(fragment);
    const { level, description, name: name2 } = alert;
    if (level === 2) throw new AlertReceivedError(description, phase);
    if (level !== 1) {
      throw illegalParameter("ERR_TLS_ALERT_LEVEL", `an alert of level ${level}; 1 and 2 exist`, "RFC 9846, Section 6");
    }
    if (name2 === "closeNotify") return { alert, meaning: "closeNotify" };
    if (isTls13 && name2 !== "userCanceled") {
      throw new PeerError(
        "ERR_TLS_BAD_ALERT",
        "decodeError",
        `the alert ${name2 ?? description} came as a warning, which TLS 1.3 does not have`,
        { rfc: "RFC 9846, Section 6" }
      );
    }
    this.#warnings++;
    if (this.#warnings > this.#maxWarnings) {
      throw new PeerError(
        "ERR_TLS_TOO_MANY_WARNINGS",
        "unexpectedMessage",
        `more than ${this.#maxWarnings} warning alerts in a row`
      );
    }
    return { alert, meaning: "ignored" };
  }
};
function readAlert(fragment) {
  try {
    return decodeAlert(fragment);
  } catch (cause) {
    throw new PeerError("ERR_TLS_BAD_ALERT", "decodeError", "an alert record does not hold exactly one alert", {
      rfc: "RFC 9846, Section 5.1",
      cause
    });
  }
}

// src/engine/connection-info.ts
function connectionInfo(established) {
  const { agreement } = established;
  const { suite, resumption: resumption2 } = agreement;
  const { peerCertificates, peerRawPublicKey } = established.latePeer() ?? agreement;
  return {
    version: agreement.version,
    cipherSuite: suite.code,
    cipherSuiteName: suite.name,
    group: agreement.group,
    signatureScheme: agreement.signatureScheme,
    peerSignatureScheme: agreement.peerSignatureScheme,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    resumed: resumption2 !== "none" && resumption2 !== "externalPsk",
    resumption: resumption2,
    extendedMasterSecret: agreement.extendedMasterSecret,
    earlyData: agreement.earlyData,
    helloRetryRequest: agreement.helloRetryRequest,
    echAccepted: agreement.echAccepted,
    peerCertificates,
    peerRawPublicKey,
    ocspResponse: agreement.ocspResponse,
    scts: agreement.scts,
    sessionId: agreement.sessionId
  };
}

// src/engine/flows.ts
var Flows = class {
  #tasks = [];
  #nextRequest = 1;
  #ended = false;
  /** How many flows are not done yet. */
  get open() {
    return this.#tasks.length;
  }
  /** Starts a flow, and runs it until it waits. */
  begin(flow) {
    const task = { flow, wait: void 0, asked: void 0, done: false, result: void 0 };
    this.#tasks.push(task);
    try {
      this.#step(task, flow.next());
    } catch (error) {
      this.#remove(task);
      throw error;
    }
    return task;
  }
  /** Gives a flow what it waits for, and runs it until it waits again. */
  resume(task, value) {
    this.#step(task, task.flow.next(value));
  }
  /** Lets a flow fail where it waits. */
  resumeWithError(task, error) {
    this.#step(task, task.flow.throw(error));
  }
  /** The next request that the host was not asked yet; from now on it counts as asked. */
  nextRequest() {
    for (const task of this.#tasks) {
      if (task.wait?.for !== "host" || task.asked !== void 0) continue;
      task.asked = this.#nextRequest++;
      return { id: task.asked, request: task.wait.request };
    }
    return void 0;
  }
  /** The flow whose request has this id. */
  asking(id) {
    for (const task of this.#tasks) if (task.asked === id) return task;
    return void 0;
  }
  /** The flow that waits for a message of this type. */
  waitingFor(type) {
    for (const task of this.#tasks) if (waitsFor(task, type)) return task;
    return void 0;
  }
  /** A flow that goes on without the message that it would take. */
  waitingForOptional() {
    for (const task of this.#tasks) if (task.wait?.for === "message" && task.wait.optional) return task;
    return void 0;
  }
  /** A flow whose peer is inside a sequence of messages: it waits for another one than a Certificate, which begins one. */
  insideSequence() {
    for (const task of this.#tasks) {
      if (task.wait?.for === "message" && !task.wait.expected.includes("certificate")) return task;
    }
    return void 0;
  }
  /** Ends all flows: each runs what it has to clean up. */
  end() {
    this.#ended = true;
    for (const { flow } of this.#tasks.splice(0)) {
      try {
        flow.return(void 0);
      } catch {
      }
    }
  }
  /** Takes note of where a flow has stopped. */
  #step(task, { done, value }) {
    if (this.#ended) return;
    task.asked = void 0;
    if (!done) {
      task.wait = value;
      return;
    }
    task.wait = void 0;
    task.done = true;
    task.result = value;
    this.#remove(task);
  }
  #remove(task) {
    this.#tasks = this.#tasks.filter((other) => other !== task);
  }
};
function waitsFor(task, expectation2) {
  return task.wait?.for === "message" && task.wait.expected.includes(expectation2);
}

// src/record/protection.ts
var headerLength = 5;
var maxContentLength = 16384;
var maxCiphertextLength12 = maxContentLength + 2048;
function put32(out, at2, value) {
  out[at2] = value >>> 24;
  out[at2 + 1] = value >>> 16;
  out[at2 + 2] = value >>> 8;
  out[at2 + 3] = value;
}
var RecordIv = class {
  first;
  second;
  third;
  constructor(iv) {
    const part = (at2) => iv[at2] << 24 | iv[at2 + 1] << 16 | iv[at2 + 2] << 8 | iv[at2 + 3];
    this.first = part(0);
    this.second = part(4);
    this.third = part(8);
  }
  /** Writes the first four bytes. */
  writeFixed(nonce4) {
    put32(nonce4, 0, this.first);
  }
  destroy() {
    this.first = 0;
    this.second = 0;
    this.third = 0;
  }
};
var SequenceNumber = class {
  #high;
  #low;
  /** @param high and `low` 32 bits each; records start at 0. */
  constructor(high = 0, low = 0) {
    this.#high = high;
    this.#low = low;
  }
  /** Writes the eight bytes, most significant first. */
  writeTo(out, at2) {
    put32(out, at2, this.#high);
    put32(out, at2 + 4, this.#low);
  }
  /** The nonce of a record: the number, padded on the left to 12 bytes, XOR the IV (RFC 9846, Section 5.3). */
  nonceTo(nonce4, iv) {
    put32(nonce4, 0, iv.first);
    put32(nonce4, 4, iv.second ^ this.#high);
    put32(nonce4, 8, iv.third ^ this.#low);
  }
  /** Throws once the numbers are used up: "Sequence numbers … MUST NOT wrap" (RFC 9846, Section 5.3). */
  check() {
    if (this.#low !== 4294967295 || this.#high !== 4294967295) return;
    throw new TlsError(
      "ERR_TLS_SEQUENCE_OVERFLOW",
      "internalError",
      "the sequence numbers of this key are used up; the connection must be made anew",
      { phase: "record", rfc: "RFC 9846, Section 5.3" }
    );
  }
  /** Goes on to the next number. */
  advance() {
    if (this.#low === 4294967295) {
      this.#low = 0;
      this.#high++;
    } else {
      this.#low++;
    }
  }
};
function writeHeader(out, at2, type, version2, length) {
  out[at2] = type;
  out[at2 + 1] = version2 >>> 8;
  out[at2 + 2] = version2;
  out[at2 + 3] = length >>> 8;
  out[at2 + 4] = length;
}
function writeAdditionalData(out, sequence, type, length) {
  sequence.writeTo(out, 0);
  writeHeader(out, 8, type, 771, length);
}
var additionalDataLength = 13;

// src/record/protection-cbc.ts
var blockLength2 = 16;
function createCbcReadProtection(crypto, suite, keys, sequence) {
  const prepared = prepareKeys(crypto, suite, keys);
  return keys.encryptThenMac === true ? new EncryptThenMacRead(prepared, suite.macLength, sequence) : new MacThenEncryptRead(crypto, prepared, suite, sequence);
}
function createCbcWriteProtection(crypto, suite, keys, sequence) {
  const encryptThenMac = keys.encryptThenMac === true;
  return new CbcWrite(crypto, prepareKeys(crypto, suite, keys), suite.macLength, encryptThenMac, sequence);
}
function prepareKeys(crypto, suite, keys) {
  if (keys.macKey?.length !== suite.macLength) throw new RangeError(`the MAC key has ${suite.macLength} bytes`);
  return { cipher: crypto.createCbc(suite.cipher, keys.key), mac: crypto.prepareHmac(suite.mac, keys.macKey) };
}
function destroyKeys(keys) {
  keys.cipher.destroy();
  keys.mac.destroy();
}
function recordMac(mac, sequence, type, data) {
  const input = new Uint8Array(additionalDataLength + data.length);
  writeAdditionalData(input, sequence, type, data.length);
  input.set(data, additionalDataLength);
  return mac.sign(input);
}
var EncryptThenMacRead = class {
  version = 771;
  maxCiphertextLength = maxCiphertextLength12;
  #keys;
  #macLength;
  #sequence;
  constructor(keys, macLength, sequence) {
    this.#keys = keys;
    this.#macLength = macLength;
    this.#sequence = sequence;
  }
  open(record) {
    this.#sequence.check();
    const macAt = record.length - this.#macLength;
    const sealed = record.subarray(headerLength, Math.max(macAt, headerLength));
    if (sealed.length < 2 * blockLength2 || sealed.length % blockLength2 !== 0) return void 0;
    const expected = recordMac(this.#keys.mac, this.#sequence, record[0], sealed);
    if (!constantTimeEqual(expected, record.subarray(macAt))) return void 0;
    const plaintext = this.#keys.cipher.decrypt(sealed.subarray(0, blockLength2), sealed.subarray(blockLength2));
    const padding2 = plaintext[plaintext.length - 1];
    const contentLength = plaintext.length - padding2 - 1;
    if (contentLength < 0) return void 0;
    for (let i = contentLength; i < plaintext.length; i++) if (plaintext[i] !== padding2) return void 0;
    this.#sequence.advance();
    return plaintext.subarray(0, contentLength);
  }
  destroy() {
    destroyKeys(this.#keys);
  }
};
var MacThenEncryptRead = class {
  version = 771;
  maxCiphertextLength = maxCiphertextLength12;
  #crypto;
  #keys;
  #hash;
  #macLength;
  #sequence;
  constructor(crypto, keys, suite, sequence) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#hash = suite.mac;
    this.#macLength = suite.macLength;
    this.#sequence = sequence;
  }
  open(record) {
    this.#sequence.check();
    const sealed = record.subarray(headerLength);
    const length = sealed.length - blockLength2;
    if (length < this.#macLength + 1 || length % blockLength2 !== 0) return void 0;
    const plaintext = this.#keys.cipher.decrypt(sealed.subarray(0, blockLength2), sealed.subarray(blockLength2));
    const paddingLength2 = checkPadding2(plaintext, this.#macLength);
    const good = ~(paddingLength2 >> 31);
    const contentLength = length - this.#macLength - 1 - (paddingLength2 & good);
    const received2 = extractMac(plaintext, contentLength, this.#macLength);
    const expected = this.#evenMac(record[0], plaintext, contentLength);
    const macGood = Number(constantTimeEqual(received2, expected));
    if ((good & macGood) === 0) {
      zeroize(plaintext);
      return void 0;
    }
    this.#sequence.advance();
    return plaintext.subarray(0, contentLength);
  }
  destroy() {
    destroyKeys(this.#keys);
  }
  /** The MAC over a content of secret length, with as many hash compressions as the longest possible content takes. */
  #evenMac(type, plaintext, contentLength) {
    const input = new Uint8Array(additionalDataLength + plaintext.length);
    writeAdditionalData(input, this.#sequence, type, contentLength);
    input.set(plaintext, additionalDataLength);
    const mac = this.#keys.mac.sign(input.subarray(0, additionalDataLength + contentLength));
    const longest = compressions(this.#hash, plaintext.length - this.#macLength - 1);
    const missing = longest - compressions(this.#hash, contentLength);
    const block3 = this.#hash === "sha384" ? 128 : 64;
    this.#crypto.hash(this.#hash, dummy.subarray(0, missing * block3));
    zeroize(input);
    return mac;
  }
};
var dummy = new Uint8Array(5 * 128);
function compressions(hash3, contentLength) {
  const input = additionalDataLength + contentLength;
  return hash3 === "sha384" ? input + 17 + 127 >>> 7 : input + 9 + 63 >>> 6;
}
function checkPadding2(plaintext, macLength) {
  const length = plaintext.length;
  const padding2 = plaintext[length - 1];
  let bad = length - macLength - 1 - padding2 >> 31;
  const window = Math.min(256, length);
  for (let i = 0; i < window; i++) {
    const inside = ~(padding2 - i >> 31);
    const difference = plaintext[length - 1 - i] ^ padding2;
    bad |= inside & -difference;
  }
  return padding2 & ~(bad >> 31) | bad >> 31;
}
function extractMac(plaintext, macStart, macLength) {
  const end = plaintext.length;
  const first = Math.max(0, end - macLength - 256);
  const ring = new Uint8Array(macLength);
  let turn = 0;
  for (let i = first, slot = 0; i < end; i++) {
    const after2 = ~(i - macStart >> 31);
    const before = i - macStart - macLength >> 31;
    ring[slot] = ring[slot] | plaintext[i] & after2 & before;
    const isStart = after2 & ~(macStart - i >> 31);
    turn |= slot & isStart;
    slot++;
    if (slot === macLength) slot = 0;
  }
  const mac = new Uint8Array(macLength);
  for (let i = 0; i < macLength; i++) {
    let byte = 0;
    for (let slot = 0; slot < macLength; slot++) {
      const distance = slot - turn - i;
      const wrapped = distance + macLength;
      const here = ~((distance | -distance) >> 31) | ~((wrapped | -wrapped) >> 31);
      byte |= ring[slot] & here;
    }
    mac[i] = byte;
  }
  return mac;
}
var CbcWrite = class {
  version = 771;
  recordsUntilLimit = Infinity;
  #crypto;
  #keys;
  #macLength;
  #encryptThenMac;
  #sequence;
  constructor(crypto, keys, macLength, encryptThenMac, sequence) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#macLength = macLength;
    this.#encryptThenMac = encryptThenMac;
    this.#sequence = sequence;
  }
  recordLength(contentLength) {
    const inside = this.#encryptThenMac ? contentLength : contentLength + this.#macLength;
    const outside = this.#encryptThenMac ? this.#macLength : 0;
    return headerLength + blockLength2 + paddedLength(inside) + outside;
  }
  seal(type, content, _padding, out, at2) {
    this.#sequence.check();
    const { cipher, mac } = this.#keys;
    const length = this.recordLength(content.length);
    writeHeader(out, at2, type, 771, length - headerLength);
    const bodyAt = at2 + headerLength;
    const inside = this.#encryptThenMac ? content.length : content.length + this.#macLength;
    const plaintext = new Uint8Array(paddedLength(inside)).fill(paddedLength(inside) - inside - 1, inside);
    plaintext.set(content);
    if (!this.#encryptThenMac) plaintext.set(recordMac(mac, this.#sequence, type, content), content.length);
    const iv = this.#crypto.random(blockLength2);
    const ciphertext = cipher.encrypt(iv, plaintext);
    out.set(iv, bodyAt);
    out.set(ciphertext, bodyAt + blockLength2);
    if (this.#encryptThenMac) {
      const sealedEnd = bodyAt + blockLength2 + ciphertext.length;
      out.set(recordMac(mac, this.#sequence, type, out.subarray(bodyAt, sealedEnd)), sealedEnd);
    }
    zeroize(plaintext);
    this.#sequence.advance();
    return length;
  }
  destroy() {
    destroyKeys(this.#keys);
  }
};
function paddedLength(length) {
  return length + blockLength2 - length % blockLength2;
}

// src/record/protection12.ts
function createReadProtection12(crypto, suite, keys, sequence = new SequenceNumber()) {
  if (suite.cbc !== void 0) return createCbcReadProtection(crypto, suite.cbc, keys, sequence);
  return new AeadReadProtection12(createAead2(crypto, suite, keys), keys.iv, sequence);
}
function createWriteProtection12(crypto, suite, keys, sequence = new SequenceNumber()) {
  if (suite.cbc !== void 0) return createCbcWriteProtection(crypto, suite.cbc, keys, sequence);
  return new AeadWriteProtection12(createAead2(crypto, suite, keys), keys.iv, sequence);
}
var nonce = new Uint8Array(12);
var additionalData2 = new Uint8Array(additionalDataLength);
function nonceOf(fixed, explicit) {
  fixed.writeFixed(nonce);
  nonce.set(explicit, 4);
}
function createAead2(crypto, suite, keys) {
  if (suite.aead === void 0 || suite.version !== 771)
    throw new RangeError(`${suite.name} is no suite of TLS 1.2`);
  if (keys.iv.length !== suite.ivLength) throw new RangeError(`the IV of ${suite.name} has ${suite.ivLength} bytes`);
  return crypto.createAead(suite.aead, keys.key);
}
function explicitNonceLength(iv) {
  return iv.length === 4 ? 8 : 0;
}
var AeadReadProtection12 = class {
  version = 771;
  maxCiphertextLength = maxCiphertextLength12;
  #aead;
  #iv;
  #explicitLength;
  #sequence;
  constructor(aead, iv, sequence) {
    this.#aead = aead;
    this.#iv = new RecordIv(iv);
    this.#explicitLength = explicitNonceLength(iv);
    this.#sequence = sequence;
  }
  open(record, mayOverwrite) {
    this.#sequence.check();
    const bodyAt = headerLength + this.#explicitLength;
    const contentLength = record.length - bodyAt - this.#aead.tagLength;
    if (contentLength < 0) return void 0;
    if (this.#explicitLength === 0) this.#sequence.nonceTo(nonce, this.#iv);
    else nonceOf(this.#iv, record.subarray(headerLength, bodyAt));
    writeAdditionalData(additionalData2, this.#sequence, record[0], contentLength);
    const content = this.#aead.open(nonce, additionalData2, record.subarray(bodyAt), mayOverwrite);
    if (content !== void 0) this.#sequence.advance();
    return content;
  }
  destroy() {
    this.#aead.destroy();
    this.#iv.destroy();
  }
};
var AeadWriteProtection12 = class {
  version = 771;
  // TLS 1.2 cannot change its keys; the sequence number is the only bound.
  recordsUntilLimit = Infinity;
  #aead;
  #iv;
  #explicitLength;
  #sequence;
  constructor(aead, iv, sequence) {
    this.#aead = aead;
    this.#iv = new RecordIv(iv);
    this.#explicitLength = explicitNonceLength(iv);
    this.#sequence = sequence;
  }
  recordLength(contentLength) {
    return headerLength + this.#explicitLength + contentLength + this.#aead.tagLength;
  }
  seal(type, content, _padding, out, at2) {
    this.#sequence.check();
    const length = this.recordLength(content.length);
    writeHeader(out, at2, type, 771, length - headerLength);
    let bodyAt = at2 + headerLength;
    if (this.#explicitLength === 0) {
      this.#sequence.nonceTo(nonce, this.#iv);
    } else {
      this.#sequence.writeTo(out, bodyAt);
      nonceOf(this.#iv, out.subarray(bodyAt, bodyAt + 8));
      bodyAt += 8;
    }
    writeAdditionalData(additionalData2, this.#sequence, type, content.length);
    this.#aead.seal(nonce, additionalData2, content, out, bodyAt);
    this.#sequence.advance();
    return length;
  }
  destroy() {
    this.#aead.destroy();
    this.#iv.destroy();
  }
};

// src/record/protection13.ts
var gcmRecordLimit = 23726566;
var nonce2 = new Uint8Array(12);
var header = new Uint8Array(headerLength);
var scratch2;
function createReadProtection13(crypto, suite, trafficSecret, sequence = new SequenceNumber()) {
  const { aead, iv } = trafficKeys(crypto, suite, trafficSecret);
  return new ReadProtection13(aead, iv, sequence);
}
function createWriteProtection13(crypto, suite, trafficSecret, sequence = new SequenceNumber()) {
  const { aead, iv, name: name2 } = trafficKeys(crypto, suite, trafficSecret);
  return new WriteProtection13(aead, iv, sequence, name2 === "chacha20poly1305" ? Infinity : gcmRecordLimit);
}
function trafficKeys(crypto, suite, trafficSecret) {
  const name2 = suite.aead;
  if (name2 === void 0 || suite.version !== 772) throw new RangeError(`${suite.name} is no suite of TLS 1.3`);
  const key = hkdfExpandLabel(crypto, suite.hash, trafficSecret, "key", noBytes, suite.keyLength);
  const iv = hkdfExpandLabel(crypto, suite.hash, trafficSecret, "iv", noBytes, suite.ivLength);
  const aead = crypto.createAead(name2, key);
  const recordIv = new RecordIv(iv);
  zeroize(key, iv);
  return { aead, iv: recordIv, name: name2 };
}
var ReadProtection13 = class {
  version = 772;
  // "the length MUST NOT exceed 2^14 + 256 bytes" (RFC 9846, Section 5.2)
  maxCiphertextLength = maxContentLength + 256;
  #aead;
  #iv;
  #sequence;
  constructor(aead, iv, sequence) {
    this.#aead = aead;
    this.#iv = iv;
    this.#sequence = sequence;
  }
  open(record, mayOverwrite) {
    this.#sequence.check();
    this.#sequence.nonceTo(nonce2, this.#iv);
    for (let i = 0; i < headerLength; i++) header[i] = record[i];
    const inner = this.#aead.open(nonce2, header, record.subarray(headerLength), mayOverwrite);
    if (inner !== void 0) this.#sequence.advance();
    return inner;
  }
  destroy() {
    this.#aead.destroy();
    this.#iv.destroy();
  }
};
var WriteProtection13 = class {
  version = 772;
  #aead;
  #iv;
  #sequence;
  #recordsUntilLimit;
  constructor(aead, iv, sequence, recordLimit) {
    this.#aead = aead;
    this.#iv = iv;
    this.#sequence = sequence;
    this.#recordsUntilLimit = recordLimit;
  }
  get recordsUntilLimit() {
    return this.#recordsUntilLimit;
  }
  recordLength(contentLength, padding2) {
    return headerLength + contentLength + 1 + padding2 + this.#aead.tagLength;
  }
  seal(type, content, padding2, out, at2) {
    this.#sequence.check();
    const innerLength = content.length + 1 + padding2;
    scratch2 ??= new Uint8Array(maxContentLength + 1);
    scratch2.set(content);
    scratch2[content.length] = type;
    if (padding2 > 0) scratch2.fill(0, content.length + 1, innerLength);
    writeHeader(header, 0, 23, 771, innerLength + this.#aead.tagLength);
    out.set(header, at2);
    this.#sequence.nonceTo(nonce2, this.#iv);
    const sealed = this.#aead.seal(nonce2, header, scratch2.subarray(0, innerLength), out, at2 + headerLength);
    this.#sequence.advance();
    this.#recordsUntilLimit--;
    return headerLength + sealed;
  }
  destroy() {
    this.#aead.destroy();
    this.#iv.destroy();
  }
};

// src/record/foreign-protocol.ts
var httpRequests = ["GET ", "POST ", "HEAD ", "PUT ", "PATCH", "DELET", "OPTIO", "TRACE", "PRI *"];
function foreignProtocolError(header3) {
  const text = toLatin1(header3);
  if (httpRequests.some((start2) => text.startsWith(start2))) {
    return foreign("ERR_TLS_HTTP_REQUEST", "an HTTP request came in plain text; this port speaks TLS: use https://");
  }
  if (text === "CONNE") {
    return foreign(
      "ERR_TLS_HTTP_PROXY_REQUEST",
      "an HTTP CONNECT request came in; this port is no proxy, it speaks TLS"
    );
  }
  if (text === "HTTP/") {
    return foreign(
      "ERR_TLS_HTTP_RESPONSE",
      "the server answered in plain HTTP; this port does not speak TLS: use http://"
    );
  }
  const [b0 = 0, , b2, b3, b4] = header3;
  if ((b0 & 128) !== 0 && b2 === 1 && (b3 === 3 || b3 === 0 && b4 === 2)) {
    return foreign("ERR_TLS_SSLV2", "the client began with an SSL 2.0 ClientHello, which RFC 6176 forbids", "RFC 6176");
  }
  const shown = /^[\x20-\x7e]{4}/.test(text) ? `; it begins with ${JSON.stringify(text)}` : "";
  return foreign("ERR_TLS_RECORD_VERSION", `the peer does not speak TLS: its first bytes are no record${shown}`);
}
function foreign(code2, message, rfc) {
  return new PeerError(
    code2,
    "protocolVersion",
    message,
    rfc === void 0 ? { phase: "record" } : { phase: "record", rfc }
  );
}

// src/record/input-queue.ts
var maxChunks = 256;
var InputQueue = class {
  /** The chunk being read, and where. */
  #chunk = noBytes;
  #at = 0;
  /** Chunks behind it, from `#next` on. */
  #queue;
  #next = 0;
  #queuedBytes = 0;
  #borrowed = false;
  /** The first bytes of a record that spans chunks. It grows with what arrives, not with what a header claims. */
  #partial = noBytes;
  #have = 0;
  /** Bytes not given out yet. */
  get length() {
    return this.#have + (this.#chunk.length - this.#at) + this.#queuedBytes;
  }
  /** Whether what is taken may be overwritten: all arrays that were pushed are ours. */
  get mayOverwrite() {
    return !this.#borrowed;
  }
  /** Adds bytes. They are kept as a view until they are given out, or {@link detach} is called. */
  push(bytes, mayOverwrite) {
    if (bytes.length === 0) return;
    if (!mayOverwrite) this.#borrowed = true;
    if (this.#at === this.#chunk.length && this.#queuedBytes === 0) {
      this.#chunk = bytes;
      this.#at = 0;
      return;
    }
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queue.length - this.#next >= maxChunks) this.detach();
  }
  /** Copies the five bytes of the next record's header; `false` while they are not all there. */
  readHeader(header3) {
    const chunk = this.#chunk;
    const at2 = this.#at;
    if (this.#have === 0 && at2 + headerLength <= chunk.length) {
      for (let i = 0; i < headerLength; i++) header3[i] = chunk[at2 + i];
      return true;
    }
    const bytes = this.#peek(headerLength);
    if (bytes === void 0) return false;
    header3.set(bytes);
    return true;
  }
  /** Takes the next `length` bytes, header included, or `undefined` while they are not all there. */
  take(length) {
    const bytes = this.#peek(length);
    if (bytes === void 0) return void 0;
    if (this.#have > 0) {
      this.#partial = noBytes;
      this.#have = 0;
    } else {
      this.#at += length;
    }
    return bytes;
  }
  /** Copies what is left of the pushed arrays, so that the caller may use them for something else. */
  detach() {
    const left = this.#chunk.length - this.#at + this.#queuedBytes;
    if (left === 0) {
      this.#chunk = noBytes;
      this.#at = 0;
      return;
    }
    const copy = new Uint8Array(left);
    copy.set(this.#chunk.subarray(this.#at));
    let at2 = this.#chunk.length - this.#at;
    for (const chunk of this.#queue?.slice(this.#next) ?? []) {
      copy.set(chunk, at2);
      at2 += chunk.length;
    }
    this.#queue = void 0;
    this.#next = 0;
    this.#queuedBytes = 0;
    this.#chunk = copy;
    this.#at = 0;
  }
  #peek(length) {
    if (this.#have === 0) {
      const end = this.#at + length;
      if (end <= this.#chunk.length) return this.#chunk.subarray(this.#at, end);
    }
    while (this.#have < length) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) return void 0;
      const count2 = Math.min(length - this.#have, this.#chunk.length - this.#at);
      this.#reserve(this.#have + count2, length);
      this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count2), this.#have);
      this.#have += count2;
      this.#at += count2;
    }
    return this.#partial.subarray(0, length);
  }
  #nextChunk() {
    const chunk = this.#queue?.[this.#next];
    if (chunk === void 0) {
      this.#chunk = noBytes;
      this.#at = 0;
      return false;
    }
    this.#next++;
    this.#queuedBytes -= chunk.length;
    this.#chunk = chunk;
    this.#at = 0;
    if (this.#next === this.#queue?.length) {
      this.#queue = void 0;
      this.#next = 0;
    }
    return true;
  }
  #reserve(need, wanted) {
    if (need <= this.#partial.length) return;
    const capacity = Math.min(wanted, Math.max(512, 2 * need));
    const larger = new Uint8Array(capacity);
    larger.set(this.#partial.subarray(0, this.#have));
    this.#partial = larger;
  }
};

// src/record/record-reader.ts
var maxEmptyRecords = 32;
var { applicationData } = contentTypes;
var plainAlert = headerLength + 2;
var header2 = new Uint8Array(headerLength);
var RecordReader = class {
  #input = new InputQueue();
  #protection;
  #plaintextLimit;
  #first = true;
  #emptyRecords = 0;
  #skip;
  #skippedBytes = 0;
  /** Whether a protected record of the peer was opened: from then on it has keys of its own. */
  #opened = false;
  /** Bytes that were pushed and did not come out yet. */
  get bufferedBytes() {
    return this.#input.length;
  }
  /**
   * Whether bytes are left that {@link next} has not turned into a record. After `next()` returned `undefined` it
   * means that the input ends inside a record.
   */
  get midRecord() {
    return this.#input.length > 0;
  }
  /** Whether records are protected now. */
  get isProtected() {
    return this.#protection !== void 0;
  }
  /**
   * Adds input. The array is kept, not copied: leave it alone until {@link next} returned `undefined`; for good where it
   * `mayOverwrite`, that is where records may be decrypted in their place.
   */
  push(bytes, mayOverwrite = false) {
    this.#input.push(bytes, mayOverwrite);
  }
  /** Copies what is still needed of the pushed arrays: for a caller that reads into one buffer again and again. */
  detach() {
    this.#input.detach();
  }
  /** The keys of the records from here on. The former keys are destroyed. */
  setProtection(protection) {
    this.#protection?.destroy();
    this.#protection = protection;
  }
  /**
   * The limit that we sent in record_size_limit (RFC 8449): bytes of TLSInnerPlaintext in TLS 1.3, that is with content
   * type and padding; of content in TLS 1.2. It holds for protected records only.
   */
  setPlaintextLimit(limit) {
    this.#plaintextLimit = limit;
  }
  /** Drops rejected early data from here on. It ends by itself with the first record that is none. */
  skipEarlyData(skip) {
    this.#skip = skip;
  }
  /** Ends {@link skipEarlyData}. */
  stopSkipping() {
    this.#skip = void 0;
  }
  /**
   * The next record, or `undefined` until more input is pushed. Throws {@link PeerError}:
   * `ERR_TLS_RECORD_VERSION`, `ERR_TLS_HTTP_REQUEST`, `ERR_TLS_HTTP_PROXY_REQUEST`, `ERR_TLS_HTTP_RESPONSE`,
   * `ERR_TLS_SSLV2`, `ERR_TLS_RECORD_OVERFLOW`, `ERR_TLS_BAD_RECORD_MAC`, `ERR_TLS_UNEXPECTED_RECORD`,
   * `ERR_TLS_OUTER_RECORD_TYPE`, `ERR_TLS_EMPTY_RECORD`, `ERR_TLS_TOO_MANY_EMPTY_RECORDS`,
   * `ERR_TLS_TOO_MUCH_SKIPPED_EARLY_DATA`.
   */
  next() {
    for (; ; ) {
      if (!this.#input.readHeader(header2)) return void 0;
      const type = header2[0];
      const version2 = header2[1] << 8 | header2[2];
      const length = header2[3] << 8 | header2[4];
      this.#checkHeader(type, version2, length);
      const bytes = this.#input.take(headerLength + length);
      if (bytes === void 0) return void 0;
      this.#first = false;
      const record = this.#open(bytes, type, version2);
      if (record !== void 0) return record;
    }
  }
  /** Drops input and keys. */
  destroy() {
    this.#protection?.destroy();
    this.#protection = void 0;
  }
  #checkHeader(type, version2, length) {
    const protection = this.#protection;
    const unprotected = protection === void 0 || protection.version === 772 && type !== applicationData;
    if (unprotected ? version2 >>> 8 !== 3 : version2 !== 771) {
      if (this.#first) throw foreignProtocolError(header2);
      const problem2 = `a record says version 0x${version2.toString(16).padStart(4, "0")}`;
      throw recordError("ERR_TLS_RECORD_VERSION", "protocolVersion", problem2, "5.1");
    }
    if (!isContentType(type)) {
      const problem2 = `a record has the unknown content type ${type}`;
      throw recordError("ERR_TLS_UNEXPECTED_RECORD", "unexpectedMessage", problem2, "5");
    }
    const skipping = this.#skip !== void 0 && type === contentTypes.applicationData;
    const plainLimit = skipping ? maxContentLength + 256 : maxContentLength;
    const limit = protection?.maxCiphertextLength ?? plainLimit;
    if (length > limit) throw overflow(`a record of ${length} bytes came; at most ${limit} are allowed`);
  }
  #open(bytes, type, version2) {
    const protection = this.#protection;
    if (protection === void 0) {
      if (type === contentTypes.applicationData && this.#skip !== void 0) return this.#skipRecord(bytes);
      return this.#plain(bytes, type, version2);
    }
    if (protection.version === 772 && type === contentTypes.changeCipherSpec)
      return this.#plain(bytes, type, version2);
    if (protection.version === 772 && type === contentTypes.alert && !this.#opened && bytes.length === plainAlert)
      return this.#plain(bytes, type, version2);
    const opened3 = protection.open(bytes, this.#input.mayOverwrite);
    if (opened3 === void 0) {
      if (this.#skip?.mode === "trialDecryption" && type === contentTypes.applicationData)
        return this.#skipRecord(bytes);
      throw recordError("ERR_TLS_BAD_RECORD_MAC", "badRecordMac", "a record does not authenticate", "5.2");
    }
    this.#skip = void 0;
    this.#opened = true;
    return protection.version === 772 ? this.#inner(opened3, type, version2) : this.#opened12(opened3, type, version2);
  }
  /** An unprotected record. */
  #plain(bytes, type, version2) {
    const fragment = bytes.subarray(headerLength);
    if (type !== contentTypes.changeCipherSpec) {
      this.#skip = void 0;
      if (fragment.length > maxContentLength) throw overflow(`an unprotected record has ${fragment.length} bytes`);
    }
    this.#countEmpty(type, type === contentTypes.changeCipherSpec || fragment.length === 0);
    return { type, fragment, version: version2, protected: false };
  }
  #opened12(fragment, type, version2) {
    const limit = this.#plaintextLimit ?? maxContentLength;
    if (fragment.length > limit) throw overflow(`a record has ${fragment.length} bytes of content, more than ${limit}`);
    this.#countEmpty(type, fragment.length === 0);
    return { type, fragment, version: version2, protected: true };
  }
  /** Takes content type and padding off a TLSInnerPlaintext (RFC 9846, Section 5.4). */
  #inner(inner, outerType, version2) {
    const limit = this.#plaintextLimit ?? maxContentLength + 1;
    if (inner.length > limit) {
      throw overflow(`a record has ${inner.length} bytes of content, type and padding, more than ${limit}`);
    }
    if (outerType !== applicationData) {
      const problem2 = `a protected record has the outer content type ${outerType} instead of application_data`;
      throw recordError("ERR_TLS_OUTER_RECORD_TYPE", "decodeError", problem2, "5.2");
    }
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    if (end < 0) {
      const problem2 = "a protected record holds nothing but padding";
      throw recordError("ERR_TLS_EMPTY_INNER_PLAINTEXT", "unexpectedMessage", problem2, "5.4");
    }
    const type = inner[end];
    if (type === contentTypes.changeCipherSpec || !isContentType(type)) {
      const problem2 = `a protected record has the content type ${type}`;
      throw recordError("ERR_TLS_UNEXPECTED_RECORD", "unexpectedMessage", problem2, "5");
    }
    if (end === 0 && type !== contentTypes.applicationData) {
      const problem2 = `a record of the content type ${type} has no content`;
      throw recordError("ERR_TLS_EMPTY_RECORD", "unexpectedMessage", problem2, "5.4");
    }
    this.#countEmpty(type, end === 0);
    return { type, fragment: inner.subarray(0, end), version: version2, protected: true };
  }
  #skipRecord(bytes) {
    this.#skippedBytes += bytes.length;
    if (this.#skippedBytes <= (this.#skip?.maxBytes ?? 0)) return void 0;
    const problem2 = `the peer sent more early data (${this.#skippedBytes} bytes) than is dropped after its rejection`;
    throw recordError("ERR_TLS_TOO_MUCH_SKIPPED_EARLY_DATA", "unexpectedMessage", problem2, "4.2.10");
  }
  #countEmpty(type, empty) {
    if (!empty) {
      if (type !== contentTypes.alert) this.#emptyRecords = 0;
      return;
    }
    if (++this.#emptyRecords <= maxEmptyRecords) return;
    const problem2 = `the peer sent more than ${maxEmptyRecords} records without content in a row`;
    throw recordError("ERR_TLS_TOO_MANY_EMPTY_RECORDS", "unexpectedMessage", problem2, "5.1");
  }
};
function overflow(problem2) {
  return recordError("ERR_TLS_RECORD_OVERFLOW", "recordOverflow", problem2, "5.1");
}
function recordError(code2, alert, problem2, section) {
  return new PeerError(code2, alert, problem2, { phase: "record", rfc: `RFC 9846, Section ${section}` });
}

// src/record/slab-pool.ts
var recordsPerSlab = 16;
var recordRoom = headerLength + maxContentLength + 96;
var idle2 = [[], [], [], [], []];
var maxIdle2 = 64;
var maxIdleBytes = 16 << 20;
var idleBytes = 0;
function allocateOutput(length) {
  if (length < recordRoom / 2 || length > recordsPerSlab * recordRoom) return new Uint8Array(length);
  const size = 32 - Math.clz32(Math.ceil(length / recordRoom) - 1);
  const slab2 = idle2[size]?.pop();
  if (slab2 === void 0) return new Uint8Array(new ArrayBuffer(recordRoom << size), 0, length);
  idleBytes -= slab2.byteLength;
  return new Uint8Array(slab2, 0, length);
}
function releaseOutput(bytes) {
  const { buffer } = bytes;
  const records = buffer.byteLength / recordRoom;
  if (bytes.byteOffset !== 0 || !(buffer instanceof ArrayBuffer) || !Number.isInteger(records)) return;
  const size = 31 - Math.clz32(records);
  const slabs = idle2[size];
  if (slabs === void 0 || records !== 1 << size) return;
  if (slabs.length >= maxIdle2 || idleBytes + buffer.byteLength > maxIdleBytes) return;
  if (slabs.includes(buffer)) return;
  slabs.push(buffer);
  idleBytes += buffer.byteLength;
}

// src/record/record-writer.ts
var joinLimit = 32 * 1024;
var flightLength = 2048;
var gathered;
var RecordWriter = class {
  #protection;
  #recordVersion = 771;
  #maxFragment = maxContentLength;
  #padding;
  #handshake = [];
  #handshakeBytes = 0;
  #output = [];
  #outputBytes = 0;
  /** The array that records are written into, behind those of `#output`, and how much of it is used. */
  #flight;
  #flightBytes = 0;
  /** Bytes that {@link take} would return, and handshake bytes that still wait to be flushed. */
  get pendingBytes() {
    return this.#outputBytes + this.#flightBytes + this.#handshakeBytes;
  }
  /** Records that may still be written before the key should be replaced (RFC 9846, Section 5.5); else `Infinity`. */
  get recordsUntilLimit() {
    return this.#protection?.recordsUntilLimit ?? Infinity;
  }
  /** Whether records are protected now. */
  get isProtected() {
    return this.#protection !== void 0;
  }
  /**
   * The keys of the records from here on, or none again (a second ClientHello after early data). What waits is written
   * under the former keys first; they are destroyed.
   */
  setProtection(protection) {
    this.flush();
    this.#protection?.destroy();
    this.#protection = protection;
  }
  /**
   * Most bytes of content, padding included, in a record; at most 2^14. For a record_size_limit of `n` that the peer
   * sent it is `n` in TLS 1.2, and `n - 1` in TLS 1.3, where the content type counts (RFC 8449, Section 4).
   */
  setMaxFragment(bytes) {
    if (!(bytes >= 1 && bytes <= maxContentLength))
      throw new RangeError(`a record holds 1 to 16384 bytes, not ${bytes}`);
    this.flush();
    this.#maxFragment = bytes;
  }
  /** Zeros to add to a record with so many bytes of content (TLS 1.3; RFC 9846, Section 5.4). Cut to what fits. */
  setPadding(policy) {
    this.#padding = policy;
  }
  /** The version in the headers of unprotected records: 0x0301 for a first ClientHello, else 0x0303. */
  setRecordVersion(version2) {
    this.flush();
    this.#recordVersion = version2;
  }
  /** Adds a handshake message, or several, to the flight. */
  handshake(bytes) {
    if (bytes.length === 0) return;
    this.#handshake.push(bytes);
    this.#handshakeBytes += bytes.length;
  }
  /** Writes the handshake bytes that wait. */
  flush() {
    if (this.#handshakeBytes === 0) return;
    const messages2 = this.#handshake;
    const [only] = messages2;
    const bytes = messages2.length === 1 && only !== void 0 ? only : gather(messages2, this.#handshakeBytes);
    this.#handshake = [];
    this.#handshakeBytes = 0;
    this.#writeRecords(contentTypes.handshake, bytes);
  }
  /**
   * Writes data of any other type, behind the handshake bytes that wait, in as many records as it takes. Empty data
   * gives an empty record. In TLS 1.3 change_cipher_spec goes unprotected (RFC 9846, Section 5).
   */
  write(type, bytes) {
    this.flush();
    this.#writeRecords(type, bytes);
  }
  /**
   * What is to be sent, in order; the caller owns the arrays. Handshake bytes that were not flushed are not among
   * them. A flight, or a small message, is one array.
   */
  take() {
    this.#endFlight();
    const output = this.#output;
    if (output.length === 0) return [];
    this.#output = [];
    const bytes = this.#outputBytes;
    this.#outputBytes = 0;
    return output.length > 1 && bytes <= joinLimit ? [concat(...output)] : output;
  }
  /**
   * Gives an array that {@link take} returned back once its bytes are sent, so that bulk writes can use it again. Not
   * to be called is no leak; to touch the array afterwards is a mistake.
   */
  release(bytes) {
    releaseOutput(bytes);
  }
  /** Drops the keys and what waits. */
  destroy() {
    this.#protection?.destroy();
    this.#protection = void 0;
    this.#handshake = [];
    this.#handshakeBytes = 0;
  }
  #writeRecords(type, bytes) {
    const protection = this.#protection;
    if (protection === void 0 || protection.version === 772 && type === contentTypes.changeCipherSpec) {
      this.#writePlain(type, bytes);
      return;
    }
    const fragment = this.#maxFragment;
    if (bytes.length <= fragment) {
      const padding2 = this.#paddingFor(bytes.length);
      const length = protection.recordLength(bytes.length, padding2);
      const out = this.#room(type, length);
      protection.seal(type, bytes, padding2, out, this.#flightBytes);
      this.#flightBytes += length;
      return;
    }
    const perSlab = fragment * recordsPerSlab;
    for (let start2 = 0; start2 < bytes.length; start2 += perSlab) {
      this.#writeSlab(protection, type, bytes, start2, Math.min(start2 + perSlab, bytes.length));
    }
  }
  #writeSlab(protection, type, bytes, start2, end) {
    const fragment = this.#maxFragment;
    const fullPadding = this.#paddingFor(fragment);
    const lastLength = (end - start2) % fragment;
    const fullRecords = (end - start2 - lastLength) / fragment;
    const lastPadding = lastLength === 0 ? 0 : this.#paddingFor(lastLength);
    let size = fullRecords * protection.recordLength(fragment, fullPadding);
    if (lastLength > 0) size += protection.recordLength(lastLength, lastPadding);
    const out = allocateOutput(size);
    let at2 = 0;
    let from = start2;
    for (; from + fragment <= end; from += fragment) {
      at2 += protection.seal(type, bytes.subarray(from, from + fragment), fullPadding, out, at2);
    }
    if (from < end) protection.seal(type, bytes.subarray(from, end), lastPadding, out, at2);
    this.#endFlight();
    this.#emit(out);
  }
  #writePlain(type, bytes) {
    const fragment = this.#maxFragment;
    const records = Math.max(1, Math.ceil(bytes.length / fragment));
    const out = this.#room(type, bytes.length + records * headerLength);
    let at2 = this.#flightBytes;
    for (let from = 0, i = 0; i < records; i++, from += fragment) {
      const part = records === 1 ? bytes : bytes.subarray(from, from + fragment);
      writeHeader(out, at2, type, this.#recordVersion, part.length);
      out.set(part, at2 + headerLength);
      at2 += headerLength + part.length;
    }
    this.#flightBytes = at2;
  }
  #paddingFor(contentLength) {
    if (this.#padding === void 0 || this.#protection?.version !== 772) return 0;
    const zeros = Math.floor(this.#padding(contentLength));
    return Math.max(0, Math.min(zeros, this.#maxFragment - contentLength));
  }
  /** The array to write `length` bytes of records into, from `#flightBytes` on. */
  #room(type, length) {
    const flight = this.#flight;
    if (flight !== void 0 && this.#flightBytes + length <= flight.length) return flight;
    this.#endFlight();
    const isHandshake = type === contentTypes.handshake || type === contentTypes.changeCipherSpec;
    const room = allocateOutput(isHandshake && length < flightLength ? flightLength : length);
    this.#flight = room;
    return room;
  }
  #endFlight() {
    const flight = this.#flight;
    if (flight === void 0) return;
    this.#flight = void 0;
    const length = this.#flightBytes;
    this.#flightBytes = 0;
    if (length > 0) this.#emit(length === flight.length ? flight : flight.subarray(0, length));
  }
  #emit(bytes) {
    this.#output.push(bytes);
    this.#outputBytes += bytes.length;
  }
};
function gather(messages2, length) {
  if (length > maxContentLength) return concat(...messages2);
  gathered ??= new Uint8Array(maxContentLength);
  let at2 = 0;
  for (const message of messages2) {
    gathered.set(message, at2);
    at2 += message.length;
  }
  return gathered.subarray(0, length);
}

// src/engine/describe.ts
function describeMessage(type, raw, version2) {
  if (type === "changeCipherSpec") return {};
  try {
    return fieldsOf(type, raw.subarray(4), version2 === tls13);
  } catch {
    return {};
  }
}
function fieldsOf(type, body, isTls13) {
  switch (type) {
    case "clientHello": {
      const hello = decodeClientHello(body);
      return {
        ...hello,
        cipherSuites: hello.cipherSuites.map(nameCipherSuite),
        extensions: nameCodes(hello.extensions),
        extensionOrder: hello.extensionOrder.map(nameExtension)
      };
    }
    case "serverHello":
      return describeServerHello(body);
    case "encryptedExtensions":
      return describeBlock(decodeEncryptedExtensions(body));
    case "certificateRequest":
      return isTls13 ? describeBlock(decodeCertificateRequest13(body)) : nameCodes(decodeCertificateRequest12(body));
    case "certificate":
      return isTls13 ? { ...decodeCertificate13(body, 100) } : { certificateList: decodeCertificate12(body, 100) };
    case "compressedCertificate":
      return { ...decodeCompressedCertificate(body) };
    case "certificateStatus":
      return { ocspResponse: decodeCertificateStatus(body) };
    case "certificateVerify": {
      const { algorithm: algorithm2, signature } = decodeCertificateVerify(body);
      return { algorithm: nameScheme(algorithm2), signature };
    }
    case "serverKeyExchange": {
      const { group, publicKey, algorithm: algorithm2, signature } = decodeServerKeyExchange(body);
      return { group: nameGroup(group), publicKey, algorithm: nameScheme(algorithm2), signature };
    }
    case "newSessionTicket":
      return isTls13 ? { ...decodeNewSessionTicket13(body) } : { ...decodeNewSessionTicket12(body) };
    case "keyUpdate":
      return { updateRequested: decodeKeyUpdate(body) };
    case "finished":
      return { verifyData: body };
    default:
      return body.length === 0 ? {} : { body };
  }
}
function describeServerHello(body) {
  const outline = outlineServerHello(body);
  const hello = outline.isHelloRetryRequest ? decodeHelloRetryRequest(body) : outline.selectedVersion === tls13 ? decodeServerHello13(body) : decodeServerHello12(body);
  const block3 = describeBlock(hello);
  const helloRetryRequest = outline.isHelloRetryRequest;
  return { ...block3, cipherSuite: nameCipherSuite(hello.cipherSuite), helloRetryRequest };
}
function describeBlock(block3) {
  return {
    ...block3,
    extensions: nameCodes(block3.extensions),
    extensionOrder: block3.extensionOrder.map(nameExtension)
  };
}
function nameCodes(values) {
  const named = {};
  for (const [name2, value] of Object.entries(values)) {
    if (value === void 0) continue;
    const nameOf = namesByField[name2];
    if (nameOf === void 0) named[name2] = value;
    else named[name2] = Array.isArray(value) ? value.map((item) => nameItem(item, nameOf)) : nameItem(value, nameOf);
  }
  return named;
}
var namesByField = {
  supportedGroups: nameGroup,
  keyShare: nameGroup,
  signatureAlgorithms: nameScheme,
  signatureAlgorithmsCert: nameScheme,
  supportedVersions: (code2) => isGrease(code2) ? "GREASE" : versionName(code2)
};
function nameItem(item, nameOf) {
  if (typeof item === "number") return nameOf(item);
  if (typeof item === "object" && item !== null && "group" in item) {
    return { ...item, group: nameOf(item.group) };
  }
  return item;
}
function nameCipherSuite(code2) {
  if (isGrease(code2)) return "GREASE";
  if (code2 === 255) return "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
  if (code2 === 22016) return "TLS_FALLBACK_SCSV";
  return cipherSuite(code2)?.name ?? hex(code2);
}
function nameGroup(code2) {
  return isGrease(code2) ? "GREASE" : groupName(code2) ?? hex(code2);
}
function nameScheme(code2) {
  return isGrease(code2) ? "GREASE" : signatureScheme(code2)?.name ?? hex(code2);
}
function nameExtension(type) {
  return isGrease(type) ? "GREASE" : extensionName(type) ?? hex(type);
}
function hex(code2) {
  return `0x${code2.toString(16).padStart(4, "0")}`;
}

// src/engine/message-assembler.ts
var MessageAssembler = class {
  #maxLength;
  #bytes = noBytes;
  /** The buffer that `#bytes` begins in, with room behind it, once there was more than one fragment. */
  #buffer;
  /** @param maxLength the longest message body that is taken, in bytes. */
  constructor(maxLength) {
    this.#maxLength = maxLength;
  }
  /** Whether bytes of a message, complete or not, are waiting. */
  get buffered() {
    return this.#bytes.length > 0;
  }
  /**
   * Adds the content of a handshake record; the bytes are kept as a view while they are the only ones. The buffer
   * doubles, so that the work is linear in the input: a peer may send a message in records of one byte each.
   */
  push(fragment) {
    const have = this.#bytes.length;
    if (have === 0) {
      this.#bytes = fragment;
      this.#buffer = void 0;
      return;
    }
    const need = have + fragment.length;
    if (this.#buffer === void 0 || need > this.#buffer.length) {
      this.#buffer = new Uint8Array(2 * need);
      this.#buffer.set(this.#bytes);
    }
    this.#buffer.set(fragment, have);
    this.#bytes = this.#buffer.subarray(0, need);
  }
  /** The next message without taking it; `undefined` while it is not complete. */
  peek() {
    const bytes = this.#bytes;
    if (bytes.length < 4) return void 0;
    const length = bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    if (length > this.#maxLength) {
      throw illegalParameter(
        "ERR_TLS_HANDSHAKE_TOO_LARGE",
        `a handshake message of ${length} bytes, where ${this.#maxLength} are allowed`
      );
    }
    if (bytes.length < 4 + length) return void 0;
    const type = handshakeTypeName(bytes[0]);
    if (type === void 0 || type === "messageHash") {
      throw new PeerError(
        "ERR_TLS_UNEXPECTED_MESSAGE",
        "unexpectedMessage",
        `a handshake message of the unknown type ${bytes[0]}`,
        { rfc: "RFC 9846, Section 4" }
      );
    }
    const raw = bytes.subarray(0, 4 + length);
    return { type, body: raw.subarray(4), raw };
  }
  /** Takes the message that {@link peek} showed. */
  take(message) {
    this.#bytes = this.#bytes.length === message.raw.length ? noBytes : this.#bytes.subarray(message.raw.length);
    this.#buffer = void 0;
  }
  /** Keeps a copy of what is buffered, where the transport reuses its buffer. */
  own() {
    if (this.#bytes.length > 0) this.#bytes = this.#bytes.slice();
  }
};

// src/engine/record-layer.ts
var changeCipherSpec = Uint8Array.of(1);
var maxContent = 2 ** 14;
var maxSessions = 32;
var RecordLayer = class {
  reader = new RecordReader();
  writer = new RecordWriter();
  assembler;
  /** Sessions that the server gave. */
  sessions = [];
  version;
  readEpoch = "none";
  writeEpoch = "none";
  /** Whether application data may be written. */
  writable = false;
  /** Bytes of early data that may still be read (server) or written (client); `undefined` outside early data. */
  earlyDataLeft;
  /** The exporter of early data that was sent, or taken. */
  earlyExporter;
  /** Sends the KeyUpdate that the peer asked for. */
  keyUpdateAnswer;
  /** The Finished of this side, with its header. */
  sentFinished;
  #config;
  #role;
  /** From then on what is written answers no flight. */
  #handshakeDone = false;
  #forgetSession;
  #sentChangeCipherSpec = false;
  #writeEnded = false;
  #destroyed = false;
  /** Most content of a record: what this side wants, and what the peer takes. */
  #ownFragment = maxContent;
  #peerFragment = maxContent;
  /** What record_size_limit of this side says, once the peer knows. */
  #receiveLimit;
  constructor(config, role) {
    this.#config = config;
    this.#role = role;
    this.assembler = new MessageAssembler(config.limits.handshakeMessage);
    if (config.maxSendFragment !== void 0) this.setMaxFragment(config.maxSendFragment);
  }
  sendMessage(type, raw) {
    this.#checkAlive();
    if (this.#writeEnded) return;
    if (!this.#handshakeDone && this.assembler.buffered) throw excessHandshakeData();
    this.traceMessage("sent", type, raw, this.writeEpoch);
    this.#checkAlive();
    if (type === "finished" && !this.#handshakeDone) this.sentFinished = raw.slice();
    if (type !== "clientHello" || this.version !== void 0) return this.writer.handshake(raw);
    this.writer.setRecordVersion(769);
    this.writer.handshake(raw);
    this.writer.setRecordVersion(tls12);
  }
  sendChangeCipherSpec() {
    this.#checkAlive();
    if (this.version !== tls12) {
      if (this.#sentChangeCipherSpec) return;
      this.#sentChangeCipherSpec = true;
    }
    this.traceMessage("sent", "changeCipherSpec", changeCipherSpec, this.writeEpoch);
    this.#checkAlive();
    this.writer.write(contentTypes.changeCipherSpec, changeCipherSpec);
  }
  setWriteKeys(change) {
    this.#checkAlive();
    const { crypto } = this.#config;
    const { suite } = change;
    if (change.version === tls13) {
      this.writer.setProtection(createWriteProtection13(crypto, suite, change.trafficSecret));
    } else {
      this.writer.setProtection(createWriteProtection12(crypto, suite, change));
      zeroize(change.key, change.iv, change.macKey);
    }
    this.writeEpoch = change.epoch;
    this.#traceKeys("sent", change);
  }
  setReadKeys(change) {
    this.#checkAlive();
    if (this.assembler.buffered) throw excessHandshakeData();
    const { crypto } = this.#config;
    const { suite } = change;
    if (change.version === tls13) {
      this.reader.setProtection(createReadProtection13(crypto, suite, change.trafficSecret));
    } else {
      this.reader.setProtection(createReadProtection12(crypto, suite, change));
      zeroize(change.key, change.iv, change.macKey);
    }
    this.readEpoch = change.epoch;
    if (change.epoch !== "earlyData" && this.#receiveLimit !== void 0) {
      this.reader.setPlaintextLimit(this.#receiveLimit);
    }
    this.#traceKeys("received", change);
  }
  setVersion(version2) {
    this.version = version2;
    this.writer.setRecordVersion(tls12);
  }
  setRecordSizeLimits(sending, receiving) {
    const type = this.version === tls13 ? 1 : 0;
    if (sending !== void 0) {
      this.#peerFragment = Math.min(sending - type, maxContent);
      this.setMaxFragment(this.#ownFragment);
    }
    if (receiving === void 0) return;
    this.#receiveLimit = Math.min(receiving, maxContent + type);
    if (this.readEpoch !== "earlyData") this.reader.setPlaintextLimit(this.#receiveLimit);
  }
  /** Most bytes of content in a record, as far as the peer takes them. */
  setMaxFragment(bytes) {
    this.writer.setMaxFragment(Math.min(bytes, this.#peerFragment));
    this.#ownFragment = bytes;
  }
  skipEarlyData(mode) {
    this.reader.skipEarlyData({ mode, maxBytes: this.#config.limits.skippedEarlyData });
  }
  beginEarlyData(limit, exporter) {
    this.earlyDataLeft = limit;
    this.earlyExporter = exporter;
    if (this.#role === "client") this.writable = true;
  }
  endEarlyData(accepted) {
    this.earlyDataLeft = void 0;
    if (this.#role === "server") return;
    this.writable = false;
    if (accepted) return;
    this.#dropEarlyExporter();
    this.writer.setProtection(void 0);
    this.writeEpoch = "none";
  }
  allowWriting() {
    this.writable = true;
  }
  /** The handshake is done: application data may be written, and what was early no longer counts. */
  endHandshake() {
    this.#handshakeDone = true;
    this.writable = true;
    this.earlyDataLeft = void 0;
  }
  answerKeyUpdate(send4) {
    this.keyUpdateAnswer ??= send4;
  }
  newSession(session) {
    this.sessions.push(session);
    if (this.sessions.length > maxSessions) zeroize(this.sessions.shift()?.state.secret);
  }
  onFatalAlert(forget) {
    this.#forgetSession = forget;
  }
  /**
   * A fatal alert was sent or received: "Servers and clients MUST forget any session-identifiers, keys, and secrets
   * associated with a failed connection." (RFC 5246, Section 7.2.2)
   */
  forgetSessions() {
    for (const { state: state2 } of this.sessions.splice(0)) zeroize(state2.secret);
    this.#forgetSession?.();
    this.#forgetSession = void 0;
  }
  /** Tells the trace of a message, where there is one. */
  traceMessage(direction, type, raw, epoch) {
    const { trace } = this.#config;
    if (trace === void 0) return;
    const fields = describeMessage(type, raw, this.version ?? tls12);
    trace({ kind: "message", direction, type, epoch, raw: raw.slice(), fields });
  }
  /** close_notify has gone: no message follows it. */
  endWriting() {
    this.#writeEnded = true;
  }
  /** Drops keys and input. What was sealed before can still be taken. */
  destroy() {
    this.#destroyed = true;
    this.#dropEarlyExporter();
    this.reader.destroy();
    this.writer.destroy();
  }
  #dropEarlyExporter() {
    this.earlyExporter?.destroy();
    this.earlyExporter = void 0;
  }
  /**
   * A program may close the connection inside one of its own functions that a flow calls (a trace, an ALPN callback).
   * The flow ends here then: without keys, what it sends next would go out in the clear.
   */
  #checkAlive() {
    if (this.#destroyed) throw new TlsError("ERR_TLS_STATE", "internalError", "the connection was closed meanwhile");
  }
  #traceKeys(direction, { epoch, suite, secretName }) {
    this.#config.trace?.({ kind: "keyChange", direction, epoch, cipherSuite: suite.name, secret: secretName });
  }
};
function excessHandshakeData() {
  return new PeerError(
    "ERR_TLS_EXCESS_HANDSHAKE_DATA",
    "unexpectedMessage",
    "handshake data follows where the keys change or an answer is due",
    { phase: "handshake", rfc: "RFC 9846, Section 5.1" }
  );
}

// src/engine/dispatcher.ts
var maxTasks = 16;
var Dispatcher = class {
  #config;
  #records;
  #role;
  #flows = new Flows();
  #handshake;
  #messages = 0;
  #keyUpdates = 0;
  #lateMessages = 0;
  /** What the handshake agreed on, once it is done. */
  established = void 0;
  /** The Finished of the peer, with its header. */
  receivedFinished = void 0;
  constructor(config, records, role) {
    this.#config = config;
    this.#records = records;
    this.#role = role;
  }
  /** Whether a message has come. */
  get receivedAny() {
    return this.#messages > 0;
  }
  /** Input waits while the handshake waits for the host; afterwards only what a flow itself waits for does. */
  get waitsForHost() {
    return this.established === void 0 && this.#handshake?.wait?.for === "host";
  }
  /** Whether the handshake waits for the ChangeCipherSpec of TLS 1.2. */
  get waitsForChangeCipherSpec() {
    return this.#handshake !== void 0 && waitsFor(this.#handshake, "changeCipherSpec");
  }
  /** Starts the handshake. */
  start(handshake3) {
    this.#handshake = this.#flows.begin(handshake3);
  }
  /** Starts an exchange of a connection that is made. */
  begin(exchange) {
    this.#flows.begin(exchange);
  }
  /** Gives the message that comes next to the flow that waits for it; after the handshake also to a new one. */
  dispatch(message) {
    this.#messages++;
    if (this.established === void 0 && this.#messages > this.#config.limits.handshakeMessages) {
      throw new PeerError("ERR_TLS_TOO_MANY_MESSAGES", "unexpectedMessage", "too many messages in one handshake");
    }
    const waiting = this.#flows.waitingFor(message.type);
    if (waiting === void 0) {
      if (this.#isIdleHelloRequest(message)) return this.#records.assembler.take(message);
      const optional2 = this.#flows.waitingForOptional();
      if (optional2 !== void 0) return this.#resume(optional2, void 0);
    }
    this.#records.traceMessage("received", message.type, message.raw, this.#records.readEpoch);
    if (waiting !== void 0) {
      this.#records.assembler.take(message);
      if (message.type === "finished" && this.established === void 0) this.receivedFinished = message.raw.slice();
      return this.#resume(waiting, message);
    }
    const inside = this.#flows.insideSequence();
    if (this.established === void 0 || inside !== void 0)
      throw unexpected(message.type, inside ?? this.#handshake);
    this.#records.assembler.take(message);
    if (message.type === "keyUpdate") this.#countKeyUpdate();
    this.#countLateMessage();
    this.#flows.begin(this.established.receive(message));
  }
  /** The ChangeCipherSpec that the handshake waits for has come. */
  changeCipherSpec() {
    this.#resume(this.#handshake, void 0);
  }
  /** Application data has come: messages may come again. */
  resetCounts() {
    this.#keyUpdates = 0;
    this.#lateMessages = 0;
  }
  /** The next request that the host was not asked yet; from now on it counts as asked. */
  nextRequest() {
    return this.#flows.nextRequest();
  }
  /** Gives a flow the answer of the host, or its failure. An id that nobody waits for is passed over. */
  settle(id, value, failure) {
    const task = this.#flows.asking(id);
    if (task === void 0) return;
    if (failure === void 0) return this.#resume(task, value);
    this.#flows.resumeWithError(task, failure.error);
    this.#resumed(task);
  }
  /** Ends all flows, and wipes the secrets. */
  end() {
    this.#flows.end();
    this.established?.destroy();
  }
  #resume(task, value) {
    this.#flows.resume(task, value);
    this.#resumed(task);
  }
  /** The connection is made once the flow of the handshake is done. */
  #resumed(task) {
    if (task.done && task === this.#handshake) this.#establish(task.result);
  }
  #establish(established) {
    if (this.#records.assembler.buffered) throw excessHandshakeData();
    this.established = established;
    this.#handshake = void 0;
    this.#records.endHandshake();
    this.#config.trace?.({ kind: "connected" });
    for (const flow of established.due.splice(0)) this.#flows.begin(flow);
  }
  /**
   * A HelloRequest "will be ignored by the client if the client is currently negotiating a session", and does not count
   * for the transcript (RFC 5246, Section 7.4.1.1). TLS 1.3 has none.
   */
  #isIdleHelloRequest({ type, body }) {
    if (type !== "helloRequest" || this.#role !== "client" || this.established !== void 0) return false;
    return this.#records.version !== tls13 && this.#config.minVersion < tls13 && body.length === 0;
  }
  #countKeyUpdate() {
    const { keyUpdates } = this.#config.limits;
    if (++this.#keyUpdates <= keyUpdates) return;
    throw new PeerError(
      "ERR_TLS_TOO_MANY_KEY_UPDATES",
      "unexpectedMessage",
      `more than ${keyUpdates} key updates without application data between them`
    );
  }
  /** Messages after the handshake cost this side work and memory: they are bounded like those in it. */
  #countLateMessage() {
    if (++this.#lateMessages <= this.#config.limits.handshakeMessages && this.#flows.open < maxTasks) return;
    throw new PeerError(
      "ERR_TLS_TOO_MANY_MESSAGES",
      "unexpectedMessage",
      "too many messages after the handshake without application data between them"
    );
  }
};
function unexpected(type, task) {
  const wait = task?.wait;
  const expected = wait?.for === "message" ? wait.expected.join(" or ") : "nothing";
  return new PeerError(
    "ERR_TLS_UNEXPECTED_MESSAGE",
    "unexpectedMessage",
    `the message ${type} came where ${expected} may come`,
    { phase: "handshake", rfc: "RFC 9846, Section 4" }
  );
}

// src/engine/connection.ts
var misuse = ["ERR_TLS_NO_POST_HANDSHAKE_AUTH", "ERR_TLS_STATE"];
var needsInput = { state: "needsInput" };
var connectedProgress = { state: "connected" };
var Connection = class {
  role;
  #config;
  #records;
  #alerts;
  #dispatcher;
  #started = false;
  #incoming = [];
  #progress = needsInput;
  #error;
  #closed = false;
  #peerClosed = false;
  #writeClosed = false;
  #sentCloseNotify = false;
  #transportEnded = false;
  constructor(config, role) {
    this.#config = config;
    this.role = role;
    this.#records = new RecordLayer(config, role);
    this.#dispatcher = new Dispatcher(config, this.#records, role);
    this.#alerts = new AlertReader(config.limits.warningAlerts);
  }
  /** Whether the handshake is done. */
  get connected() {
    return this.#dispatcher.established !== void 0;
  }
  /** Whether the connection is over, in both directions. */
  get closed() {
    return this.#closed;
  }
  /** Whether the peer has sent close_notify, or its transport has ended: no more data comes. */
  get peerClosed() {
    return this.#peerClosed;
  }
  /** Whether the transport ended without close_notify: what came last may be cut off by somebody. */
  get truncated() {
    return this.#transportEnded && !this.#receivedCloseNotify;
  }
  #receivedCloseNotify = false;
  /** The verify_data of both Finished messages of the handshake (tls-unique; RFC 5929, Section 3). */
  get finished() {
    return { sent: this.#records.sentFinished?.subarray(4), received: this.#dispatcher.receivedFinished?.subarray(4) };
  }
  /** What ended the connection, where it was not close_notify. */
  get error() {
    return this.#error;
  }
  /**
   * Whether a fatal alert, sent or received, ended it. A client then forgets the sessions that it took from here, and the
   * TLS 1.2 session that it offered (RFC 5246, Section 7.2.2); a server has forgotten its own.
   */
  get failed() {
    return this.#error !== void 0 && this.#error.code !== "ERR_TLS_CONNECTION_ENDED";
  }
  /** Whether `write` may be called: after the handshake, or before it for early data. */
  get writable() {
    return this.#records.writable && !this.#writeClosed && !this.#closed;
  }
  /** Bytes of early data that a client may still send; 0 where it may send none. */
  get earlyDataAllowance() {
    return this.role === "client" && !this.connected ? this.#records.earlyDataLeft ?? 0 : 0;
  }
  /** `false` asks the transport to pause: the host has not answered, and enough input waits. */
  get wantsMoreInput() {
    return this.#peerClosed || this.#records.reader.bufferedBytes < this.#config.limits.pendingInput;
  }
  /** What was agreed. Throws before `connected`. */
  get info() {
    return connectionInfo(this.#connected("info"));
  }
  /**
   * Takes bytes of the transport. They are read by `advance`; until then views of them may be kept.
   *
   * @param mayOverwrite gives the array away: it is nobody else's, and records may be decrypted in their place, which
   *   spares an array for each. Plaintext is then a view of it.
   */
  receive(bytes, mayOverwrite = false) {
    if (this.#closed || this.#peerClosed || bytes.length === 0) return;
    this.#records.reader.push(bytes, mayOverwrite);
  }
  /** The transport has ended: no more bytes come. */
  receiveEnd() {
    this.#transportEnded = true;
  }
  /** Does what can be done now, and says what is waited for. */
  advance() {
    if (this.#closed) return this.#progress;
    try {
      this.#run();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#closed) return this.#progress;
    const asked = this.#dispatcher.nextRequest();
    if (asked !== void 0) return { state: "needsHost", id: asked.id, request: asked.request };
    return this.connected ? connectedProgress : needsInput;
  }
  /** Answers a request of the host. An answer that comes after the end of the connection is dropped. */
  answer(id, value) {
    this.#settle(id, value, void 0);
  }
  /** Lets a request of the host fail: the handshake ends with `error` where it is a `TlsError`, else with internal_error. */
  fail(id, error) {
    this.#settle(id, void 0, { error });
  }
  /**
   * Encrypts application data; it comes out by `takeOutgoing`. Before the handshake is done this is early data (client)
   * or 0.5-RTT data (server). Throws `ERR_TLS_STATE` where nothing may be written now.
   */
  write(plaintext) {
    if (!this.writable)
      throw stateError("write", this.#closed || this.#writeClosed ? "is closed" : "is not connected yet");
    if (this.role === "client" && this.#records.earlyDataLeft !== void 0) {
      if (plaintext.length > this.#records.earlyDataLeft) {
        throw stateError("write", `takes only ${this.#records.earlyDataLeft} more bytes of early data`);
      }
      this.#records.earlyDataLeft -= plaintext.length;
    }
    this.#answerKeyUpdate();
    if (this.#records.version === tls13 && this.#records.writer.recordsUntilLimit < 1024) {
      this.#dispatcher.established?.updateKeys(false);
    }
    this.#records.writer.write(contentTypes.applicationData, plaintext);
  }
  /** This side writes no more, and still reads: sends close_notify, before the handshake is done once it is. */
  closeWrite() {
    if (this.#writeClosed || this.#closed) return;
    this.#writeClosed = true;
    if (!this.connected) return;
    this.#sendCloseNotify();
    if (this.#peerClosed) this.#finish();
  }
  /** Ends the connection: with close_notify, or with the alert of an error. */
  close(error) {
    if (this.#closed) return;
    if (error !== void 0) return this.#fail(error);
    this.#writeClosed = true;
    this.#sendCloseNotify();
    this.#finish();
  }
  /** Bytes for the transport, in order; empty where there are none. */
  takeOutgoing() {
    this.#records.writer.flush();
    return this.#records.writer.take();
  }
  /**
   * Gives back an array of `takeOutgoing` once the transport has sent it and nobody else holds it: bulk writes use its
   * memory again. Not needed; never call it for bytes that somebody may still read.
   */
  release(bytes) {
    this.#records.writer.release(bytes);
  }
  /** Decrypted application data, in order; empty where there is none. */
  takeApplicationData() {
    const data = this.#incoming;
    if (data.length === 0) return [];
    this.#incoming = [];
    return data;
  }
  /** Limits the plaintext of each record that is sent from now on; 1 to 16384 bytes. */
  setMaxFragment(bytes) {
    this.#records.setMaxFragment(bytes);
  }
  /** Client: sessions that the server has given since the last call. */
  takeSessions() {
    return this.#records.sessions.splice(0);
  }
  /** Keying material for a program (RFC 9846, Section 7.5; RFC 5705). */
  exportKeyingMaterial(length, label2, context) {
    const established = this.#connected("exportKeyingMaterial");
    if (this.#closed) throw stateError("exportKeyingMaterial", "is closed");
    return established.exportKeyingMaterial(length, label2, context);
  }
  /**
   * Keying material that goes with early data (RFC 9846, Section 7.5), from the first flight on, also before `connected`.
   * Throws `ERR_TLS_STATE` where no early data was sent (client) or taken (server), and once it is known to be refused.
   * Like early data, it has no forward secrecy, and a replay gives the same.
   */
  exportEarlyKeyingMaterial(length, label2, context = noBytes) {
    const { earlyExporter } = this.#records;
    if (earlyExporter === void 0) throw stateError("exportEarlyKeyingMaterial", "has no early data");
    return earlyExporter.export(length, label2, context);
  }
  /** TLS 1.3: writes under new keys, and asks the peer for the same where `requestPeer`. */
  updateKeys(requestPeer = false) {
    if (this.#writeClosed || this.#closed) throw stateError("updateKeys", "is closed");
    this.#connected("updateKeys").updateKeys(requestPeer);
  }
  /** TLS 1.3 server: asks for the client's certificate now (RFC 9846, Section 4.6.2). */
  requestClientCertificate() {
    const established = this.#connected("requestClientCertificate");
    if (this.#writeClosed || this.#closed) throw stateError("requestClientCertificate", "is closed");
    try {
      this.#dispatcher.begin(established.requestClientCertificate());
    } catch (error) {
      if (error instanceof TlsError && misuse.includes(error.code)) throw error;
      this.#fail(error);
    }
  }
  #connected(call) {
    const { established } = this.#dispatcher;
    if (established === void 0) throw stateError(call, "is not connected yet");
    return established;
  }
  /** Runs until input, or the host's answer, is needed. */
  #run() {
    if (!this.#started) {
      this.#started = true;
      this.#dispatcher.start(this.start(this.#records));
    }
    while (!this.#closed && !this.#dispatcher.waitsForHost) {
      const message = this.#peerClosed ? void 0 : this.#records.assembler.peek();
      if (message !== void 0) {
        this.#dispatcher.dispatch(message);
        this.#sendDueCloseNotify();
        continue;
      }
      const record = this.#peerClosed ? void 0 : this.#records.reader.next();
      if (record === void 0) {
        if (this.#transportEnded) this.#endOfTransport();
        break;
      }
      this.#readRecord(record);
    }
  }
  #settle(id, value, failure) {
    if (this.#closed) return;
    try {
      this.#dispatcher.settle(id, value, failure);
      this.#sendDueCloseNotify();
    } catch (error) {
      this.#fail(error);
    }
  }
  #readRecord(record) {
    if (record.type !== contentTypes.alert && record.fragment.length > 0) this.#alerts.reset();
    switch (record.type) {
      case contentTypes.handshake:
        return this.#readHandshake(record.fragment);
      case contentTypes.applicationData:
        return this.#readApplicationData(record.fragment);
      case contentTypes.alert:
        return this.#readAlert(record.fragment);
      case contentTypes.changeCipherSpec:
        return this.#readChangeCipherSpec(record);
    }
  }
  #readHandshake(fragment) {
    if (this.#dispatcher.waitsForChangeCipherSpec) throw unexpectedRecord("a handshake record", "changeCipherSpec");
    if (fragment.length === 0 && this.#records.version === tls13) {
      throw new PeerError("ERR_TLS_UNEXPECTED_RECORD", "unexpectedMessage", "an empty handshake record", {
        rfc: "RFC 9846, Section 5.1"
      });
    }
    this.#records.assembler.push(fragment);
  }
  #readApplicationData(fragment) {
    if (this.#records.assembler.buffered) throw unexpectedRecord("application data", "the rest of a handshake message");
    if (this.#records.readEpoch === "earlyData" && this.#records.earlyDataLeft !== void 0) {
      this.#records.earlyDataLeft -= fragment.length;
      if (this.#records.earlyDataLeft < 0) {
        throw new PeerError(
          "ERR_TLS_TOO_MUCH_EARLY_DATA",
          "unexpectedMessage",
          "more early data than the ticket allows",
          { rfc: "RFC 9846, Section 4.6.1" }
        );
      }
    } else if (!this.connected) {
      throw unexpectedRecord("application data", "a handshake message");
    }
    if (fragment.length === 0) return;
    this.#dispatcher.resetCounts();
    this.#incoming.push(fragment);
  }
  #readAlert(fragment) {
    const phase = !this.connected ? "handshake" : "connected";
    const { alert, meaning } = this.#alerts.read(fragment, this.#records.version === tls13, phase);
    this.#config.trace?.({
      kind: "alert",
      direction: "received",
      level: alert.level,
      alert: alert.name ?? alert.description
    });
    if (meaning === "ignored") {
      if (this.#records.version === tls13 && this.#records.assembler.buffered) {
        throw unexpectedRecord("an alert", "the rest of a handshake message");
      }
      return;
    }
    this.#receivedCloseNotify = true;
    this.#peerClosed = true;
    if (!this.connected) {
      throw new AlertReceivedError(alert.description, phase);
    }
    if (this.#writeClosed) this.#finish();
  }
  #readChangeCipherSpec({ fragment, protected: wasProtected }) {
    const isOne = fragment.length === 1 && fragment[0] === 1;
    if (this.#dispatcher.waitsForChangeCipherSpec) {
      if (this.#records.assembler.buffered)
        throw unexpectedRecord("changeCipherSpec", "the rest of a handshake message");
      if (!isOne) throw badChangeCipherSpec();
      this.#records.traceMessage("received", "changeCipherSpec", fragment, this.#records.readEpoch);
      return this.#dispatcher.changeCipherSpec();
    }
    const inHandshake = !this.connected && (this.role === "client" || this.#dispatcher.receivedAny);
    const tolerated = inHandshake && !wasProtected && (this.#records.version === tls13 || this.#records.version === void 0);
    if (!tolerated || this.role === "client" && this.#records.version === void 0) {
      throw unexpectedRecord("changeCipherSpec", "another record");
    }
    if (!isOne) throw badChangeCipherSpec();
  }
  #endOfTransport() {
    if (!this.connected) {
      throw new PeerError(
        "ERR_TLS_CONNECTION_ENDED",
        "internalError",
        "the peer closed the connection before the handshake was done",
        { phase: "handshake" }
      );
    }
    this.#peerClosed = true;
    if (this.#writeClosed) this.#finish();
  }
  /**
   * Answers the peer's requests for new keys before the next application data (RFC 9846, Section 4.6.3). A side that
   * is silent has nothing to protect by them: one answer serves all that was asked, and nothing piles up here.
   */
  #answerKeyUpdate() {
    const answer2 = this.#records.keyUpdateAnswer;
    if (answer2 === void 0) return;
    this.#records.keyUpdateAnswer = void 0;
    answer2();
  }
  /** close_notify that was asked for before the handshake was done goes once it is. */
  #sendDueCloseNotify() {
    if (this.#writeClosed && this.connected && !this.#closed) this.#sendCloseNotify();
  }
  #sendCloseNotify() {
    if (this.#sentCloseNotify) return;
    this.#sentCloseNotify = true;
    this.#sendAlert("closeNotify");
    this.#records.endWriting();
  }
  #sendAlert(name2) {
    const alert = encodeAlert(name2);
    this.#records.writer.write(contentTypes.alert, alert);
    this.#config.trace?.({ kind: "alert", direction: "sent", level: alert[0], alert: name2 });
  }
  /** The one place where an error becomes an alert (RFC 9846, Section 6.2). */
  #fail(cause) {
    if (this.#closed) return;
    const error = asTlsError(cause);
    this.#error = error;
    if (this.failed) this.#records.forgetSessions();
    const silent = error instanceof AlertReceivedError || !this.failed;
    if (!silent && !this.#sentCloseNotify) {
      try {
        this.#sendAlert(error.alert);
      } catch {
      }
    }
    this.#finish();
  }
  #finish() {
    this.#closed = true;
    this.#progress = this.#error === void 0 ? { state: "closed" } : { state: "closed", error: this.#error };
    this.#dispatcher.end();
    this.#records.destroy();
    this.#config.trace?.(this.#error === void 0 ? { kind: "closed" } : { kind: "closed", error: this.#error.code });
  }
};
function stateError(call, problem2) {
  return new TlsError("ERR_TLS_STATE", "internalError", `${call}: the connection ${problem2}`);
}
function unexpectedRecord(what, expected) {
  return new PeerError("ERR_TLS_UNEXPECTED_RECORD", "unexpectedMessage", `${what} came where ${expected} may come`, {
    rfc: "RFC 9846, Section 5"
  });
}
function badChangeCipherSpec() {
  return new PeerError(
    "ERR_TLS_CHANGE_CIPHER_SPEC",
    "unexpectedMessage",
    "a changeCipherSpec record is not the single byte 1",
    { rfc: "RFC 9846, Section 5" }
  );
}
function asTlsError(cause) {
  if (cause instanceof TlsError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TlsError("ERR_TLS_INTERNAL", "internalError", `the host or the engine failed: ${message}`, { cause });
}

// src/engine/server-connection.ts
var ServerConnection = class extends Connection {
  options;
  constructor(options) {
    super(serverConfig(options), "server");
    this.options = options;
  }
  start(output) {
    return serverHandshake(handshakeContext(serverConfig(this.options), output));
  }
};

// src/engine/signer.ts
function localSigner(key) {
  const { type, bits } = key;
  const schemes = [.../* @__PURE__ */ new Set([...schemesForKey(type, bits, tls13), ...schemesForKey(type, bits, tls12)])];
  return {
    keyType: type,
    schemes,
    sign(code2, data) {
      const scheme = signatureScheme(code2);
      if (scheme === void 0) throw new ConfigError(`0x${code2.toString(16)} is no signature scheme of this stack`);
      return key.sign(scheme.algorithm, data);
    },
    decryptRaw: (ciphertext) => key.decryptRaw(ciphertext)
  };
}

// src/node/tls.ts
import { EventEmitter } from "node:events";
import { Duplex as Duplex2 } from "node:stream";
import { rootCertificates as rootCertificates2 } from "node:tls";
import { deprecate as deprecate2 } from "node:util";

// src/node/node-errors.ts
import { inspect } from "node:util";
function nodeError(code2, message, Base2 = Error, cause) {
  const error = new Base2(message, cause === void 0 ? void 0 : { cause });
  const { name: name2 } = error;
  Object.defineProperty(error, "name", {
    value: `${name2} [${code2}]`,
    configurable: true,
    writable: true,
    enumerable: false
  });
  Error.captureStackTrace(error, nodeError);
  void error.stack;
  delete error.name;
  error.code = code2;
  return error;
}
function received(value) {
  if (value === null || value === void 0) return ` Received ${value}`;
  if (typeof value === "function") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    const name2 = value.constructor?.name;
    return name2 ? ` Received an instance of ${name2}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  let shown = inspect(value, { colors: false });
  if (shown.length > 28) shown = `${shown.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${shown})`;
}
function listed(words) {
  if (words.length < 3) return words.join(" or ");
  return `${words.slice(0, -1).join(", ")}, or ${words.at(-1)}`;
}
var primitives = /* @__PURE__ */ new Set([
  "string",
  "function",
  "number",
  "object",
  "boolean",
  "bigint",
  "symbol",
  "Function",
  "Object"
]);
function invalidArgType(name2, expected, value) {
  const wanted = typeof expected === "string" ? [expected] : expected;
  const types = wanted.filter((word) => primitives.has(word)).map((word) => word.toLowerCase());
  const instances = wanted.filter((word) => /^[A-Z]/.test(word) && !primitives.has(word));
  const other = wanted.filter((word) => !primitives.has(word) && !/^[A-Z]/.test(word));
  const parts = [];
  if (types.length > 0) parts.push(`${types.length > 1 ? "one of type" : "of type"} ${listed(types)}`);
  if (instances.length > 0) parts.push(`an instance of ${listed(instances)}`);
  if (other.length > 0) parts.push(other.length > 1 ? `one of ${listed(other)}` : other[0]);
  const what = name2.endsWith(" argument") ? name2 : `"${name2}" ${name2.includes(".") ? "property" : "argument"}`;
  return nodeError("ERR_INVALID_ARG_TYPE", `The ${what} must be ${parts.join(" or ")}.${received(value)}`, TypeError);
}
function invalidArgValue(name2, value, reason = "is invalid") {
  let shown = inspect(value);
  if (shown.length > 128) shown = `${shown.slice(0, 128)}...`;
  const type = name2.includes(".") ? "property" : "argument";
  return nodeError("ERR_INVALID_ARG_VALUE", `The ${type} '${name2}' ${reason}. Received ${shown}`, TypeError);
}
function outOfRange(name2, range, value) {
  return nodeError(
    "ERR_OUT_OF_RANGE",
    `The value of "${name2}" is out of range. It must be ${range}. Received ${inspect(value)}`,
    RangeError
  );
}
function validateString(value, name2) {
  if (typeof value !== "string") throw invalidArgType(name2, "string", value);
}
function validateFunction(value, name2) {
  if (typeof value !== "function") throw invalidArgType(name2, "Function", value);
}
function validateBoolean(value, name2) {
  if (typeof value !== "boolean") throw invalidArgType(name2, "boolean", value);
}
function validateObject2(value, name2) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalidArgType(name2, "Object", value);
}
function validateBuffer(value, name2 = "buffer") {
  if (!ArrayBuffer.isView(value)) throw invalidArgType(name2, ["Buffer", "TypedArray", "DataView"], value);
}
function validateNumber(value, name2, min) {
  if (typeof value !== "number") throw invalidArgType(name2, "number", value);
  if (min !== void 0 && !(value >= min)) throw outOfRange(name2, `>= ${min}`, value);
}
function validateInteger(value, name2, min, max) {
  if (typeof value !== "number") throw invalidArgType(name2, "number", value);
  if (!Number.isInteger(value)) throw outOfRange(name2, "an integer", value);
  if (value < min || value > max) throw outOfRange(name2, `>= ${min} && <= ${max}`, value);
}
function unsupportedOption(name2, advice2) {
  return nodeError(
    "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
    `Handfast does not support the option ${name2}: ${advice2}`,
    TypeError
  );
}
function connectionReset(message, cause) {
  return nodeError("ECONNRESET", message, Error, cause);
}
var old = openssl32() ? "ssl/tls" : "sslv3";
function openssl32() {
  const [major = 0, minor = 0] = (process.versions.openssl ?? "").split(".").map(Number);
  return major > 3 || major === 3 && minor >= 2;
}
var alertReasons = {
  10: `${old} alert unexpected message`,
  20: `${old} alert bad record mac`,
  21: "tlsv1 alert decryption failed",
  22: "tlsv1 alert record overflow",
  30: `${old} alert decompression failure`,
  40: `${old} alert handshake failure`,
  41: `${old} alert no certificate`,
  42: `${old} alert bad certificate`,
  43: `${old} alert unsupported certificate`,
  44: `${old} alert certificate revoked`,
  45: `${old} alert certificate expired`,
  46: `${old} alert certificate unknown`,
  47: `${old} alert illegal parameter`,
  48: "tlsv1 alert unknown ca",
  49: "tlsv1 alert access denied",
  50: "tlsv1 alert decode error",
  51: "tlsv1 alert decrypt error",
  60: "tlsv1 alert export restriction",
  70: "tlsv1 alert protocol version",
  71: "tlsv1 alert insufficient security",
  80: "tlsv1 alert internal error",
  86: "tlsv1 alert inappropriate fallback",
  90: "tlsv1 alert user cancelled",
  100: "tlsv1 alert no renegotiation",
  109: "tlsv13 alert missing extension",
  110: "tlsv1 unsupported extension",
  112: "tlsv1 unrecognized name",
  113: "tlsv1 bad certificate status response",
  115: "tlsv1 alert unknown psk identity",
  116: "tlsv13 alert certificate required",
  120: "tlsv1 alert no application protocol",
  121: "tlsv13 alert ech required"
};
var ownReasons = {
  ERR_TLS_NO_SHARED_CIPHER: "no shared cipher",
  ERR_TLS_NO_COMMON_CIPHER_SUITE: "no shared cipher",
  ERR_TLS_CIPHER_SUITE: "no shared cipher",
  ERR_TLS_NO_CIPHER_SUITE: "no shared cipher",
  ERR_TLS_NO_CREDENTIAL: "no shared cipher",
  ERR_TLS_VERSION: "unsupported protocol",
  ERR_TLS_PROTOCOL_VERSION: "unsupported protocol",
  ERR_TLS_VERSION_UNSUPPORTED: "unsupported protocol",
  ERR_TLS_RECORD_TYPE: "wrong version number",
  ERR_TLS_RECORD_VERSION: "wrong version number",
  ERR_TLS_NOT_TLS: "wrong version number",
  ERR_TLS_RECORD_OVERFLOW: "packet length too long",
  ERR_TLS_BAD_RECORD_MAC: "decryption failed or bad record mac",
  ERR_TLS_CLIENT_CERTIFICATE_REQUIRED: "peer did not return a certificate",
  ERR_TLS_CERTIFICATE_REQUIRED: "peer did not return a certificate",
  ERR_TLS_NO_COMMON_SIGNATURE_SCHEME: "no shared signature algorithms",
  ERR_TLS_NO_SIGNATURE_SCHEME: "no shared signature algorithms",
  ERR_TLS_SIGNATURE_SCHEME: "no shared signature algorithms",
  ERR_TLS_UNEXPECTED_MESSAGE: "unexpected message",
  ERR_TLS_HANDSHAKE_TOO_LARGE: "excessive message size",
  ERR_TLS_CERTIFICATE_COMPRESSION_TOO_LARGE: "excessive message size",
  ERR_TLS_TRUNCATED: "unexpected eof while reading",
  ERR_TLS_BINDER: "binder does not verify",
  ERR_TLS_ECH_REJECTED: "ech required"
};
function opensslReason(error) {
  if (error instanceof AlertReceivedError) return alertReasons[error.alertCode] ?? `unknown alert ${error.alertCode}`;
  return ownReasons[error.code] ?? error.code.slice("ERR_TLS_".length).toLowerCase().replaceAll("_", " ");
}
function refusedByProgram({ alert, cause }) {
  return alert === "internalError" && cause instanceof Error && !(cause instanceof TlsError);
}
function toNodeError(error) {
  if (!(error instanceof TlsError)) return error instanceof Error ? error : new Error(String(error), { cause: error });
  if (refusedByProgram(error)) return error.cause;
  const shown = opensslError(opensslReason(error), error.message, error);
  if (!(error instanceof EchRejectedError)) return shown;
  const { retryConfigs } = error;
  return Object.assign(shown, { echRetryConfigs: retryConfigs && Buffer.from(retryConfigs) });
}
function opensslError(reason, detail, cause) {
  const code2 = `ERR_SSL_${reason.toUpperCase().replaceAll(" ", "_")}`;
  const error = nodeError(code2, `error:SSL routines::${reason}: ${detail}`, Error, cause);
  error.library = "SSL routines";
  error.reason = reason;
  return error;
}

// src/node/settings.ts
var nodeMajor2 = Number.parseInt(process.versions.node, 10);
function flagWords() {
  return [...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/), ...process.execArgv];
}
function flag2(name2) {
  return flagWords().includes(name2);
}
function lastFlag(...names) {
  return flagWords().findLast((word) => names.includes(word));
}
function flagValue(name2) {
  const words = flagWords();
  for (let i = words.length - 1; i >= 0; i--) {
    if (words[i].startsWith(`${name2}=`)) return words[i].slice(name2.length + 1);
    if (words[i] === name2) return words[i + 1];
  }
  return void 0;
}
var cipherDefault = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
var defaults = {
  DEFAULT_CIPHERS: flagValue("--tls-cipher-list") ?? cipherDefault,
  DEFAULT_ECDH_CURVE: "auto",
  DEFAULT_MIN_VERSION: flag2("--tls-min-v1.0") ? "TLSv1" : flag2("--tls-min-v1.1") ? "TLSv1.1" : flag2("--tls-min-v1.3") && !flag2("--tls-min-v1.2") ? "TLSv1.3" : "TLSv1.2",
  DEFAULT_MAX_VERSION: flag2("--tls-max-v1.2") && !flag2("--tls-max-v1.3") ? "TLSv1.2" : "TLSv1.3",
  CLIENT_RENEG_LIMIT: 3,
  CLIENT_RENEG_WINDOW: 600
};
var settings = {
  /** The object whose `DEFAULT_*` and `checkServerIdentity` programs see and write. */
  exports: void 0,
  /** The object of `handfast/https`, or Node's own after `register`. */
  https: void 0
};

// src/node/alpn.ts
function convertALPNProtocols(protocols, out) {
  if (Array.isArray(protocols)) {
    out.ALPNProtocols = Buffer.concat(
      protocols.map((protocol, index) => {
        const length = Buffer.byteLength(`${protocol}`);
        if (strict2 && length === 0) {
          throw invalidArgValue(`protocols[${index}]`, protocol, "must be a non-empty string");
        }
        if (length > 255) {
          const error = outOfRange("", "<= 255", length);
          error.message = `The byte length of the protocol at index ${index} exceeds the maximum length. It must be <= 255. Received ${length}`;
          throw error;
        }
        return Buffer.concat([Buffer.of(length), Buffer.from(`${protocol}`)]);
      })
    );
  } else if (ArrayBuffer.isView(protocols)) {
    const wire = Buffer.from(Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength));
    if (strict2) checkWire(wire);
    out.ALPNProtocols = wire;
  }
}
var strict2 = nodeMajor2 >= 24;
function checkWire(wire) {
  for (let at2 = 0; at2 < wire.length; at2 += 1 + wire[at2]) {
    if (wire[at2] === 0) throw invalidArgValue("ALPNProtocols", wire, "must not contain zero-length protocol");
    if (at2 + 1 + wire[at2] > wire.length) {
      throw invalidArgValue("ALPNProtocols", wire, "contains truncated protocol");
    }
  }
}
function alpnList(wire) {
  const list = [];
  if (wire === void 0) return list;
  for (let at2 = 0; at2 < wire.length; at2 += 1 + wire[at2]) {
    list.push(Buffer.from(wire.subarray(at2 + 1, at2 + 1 + wire[at2])).toString("latin1"));
  }
  return list;
}

// src/node/certificate-compression.ts
import * as zlib from "node:zlib";
function algorithm(code2, compress2, decompress2) {
  return {
    algorithm: code2,
    compress: (certificate) => asBytes(compress2(certificate)),
    decompress: (compressed, length) => {
      const bytes = asBytes(decompress2(compressed, { maxOutputLength: Math.max(length, 1) }));
      if (bytes.length !== length) throw new RangeError(`the certificate has ${bytes.length} bytes, not ${length}`);
      return bytes;
    }
  };
}
function asBytes(bytes) {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
var { zstdCompressSync, zstdDecompressSync } = zlib;
var algorithms = /* @__PURE__ */ new Map([
  ["zlib", algorithm(1, zlib.deflateSync, zlib.inflateSync)],
  ["brotli", algorithm(2, zlib.brotliCompressSync, zlib.brotliDecompressSync)]
]);
if (zstdCompressSync && zstdDecompressSync) algorithms.set("zstd", algorithm(3, zstdCompressSync, zstdDecompressSync));
function getCertificateCompressionAlgorithms() {
  return [...algorithms.keys()];
}
function readCertificateCompression(names) {
  if (!Array.isArray(names)) throw invalidArgType("options.certificateCompression", "Array", names);
  if (names.length > 3) {
    throw invalidArgValue("options.certificateCompression", names, "can specify at most 3 algorithms");
  }
  return names.map((name2, index) => {
    const found2 = algorithms.get(name2);
    if (found2 !== void 0) return found2;
    const where = `options.certificateCompression[${index}]`;
    if (name2 !== "zstd") throw invalidArgValue(where, name2, "must be 'zlib', 'brotli', or 'zstd'");
    throw invalidArgValue(where, name2, "must be 'zlib' or 'brotli': this version of Node has no Zstandard");
  });
}

// src/node/check-server-identity.ts
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
function checkServerIdentity(hostname, cert) {
  const altNames = cert.subjectaltname;
  const dnsNames = [];
  const addresses = [];
  if (altNames) {
    for (const name2 of altNames.includes('"') ? splitQuoted(altNames) : altNames.split(", ")) {
      if (name2.startsWith("DNS:")) dnsNames.push(name2.slice(4));
      else if (name2.startsWith("IP Address:")) addresses.push(canonicalAddress(name2.slice(11)) ?? "");
    }
  }
  const host = withoutDot(`${hostname}`);
  const reason = mismatch(host, cert, altNames, dnsNames, addresses);
  if (reason === void 0) return void 0;
  const error = nodeError(
    "ERR_TLS_CERT_ALTNAME_INVALID",
    `Hostname/IP does not match certificate's altnames: ${reason}`
  );
  error.reason = reason;
  error.host = host;
  error.cert = cert;
  return error;
}
function mismatch(host, cert, altNames, dnsNames, addresses) {
  if (isIP(host)) {
    if (addresses.includes(canonicalAddress(host) ?? host)) return void 0;
    return `IP: ${host} is not in the cert's list: ${addresses.join(", ")}`;
  }
  const commonName = cert.subject?.CN;
  if (dnsNames.length === 0 && !commonName) return "Cert does not contain a DNS name";
  const labels3 = labelsOf(domainToASCII(host) || host);
  if (dnsNames.length > 0) {
    if (dnsNames.some((pattern) => matches(labels3, pattern))) return void 0;
    return `Host: ${host}. is not in the cert's altnames: ${altNames}`;
  }
  const names = Array.isArray(commonName) ? commonName : [commonName];
  if (names.some((pattern) => matches(labels3, pattern ?? ""))) return void 0;
  return `Host: ${host}. is not cert's CN: ${commonName}`;
}
function withoutDot(host) {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}
function labelsOf(host) {
  return withoutDot(host).replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32)).split(".");
}
function matches(labels3, pattern) {
  if (!pattern) return false;
  const parts = labelsOf(pattern);
  if (parts.length !== labels3.length || parts.includes("")) return false;
  if (parts.some((part) => /[^\u0021-\u007F]/u.test(part))) return false;
  for (let i = parts.length - 1; i > 0; i--) if (parts[i] !== labels3[i]) return false;
  const first = parts[0];
  const label2 = labels3[0];
  const around = first.split("*");
  if (around.length === 1 || first.includes("xn--")) return first === label2;
  if (around.length > 2 || parts.length <= 2) return false;
  const [before, after2] = around;
  return before.length + after2.length <= label2.length && label2.startsWith(before) && label2.endsWith(after2);
}
function canonicalAddress(text) {
  const address = text.replace(/%.*$/, "");
  if (isIP(address) === 0) return void 0;
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
var jsonString = /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/;
function splitQuoted(altNames) {
  const names = [];
  let name2 = "";
  let at2 = 0;
  while (at2 < altNames.length) {
    const comma = altNames.indexOf(",", at2);
    const quote = altNames.indexOf('"', at2);
    if (quote !== -1 && (comma === -1 || quote < comma)) {
      const quoted2 = jsonString.exec(altNames.slice(quote));
      if (quoted2 === null)
        throw nodeError("ERR_TLS_CERT_ALTNAME_FORMAT", "Invalid subject alternative name string", SyntaxError);
      name2 += altNames.slice(at2, quote) + JSON.parse(quoted2[0]);
      at2 = quote + quoted2[0].length;
    } else if (comma !== -1) {
      names.push(name2 + altNames.slice(at2, comma));
      name2 = "";
      at2 = comma + 2;
    } else {
      name2 += altNames.slice(at2);
      at2 = altNames.length;
    }
  }
  names.push(name2);
  return names;
}

// src/node/ciphers.ts
var opensslNames = new Map(
  cipherSuites.map((suite) => [suite.code, suite.version === 772 ? suite.name : opensslName(suite)])
);
var byName = /* @__PURE__ */ new Map();
for (const suite of cipherSuites) {
  byName.set(opensslNames.get(suite.code), suite);
  byName.set(suite.name, suite);
}
function opensslName(suite) {
  const [, exchange, rest] = /^TLS_(.+)_WITH_(.+)$/.exec(suite.name);
  const cipher = rest.replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305").replace(/AES_(\d+)_GCM/, "AES$1_GCM").replace(/AES_(\d+)_CBC/, "AES$1").replaceAll("_", "-");
  return exchange === "RSA" ? cipher : `${exchange.replaceAll("_", "-")}-${cipher}`;
}
function cipherInfo(code2) {
  const suite = cipherSuite(code2);
  if (suite === void 0) return { name: "(NONE)", standardName: "undefined", version: "undefined" };
  return {
    name: opensslNames.get(code2),
    standardName: suite.name,
    // OpenSSL names the first version that knew the suite: TLS 1.0 for CBC with SHA-1.
    version: suite.version === 772 ? "TLSv1.3" : suite.cbc?.mac === "sha1" ? suite.keyExchange === "rsa" ? "SSLv3" : "TLSv1" : "TLSv1.2"
  };
}
function getCiphers() {
  return [...opensslNames.values()].map((name2) => name2.toLowerCase()).sort();
}
var isAead = (suite) => suite.aead !== void 0;
var ecdhe = (suite) => suite.keyExchange === "ecdhe";
var never = () => false;
var always = () => true;
var has = (text) => (suite) => suite.name.includes(text);
var aliases = {
  ALL: always,
  DEFAULT: always,
  HIGH: always,
  FIPS: has("AES"),
  // Known to OpenSSL, not spoken here: passed over where other suites match, as in a build without them.
  PSK: never,
  kPSK: never,
  aPSK: never,
  DHE: never,
  kDHE: never,
  EDH: never,
  SRP: never,
  CAMELLIA: never,
  ARIA: never,
  AESCCM: never,
  "3DES": never,
  MEDIUM: never,
  LOW: never,
  EXPORT: never,
  EXP: never,
  eNULL: never,
  NULL: never,
  aNULL: never,
  COMPLEMENTOFDEFAULT: never,
  COMPLEMENTOFALL: never,
  kRSA: (suite) => suite.keyExchange === "rsa",
  RSA: (suite) => suite.keyExchange === "rsa" || suite.authentication === "rsa",
  aRSA: (suite) => suite.authentication === "rsa",
  ECDHE: ecdhe,
  EECDH: ecdhe,
  kEECDH: ecdhe,
  kECDHE: ecdhe,
  ECDH: ecdhe,
  ECDSA: (suite) => suite.authentication === "ecdsa",
  aECDSA: (suite) => suite.authentication === "ecdsa",
  AES: has("AES"),
  AES128: has("AES_128"),
  AES256: has("AES_256"),
  AESGCM: has("GCM"),
  CHACHA20: has("CHACHA20"),
  SHA1: (suite) => suite.cbc?.mac === "sha1",
  SHA: (suite) => suite.cbc?.mac === "sha1",
  SHA256: (suite) => suite.cbc?.mac === "sha256",
  SHA384: (suite) => suite.cbc?.mac === "sha384",
  TLSv1: (suite) => suite.cbc?.mac === "sha1",
  "TLSv1.0": (suite) => suite.cbc?.mac === "sha1",
  "TLSv1.2": (suite) => isAead(suite) || suite.cbc?.mac !== "sha1",
  SSLv3: (suite) => suite.cbc?.mac === "sha1" && suite.keyExchange === "rsa"
};
var strengthOrder = cipherSuites.filter((suite) => suite.version === 771).map((suite, index) => ({ suite, index })).sort((a, b) => rank(b.suite) - rank(a.suite) || a.index - b.index).map(({ suite }) => suite);
function rank(suite) {
  const exchange = suite.keyExchange === "ecdhe" ? 1e3 : 0;
  const mode = suite.aead !== void 0 ? 100 : 0;
  const strength = suite.aead === "chacha20poly1305" ? 40 : suite.keyLength;
  return exchange + mode + strength + (suite.authentication === "ecdsa" ? 1 : 0);
}
var tls13Default = [4866, 4867, 4865];
var parsed = /* @__PURE__ */ new Map();
function parseCiphers(list) {
  let choice = parsed.get(list);
  if (choice === void 0) {
    choice = readCiphers(list);
    if (parsed.size > 100) parsed.clear();
    parsed.set(list, choice);
  }
  return choice;
}
function readCiphers(list) {
  const words = list.split(/[:, ;]/).filter((word) => word !== "");
  const words13 = words.filter((word) => /^!?TLS_(?!.*_WITH_)/.test(word));
  const words12 = words.filter((word) => !words13.includes(word));
  let codes13 = tls13Default;
  if (words13.length > 0) {
    codes13 = words13.flatMap((word) => byName.get(word)?.code ?? []);
    if (codes13.length === 0) throw noMatch(list);
  }
  let chosen = [];
  const banned = /* @__PURE__ */ new Set();
  let securityLevel = 1;
  for (const word of words12) {
    const [, sign, rest] = /^([!+-]?)(.*)$/.exec(word);
    const [term, command] = rest.split("@");
    if (term !== "") chosen = apply(chosen, banned, sign, term);
    if (command === "STRENGTH") chosen = [...chosen].sort((a, b) => b.keyLength - a.keyLength);
    else if (command !== void 0 && /^SECLEVEL=[0-5]$/.test(command)) securityLevel = Number(command.at(-1));
    else if (command !== void 0) throw noMatch(list, `@${command} is not known`);
  }
  if (words12.length > 0 && chosen.length === 0 && words13.length === 0) throw noMatch(list);
  return { codes: [...codes13, ...chosen.map((suite) => suite.code)], tls12: chosen.length > 0, securityLevel };
}
function apply(chosen, banned, sign, term) {
  const fits = predicateOf(term);
  if (fits === void 0) return chosen;
  const hit = strengthOrder.filter(fits);
  if (sign === "!") for (const suite of hit) banned.add(suite);
  if (sign === "!" || sign === "-") return chosen.filter((suite) => !hit.includes(suite));
  if (sign === "+")
    return [...chosen.filter((suite) => !hit.includes(suite)), ...chosen.filter((suite) => hit.includes(suite))];
  return [...chosen, ...hit.filter((suite) => !chosen.includes(suite) && !banned.has(suite))];
}
function predicateOf(term) {
  const named = byName.get(term);
  if (named !== void 0) return (suite) => suite === named;
  const parts = term.split("+").map((word) => aliases[word]);
  if (parts.some((part) => part === void 0)) return void 0;
  return (suite) => parts.every((part) => part(suite));
}
function noMatch(list, why = "it names no cipher suite that Handfast has; see tls.getCiphers()") {
  const error = nodeError(
    "ERR_SSL_NO_CIPHER_MATCH",
    `error:SSL routines::no cipher match: the cipher list "${list}": ${why}`
  );
  return Object.assign(error, { library: "SSL routines", reason: "no cipher match" });
}

// src/node/default-ca.ts
import { X509Certificate } from "node:crypto";
import { readFileSync as readFileSync2 } from "node:fs";
import * as nodeTls from "node:tls";

// src/node/trust-store.ts
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

// src/pki/certificate-file.ts
function nameCertificate(der3, index, count2) {
  const subject = subjectHint(der3);
  const number = count2 === 1 ? "the certificate" : `certificate ${index + 1} of ${count2}`;
  return subject === void 0 ? number : `${number} (${subject})`;
}
function subjectHint(der3) {
  let at2 = headerEnd(der3, headerEnd(der3, 0, 48), 48);
  if (der3[at2] === 160) at2 = elementEnd(der3, at2);
  for (const tag of [2, 48, 48, 48]) at2 = der3[at2] === tag ? elementEnd(der3, at2) : Number.NaN;
  const end = elementEnd(der3, at2);
  if (!(end <= der3.length)) return void 0;
  try {
    return formatName(der3.subarray(at2, end));
  } catch {
    return void 0;
  }
}
function headerEnd(der3, at2, tag) {
  const length = der3[at2 + 1];
  if (length === void 0 || tag !== void 0 && der3[at2] !== tag) return Number.NaN;
  return at2 + 2 + (length < 128 ? 0 : length & 127);
}
function elementEnd(der3, at2) {
  const start2 = headerEnd(der3, at2, void 0);
  let length = der3[at2 + 1];
  if (length >= 128) {
    length = 0;
    for (let i = at2 + 2; i < start2; i++) length = length * 256 + der3[i];
  }
  return start2 + length;
}

// src/pki/crl.ts
var crlReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10
};
var crlReasonName = namesOf(crlReasons);
var maxListBytes = 64 << 20;
function parseCertificateList(der3) {
  const outer = new DerReader(der3, "certificate revocation list");
  if (der3.length > maxListBytes) throw outer.error(`${der3.length} bytes, where ${maxListBytes} are allowed`);
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  fields.expect(tags.sequence, "tbsCertList");
  const tbs = fields.raw();
  const list = fields.inside("tbsCertList");
  const outerAlgorithm = readSignatureIdentifier(fields, "signatureAlgorithm");
  const signature = fields.bitString("signatureValue");
  fields.done();
  let version2 = 1;
  if (list.peek() === tags.integer) {
    if (list.smallInteger("version", 1) !== 1) throw list.error("version encodes v1");
    version2 = 2;
  }
  const signatureAlgorithm = readSignatureIdentifier(list, "signature");
  if (!equal(outerAlgorithm.raw, signatureAlgorithm.raw)) {
    throw list.error("the two signature algorithms differ (RFC 5280, Section 5.1.1.2)");
  }
  const issuer = readName(list, "issuer");
  if (list.start === list.stop) throw list.error("the issuer is empty (RFC 5280, Section 5.1.2.3)");
  const thisUpdate = list.time("thisUpdate");
  const nextTag = list.peek();
  const nextUpdate = nextTag === tags.utcTime || nextTag === tags.generalizedTime ? list.time("nextUpdate") : void 0;
  const index = /* @__PURE__ */ new Map();
  let unusable;
  if (list.optional(tags.sequence)) {
    const entries = list.inside("revokedCertificates");
    if (!entries.more) throw entries.error("the list is empty, where it must be absent");
    let last = noBytes;
    while (entries.more) {
      const at2 = entries.at;
      const entry = entries.enter(tags.sequence, "entry");
      const serialNumber = entry.integer("userCertificate");
      entry.time("revocationDate");
      index.set(serialKey(serialNumber), at2);
      const rest = der3.subarray(entry.at, entry.end);
      if (rest.length === 0 || equal(rest, last)) continue;
      const decoded2 = readEntryExtensions(entry, version2);
      unusable ??= decoded2.unknownCritical ?? (decoded2.certificateIssuer === void 0 ? void 0 : oids.certificateIssuer);
      last = rest;
    }
  }
  let extensions = /* @__PURE__ */ new Map();
  const decoded = {};
  if (list.optional(contextTag(0))) {
    if (version2 === 1) throw list.error("extensions in a list of version 1");
    const explicit = list.inside("crlExtensions");
    extensions = readExtensions(explicit, (item) => {
      const reader = new DerReader(item.value, `certificate revocation list, extension ${item.oid}`);
      if (item.oid === oids.crlNumber) decoded.crlNumber = reader.integer("cRLNumber");
      else if (item.oid === oids.deltaCrlIndicator) decoded.baseCrlNumber = reader.integer("BaseCRLNumber");
      else if (item.oid === oids.authorityKeyIdentifier)
        decoded.authorityKeyIdentifier = readAuthorityKeyIdentifier(reader);
      else if (item.oid === oids.issuingDistributionPoint)
        decoded.issuingDistributionPoint = readIssuingDistributionPoint(reader);
      else return;
      reader.done();
    });
    explicit.done();
  }
  list.done();
  return {
    der: der3,
    tbs,
    version: version2,
    signatureAlgorithm,
    signature,
    issuer,
    issuerKey: nameKey(issuer),
    thisUpdate,
    nextUpdate,
    extensions,
    crlNumber: decoded.crlNumber,
    baseCrlNumber: decoded.baseCrlNumber,
    authorityKeyIdentifier: decoded.authorityKeyIdentifier,
    issuingDistributionPoint: decoded.issuingDistributionPoint,
    entries: index.size,
    unusable,
    find: (serialNumber) => {
      const at2 = index.get(serialKey(serialNumber));
      return at2 === void 0 ? void 0 : readEntry(new DerReader(der3, "revoked certificate", at2), version2);
    }
  };
}
function readEntry(entries, version2) {
  const entry = entries.enter(tags.sequence, "entry");
  const serialNumber = entry.integer("userCertificate");
  const revocationDate = entry.time("revocationDate");
  return { serialNumber, revocationDate, ...entry.more ? readEntryExtensions(entry, version2) : {} };
}
function readEntryExtensions(entry, version2) {
  if (version2 === 1) throw entry.error("extensions in a list of version 1");
  const decoded = {};
  readExtensions(entry, (item) => {
    const reader = new DerReader(item.value, "revoked certificate");
    if (item.oid === oids.reasonCode) {
      const code2 = reader.smallInteger("reasonCode", 10, tags.enumerated);
      reader.done();
      decoded.reason = crlReasonName(code2);
      if (decoded.reason === void 0)
        throw reader.error(`the reason ${code2} is not assigned (RFC 5280, Section 5.3.1)`);
    } else if (item.oid === oids.certificateIssuer) {
      decoded.certificateIssuer = readGeneralNames(reader.enter(tags.sequence, "certificateIssuer"));
      reader.done();
    } else if (item.critical) {
      decoded.unknownCritical = item.oid;
    }
  });
  entry.done();
  return decoded;
}
function readIssuingDistributionPoint(reader) {
  const fields = reader.enter(tags.sequence, "issuingDistributionPoint");
  let name2 = {};
  if (fields.optional(contextTag(0))) name2 = readDistributionPointName(fields.inside("distributionPoint"));
  const flag3 = (n) => {
    if (!fields.optional(contextPrimitiveTag(n))) return false;
    if (!fields.checkedBoolean("a flag")) throw fields.error("a flag encodes its default value FALSE");
    return true;
  };
  const onlyUserCerts = flag3(1);
  const onlyCaCerts = flag3(2);
  const onlySomeReasons = fields.peek() === contextPrimitiveTag(3) ? fields.namedBits("onlySomeReasons", contextPrimitiveTag(3)) : void 0;
  const indirect = flag3(4);
  const onlyAttributeCerts = flag3(5);
  fields.done();
  return { ...name2, onlyUserCerts, onlyCaCerts, onlySomeReasons, indirect, onlyAttributeCerts };
}
function serialKey(serialNumber) {
  return String.fromCharCode(...serialNumber.length > 64 ? serialNumber.subarray(0, 64) : serialNumber);
}

// src/pki/ocsp.ts
var ocspStatuses = [
  "successful",
  "malformedRequest",
  "internalError",
  "tryLater",
  void 0,
  "sigRequired",
  "unauthorized"
];
var maxResponseBytes = 1 << 18;
var maxResponses = 256;
var maxCertificates = 8;
function parseOcspResponse(bytes) {
  const outer = new DerReader(bytes, "OCSP response");
  if (bytes.length > maxResponseBytes)
    throw outer.error(`${bytes.length} bytes, where ${maxResponseBytes} are allowed`);
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  const code2 = fields.smallInteger("responseStatus", 6, tags.enumerated);
  const status = ocspStatuses[code2];
  if (status === void 0) throw fields.error(`the status ${code2} is not assigned (RFC 6960, Section 4.2.1)`);
  if (status !== "successful") {
    fields.done();
    return { status };
  }
  const explicit = fields.enter(contextTag(0), "responseBytes");
  fields.done();
  const responseBytes = explicit.enter(tags.sequence, "SEQUENCE");
  explicit.done();
  const type = responseBytes.oid("responseType");
  if (type !== oids.ocspBasic) throw responseBytes.error(`the response type ${type} is not id-pkix-ocsp-basic`);
  const inner = responseBytes.octetString("response");
  responseBytes.done();
  return { status, basic: readBasic(inner) };
}
function readBasic(bytes) {
  const outer = new DerReader(bytes, "OCSP response");
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  fields.expect(tags.sequence, "tbsResponseData");
  const tbs = fields.raw();
  const data = fields.inside("tbsResponseData");
  const signatureAlgorithm = readSignatureIdentifier(fields, "signatureAlgorithm");
  const signature = fields.bitString("signature");
  const certificates = [];
  if (fields.optional(contextTag(0))) {
    const explicit = fields.inside("certs");
    const list2 = explicit.enter(tags.sequence, "SEQUENCE");
    explicit.done();
    while (list2.more) {
      if (certificates.length === maxCertificates) throw list2.error(`more than ${maxCertificates} certificates`);
      list2.expect(tags.sequence, "certificate");
      certificates.push(list2.raw());
    }
  }
  fields.done();
  if (data.peek() === contextTag(0))
    throw data.error("version encodes its default value v1, or is no version of RFC 6960");
  const responder = readResponder(data);
  const producedAt = data.generalizedTime("producedAt");
  const list = data.enter(tags.sequence, "responses");
  const responses = [];
  while (list.more) {
    if (responses.length === maxResponses) throw list.error(`more than ${maxResponses} answers`);
    responses.push(readSingle(list));
  }
  let nonce4;
  let unknownCritical;
  if (data.optional(contextTag(1))) {
    const explicit = data.inside("responseExtensions");
    readExtensions(explicit, (item) => {
      if (item.oid === oids.ocspNonce) nonce4 = readNonce(item);
      else if (item.critical) unknownCritical = item.oid;
    });
    explicit.done();
  }
  data.done();
  return { tbs, signatureAlgorithm, signature, responder, producedAt, responses, nonce: nonce4, unknownCritical, certificates };
}
function readResponder(data) {
  if (data.optional(contextTag(1))) {
    const explicit2 = data.inside("byName");
    const name2 = readName(explicit2, "responder");
    explicit2.done();
    return { name: name2 };
  }
  data.expect(contextTag(2), "responderID");
  const explicit = data.inside("byKey");
  const keyHash = explicit.octetString("key hash");
  explicit.done();
  return { keyHash };
}
function readSingle(list) {
  const fields = list.enter(tags.sequence, "answer");
  const certId = readCertId(fields);
  const status = readStatus(fields);
  const thisUpdate = fields.generalizedTime("thisUpdate");
  let nextUpdate;
  if (fields.optional(contextTag(0))) {
    const explicit = fields.inside("nextUpdate");
    nextUpdate = explicit.generalizedTime("nextUpdate");
    explicit.done();
  }
  let unknownCritical;
  if (fields.optional(contextTag(1))) {
    const explicit = fields.inside("singleExtensions");
    readExtensions(explicit, (item) => {
      if (item.critical) unknownCritical = item.oid;
    });
    explicit.done();
  }
  fields.done();
  return { certId, status, thisUpdate, nextUpdate, unknownCritical };
}
function readStatus(fields) {
  const tag = fields.next();
  if (tag === contextPrimitiveTag(0) || tag === contextPrimitiveTag(2)) {
    if (fields.start !== fields.stop) throw fields.error("a certStatus that is a NULL with content");
    return { kind: tag === contextPrimitiveTag(0) ? "good" : "unknown" };
  }
  if (tag !== contextTag(1)) throw fields.error("certStatus is neither good, revoked nor unknown");
  const revoked = fields.inside("revoked");
  const revocationTime = revoked.generalizedTime("revocationTime");
  let reason;
  if (revoked.optional(contextTag(0))) {
    const explicit = revoked.inside("reason");
    reason = crlReasonName(explicit.smallInteger("reason", 10, tags.enumerated));
    explicit.done();
  }
  revoked.done();
  return { kind: "revoked", revocationTime, reason };
}
var hashes = {
  [oids.sha1]: "sha1",
  [oids.sha256]: "sha256",
  [oids.sha384]: "sha384",
  [oids.sha512]: "sha512"
};
function readCertId(parent) {
  const fields = parent.enter(tags.sequence, "certID");
  const raw = parent.raw();
  const algorithm2 = fields.enter(tags.sequence, "hashAlgorithm");
  const hash3 = hashes[algorithm2.oid("algorithm")];
  if (algorithm2.more) algorithm2.null("parameters");
  algorithm2.done();
  const issuerNameHash = fields.octetString("issuerNameHash");
  const issuerKeyHash = fields.octetString("issuerKeyHash");
  const serialNumber = fields.integer("serialNumber");
  fields.done();
  return { hash: hash3, issuerNameHash, issuerKeyHash, serialNumber, raw };
}
function readNonce(item) {
  const reader = new DerReader(item.value, "OCSP nonce");
  const nonce4 = reader.octetString("nonce");
  reader.done();
  if (nonce4.length < 1 || nonce4.length > 128) throw reader.error(`a nonce of ${nonce4.length} bytes`);
  return nonce4;
}
function certIdMatches(id, certificate, issuer, crypto) {
  if (id.hash === void 0 || !equal(id.serialNumber, certificate.serialNumber)) return false;
  return equal(id.issuerNameHash, crypto.hash(id.hash, issuer.subject)) && equal(id.issuerKeyHash, crypto.hash(id.hash, publicKeyBits(issuer.spki)));
}
function publicKeyBits(spki) {
  const fields = new DerReader(spki, "subjectPublicKeyInfo").enter(tags.sequence, "SEQUENCE");
  fields.expect(tags.sequence, "algorithm");
  return fields.bitString("subjectPublicKey");
}

// src/pki/key-file-error.ts
var maxIterations = 1e7;
function keyFileError(message, cause) {
  return new ConfigError(message, { code: "ERR_TLS_KEY_FILE", cause });
}
function passphraseError(message) {
  return new ConfigError(message, { code: "ERR_TLS_PASSPHRASE" });
}

// src/pki/pkcs12-kdf.ts
var pkcs12Purpose = { key: 1, initializationVector: 2, mac: 3 };
function bmpPassphrase(passphrase) {
  const bytes = new Uint8Array(2 * passphrase.length + 2);
  for (let i = 0; i < passphrase.length; i++) {
    bytes[2 * i] = passphrase.charCodeAt(i) >> 8;
    bytes[2 * i + 1] = passphrase.charCodeAt(i);
  }
  return bytes;
}
function derivePkcs12(hash3, purpose, { password, salt, iterations }, size, crypto) {
  const block3 = hash3 === "sha384" || hash3 === "sha512" ? 128 : 64;
  const diversifier = new Uint8Array(block3).fill(purpose);
  const input = concat(filled(salt, block3), filled(password, block3));
  const out = new Uint8Array(size);
  for (let made = 0; made < size; ) {
    let part = crypto.hash(hash3, concat(diversifier, input));
    for (let i = 1; i < iterations; i++) part = crypto.hash(hash3, part);
    out.set(part.subarray(0, size - made), made);
    made += part.length;
    if (made < size) addToBlocks(input, filled(part, block3).subarray(0, block3));
  }
  return out;
}
function filled(bytes, block3) {
  const out = new Uint8Array(block3 * Math.ceil(bytes.length / block3));
  for (let i = 0; i < out.length; i++) out[i] = bytes[i % bytes.length];
  return out;
}
function addToBlocks(input, addend) {
  for (let at2 = 0; at2 < input.length; at2 += addend.length) {
    let carry = 1;
    for (let i = addend.length - 1; i >= 0; i--) {
      carry += input[at2 + i] + addend[i];
      input[at2 + i] = carry & 255;
      carry >>= 8;
    }
  }
}

// src/pki/pbes2.ts
var defaultScrypt = { n: 1 << 17, r: 8, p: 1 };
var prf = {
  [oids.hmacSha1]: "sha1",
  [oids.hmacSha256]: "sha256",
  [oids.hmacSha384]: "sha384",
  [oids.hmacSha512]: "sha512"
};
var ciphers = {
  [oids.aes128Cbc]: { keySize: 16, blockSize: 16 },
  [oids.aes192Cbc]: { keySize: 24, blockSize: 16 },
  [oids.aes256Cbc]: { keySize: 32, blockSize: 16 },
  [oids.tripleDesCbc]: { keySize: 24, blockSize: 8 }
};
var advice = 'convert it with "openssl pkcs8 -topk8 -v2 aes256" or "openssl pkcs12 -export" of OpenSSL 3';
function decryptByPassphrase(algorithm2, ciphertext, passphrase, crypto) {
  const scheme = algorithm2.oid("encryption scheme");
  const parameters = algorithm2.enter(tags.sequence, "parameters");
  algorithm2.done();
  if (scheme === oids.pbes2) return decryptPbes2(parameters, ciphertext, passphrase, crypto);
  if (scheme === oids.pbeWithSha1AndTripleDes) return decryptPkcs12Pbe(parameters, ciphertext, passphrase, crypto);
  throw keyFileError(`the file is encrypted by the old scheme ${scheme}; ${advice}`);
}
function decryptPbes2(parameters, ciphertext, passphrase, crypto) {
  const derivation = parameters.enter(tags.sequence, "key derivation");
  const encryption = parameters.enter(tags.sequence, "encryption");
  parameters.done();
  const identifier = encryption.oid("cipher");
  const cipher = ciphers[identifier];
  if (cipher === void 0) {
    throw keyFileError(
      `the file is encrypted with ${identifier}, which is neither AES nor Triple-DES in CBC mode; ${advice}`
    );
  }
  const iv = encryption.octetString("initialization vector");
  encryption.done();
  if (iv.length !== cipher.blockSize) throw keyFileError("the initialization vector of the file has a wrong length");
  const decrypt = decryption(cipher.blockSize, ciphertext, crypto);
  const key = deriveKey(derivation, passphrase, cipher.keySize, crypto);
  try {
    return decrypt(key, iv);
  } finally {
    zeroize(key);
  }
}
function decryptPkcs12Pbe(parameters, ciphertext, passphrase, crypto) {
  const salt = parameters.octetString("salt");
  const iterations = parameters.smallInteger("iterations", maxIterations);
  parameters.done();
  const decrypt = decryption(8, ciphertext, crypto);
  const from = { password: bmpPassphrase(passphrase), salt, iterations };
  const key = derivePkcs12("sha1", pkcs12Purpose.key, from, 24, crypto);
  const iv = derivePkcs12("sha1", pkcs12Purpose.initializationVector, from, 8, crypto);
  try {
    return decrypt(key, iv);
  } finally {
    zeroize(key);
  }
}
function decryption(blockSize, ciphertext, crypto) {
  if (ciphertext.length === 0 || ciphertext.length % blockSize !== 0)
    throw keyFileError("the encrypted part of the file has a wrong length");
  if (blockSize === 16) return (key, iv) => crypto.decryptAesCbc(key, iv, ciphertext);
  if (crypto.decryptTripleDesCbc === void 0)
    throw keyFileError(`the file is encrypted with Triple-DES, which isn't available here; ${advice}`);
  return (key, iv) => crypto.decryptTripleDesCbc?.(key, iv, ciphertext);
}
function deriveKey(derivation, passphrase, keySize, crypto) {
  const kind2 = derivation.oid("key derivation");
  const fields = derivation.enter(tags.sequence, "parameters");
  derivation.done();
  const password = fromText(passphrase);
  const salt = fields.octetString("salt");
  if (kind2 === oids.pbkdf2) {
    const iterations = fields.smallInteger("iterations", maxIterations);
    const size = fields.peek() === tags.integer ? fields.smallInteger("key length", 64) : keySize;
    let hash3 = "sha1";
    if (fields.more) {
      const identifier = fields.enter(tags.sequence, "PRF");
      const oid = identifier.oid("PRF");
      if (identifier.more) identifier.null("parameters");
      identifier.done();
      hash3 = prf[oid];
      if (hash3 === void 0) throw keyFileError(`the key of the file is derived with ${oid}, which isn't supported`);
    }
    fields.done();
    if (size !== keySize || iterations < 1)
      throw fields.error("the key length does not fit the cipher, or there are no iterations");
    return crypto.pbkdf2(hash3, password, salt, iterations, keySize);
  }
  if (kind2 !== oids.scrypt) throw keyFileError(`the key of the file is derived by ${kind2}, which isn't supported`);
  const n = fields.smallInteger("cost", 1 << 22);
  const r = fields.smallInteger("block size", 64);
  const p = fields.smallInteger("parallelization", 64);
  if (fields.more && fields.smallInteger("key length", 64) !== keySize)
    throw fields.error("the key length does not fit the cipher");
  fields.done();
  if (n < 2 || (n & n - 1) !== 0 || r < 1 || p < 1 || n * r > 1 << 23) {
    throw keyFileError("the file asks for a scrypt cost that is no power of two, or needs more than 1 GiB");
  }
  return crypto.scrypt(password, salt, { n, r, p }, keySize);
}

// src/pki/private-key.ts
function decryptPkcs8(der3, { passphrase, crypto }) {
  const outer = new DerReader(der3, "encrypted private key");
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  const algorithm2 = fields.enter(tags.sequence, "algorithm");
  const ciphertext = fields.octetString("data");
  fields.done();
  if (passphrase === void 0) throw passphraseError("the private key is encrypted: give `passphrase`");
  if (crypto === void 0)
    throw keyFileError("reading an encrypted key needs `crypto` (createKeyFileCrypto of the Node shell)");
  const plaintext = decryptByPassphrase(algorithm2, ciphertext, passphrase, crypto);
  if (plaintext === void 0) throw wrongPassphrase();
  try {
    return checkedPkcs8(plaintext);
  } catch {
    throw wrongPassphrase();
  }
}
var wrongPassphrase = () => passphraseError("the passphrase does not open the private key");
function checkedPkcs8(der3) {
  const outer = new DerReader(der3, "private key");
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  fields.smallInteger("version", 1);
  fields.expect(tags.sequence, "algorithm");
  fields.inside("algorithm").oid("algorithm");
  fields.octetString("key");
  fields.optional(contextTag(0));
  if (fields.more) fields.next();
  fields.done();
  return der3;
}

// src/pki/pkcs12.ts
var maxFileBytes = 1 << 24;
var maxBags = 256;
var maxDepth = 8;
var digests = {
  [oids.sha1]: { hash: "sha1", size: 20 },
  [oids.sha256]: { hash: "sha256", size: 32 },
  [oids.sha384]: { hash: "sha384", size: 48 },
  [oids.sha512]: { hash: "sha512", size: 64 }
};
function openPkcs12(file, passphrase, crypto, options = {}) {
  try {
    return open(file, passphrase, crypto, options);
  } catch (error) {
    if (error.code !== "ERR_TLS_DER") throw error;
    throw keyFileError(
      `the PKCS#12 file doesn't parse (BER is converted by "openssl pkcs12 -in old.p12 -nodes | openssl pkcs12 -export -out new.p12"): ${error.message}`,
      error
    );
  }
}
function open(file, passphrase, crypto, options) {
  const outer = new DerReader(file, "PKCS#12 file");
  if (file.length > maxFileBytes) throw outer.error(`${file.length} bytes, where ${maxFileBytes} are allowed`);
  const fields = outer.enter(tags.sequence, "SEQUENCE");
  outer.done();
  if (fields.smallInteger("version") !== 3) throw fields.error("the version is not 3");
  const authSafe = readData(fields);
  if (fields.more) checkMac(fields, authSafe, passphrase, crypto);
  else if (options.allowUnauthenticated !== true)
    throw keyFileError("the PKCS#12 file has no integrity check by passphrase");
  fields.done();
  const opening = { passphrase, crypto, keys: [], certificates: [], bags: 0 };
  const list = new DerReader(authSafe, "PKCS#12 contents");
  const safes = list.enter(tags.sequence, "SEQUENCE");
  list.done();
  while (safes.more) {
    const content = safes.enter(tags.sequence, "content");
    const type = content.oid("type");
    const explicit = content.enter(contextTag(0), "content");
    content.done();
    let safe;
    if (type === oids.data) safe = explicit.octetString("data");
    else if (type === oids.encryptedData) safe = decryptSafe(explicit, opening);
    else throw keyFileError(`the PKCS#12 file has content of the type ${type}, which isn't supported`);
    readBags(new DerReader(safe, "PKCS#12 contents").enter(tags.sequence, "SEQUENCE"), opening, 1);
  }
  return { keys: opening.keys, certificates: opening.certificates };
}
function readData(fields) {
  const content = fields.enter(tags.sequence, "content");
  const type = content.oid("type");
  if (type !== oids.data) throw keyFileError("the PKCS#12 file is protected by a public key, not by a passphrase");
  const explicit = content.enter(contextTag(0), "content");
  content.done();
  const data = explicit.octetString("data");
  explicit.done();
  return data;
}
function decryptSafe(explicit, { passphrase, crypto }) {
  const encrypted = explicit.enter(tags.sequence, "encrypted data");
  encrypted.smallInteger("version");
  const info = encrypted.enter(tags.sequence, "encrypted content");
  info.oid("type");
  const algorithm2 = info.enter(tags.sequence, "algorithm");
  info.expect(contextPrimitiveTag(0), "ciphertext");
  const plaintext = decryptByPassphrase(algorithm2, info.value(), passphrase, crypto);
  if (plaintext === void 0) throw passphraseError("the passphrase does not open the PKCS#12 file");
  return plaintext;
}
function readBags(bags, opening, depth) {
  while (bags.more) {
    if (++opening.bags > maxBags) throw bags.error(`more than ${maxBags} entries`);
    readBag(bags, opening, depth);
  }
}
function readBag(bags, opening, depth) {
  const { keys, certificates, passphrase, crypto } = opening;
  const bag = bags.enter(tags.sequence, "entry");
  const type = bag.oid("type");
  const explicit = bag.enter(contextTag(0), "value");
  const attributes = bag.more ? readAttributes(bag) : { friendlyName: void 0, localKeyId: void 0 };
  bag.done();
  if (type === oids.keyBag || type === oids.shroudedKeyBag) {
    explicit.expect(tags.sequence, "key");
    const value = explicit.raw();
    keys.push({
      der: type === oids.keyBag ? checkedPkcs8(value) : decryptPkcs8(value, { passphrase, crypto }),
      ...attributes
    });
  } else if (type === oids.certBag) {
    const certificate = explicit.enter(tags.sequence, "certificate");
    if (certificate.oid("type") !== oids.x509Certificate) return;
    const value = certificate.enter(contextTag(0), "certificate");
    certificates.push({ der: value.octetString("certificate"), ...attributes });
  } else if (type === oids.safeContentsBag) {
    if (depth === maxDepth) throw bags.error(`contents inside contents, more than ${maxDepth} deep`);
    readBags(explicit.enter(tags.sequence, "SafeContents"), opening, depth + 1);
  }
}
function readAttributes(bag) {
  const set = bag.enter(tags.set, "attributes");
  let friendlyName;
  let localKeyId;
  while (set.more) {
    const attribute = set.enter(tags.sequence, "attribute");
    const type = attribute.oid("type");
    const values = attribute.enter(tags.set, "values");
    attribute.done();
    if (!values.more) continue;
    const tag = values.next();
    if (type === oids.friendlyName && tag === tags.bmpString) friendlyName = stringText(tag, values.value());
    if (type === oids.localKeyId && tag === tags.octetString) localKeyId = values.value();
  }
  return { friendlyName, localKeyId };
}
function checkMac(fields, data, passphrase, crypto) {
  const mac = fields.enter(tags.sequence, "macData");
  const info = mac.enter(tags.sequence, "mac");
  const algorithm2 = info.enter(tags.sequence, "digestAlgorithm");
  const oid = algorithm2.oid("digestAlgorithm");
  const digest = digests[oid];
  if (digest === void 0) throw keyFileError(`the PKCS#12 file is authenticated by ${oid}, which isn't supported`);
  const expected = info.octetString("digest");
  const salt = mac.octetString("salt");
  const iterations = mac.more ? mac.smallInteger("iterations", maxIterations) : 1;
  mac.done();
  const forms = passphrase === "" ? [bmpPassphrase(""), noBytes] : [bmpPassphrase(passphrase)];
  for (const form of forms) {
    const from = { password: form, salt, iterations };
    const key = derivePkcs12(digest.hash, pkcs12Purpose.mac, from, digest.size, crypto);
    if (constantTimeEqual(crypto.hmac(digest.hash, key, data), expected)) return;
  }
  throw passphraseError("the passphrase does not open the PKCS#12 file");
}

// src/pki/verify/problem.ts
var certificateProblems = {
  ERR_TLS_CERT_NONE: "badCertificate",
  ERR_TLS_CERT_CHAIN_LENGTH: "badCertificate",
  ERR_TLS_CERT_UNKNOWN_CA: "unknownCa",
  ERR_TLS_CERT_SELF_SIGNED: "unknownCa",
  ERR_TLS_CERT_DISTRUSTED: "unknownCa",
  ERR_TLS_CERT_EXPIRED: "certificateExpired",
  ERR_TLS_CERT_NOT_YET_VALID: "certificateExpired",
  ERR_TLS_CERT_SIGNATURE: "badCertificate",
  ERR_TLS_CERT_SIGNATURE_ALGORITHM: "unsupportedCertificate",
  ERR_TLS_CERT_KEY: "unsupportedCertificate",
  ERR_TLS_CERT_VERSION: "unsupportedCertificate",
  ERR_TLS_CERT_CRITICAL_EXTENSION: "unsupportedCertificate",
  ERR_TLS_CERT_PROFILE: "badCertificate",
  ERR_TLS_CERT_NOT_A_CA: "badCertificate",
  ERR_TLS_CERT_PATH_LENGTH: "badCertificate",
  ERR_TLS_CERT_KEY_USAGE: "badCertificate",
  ERR_TLS_CERT_PURPOSE: "unsupportedCertificate",
  ERR_TLS_CERT_NAME_CONSTRAINTS: "badCertificate",
  ERR_TLS_CERT_POLICY: "badCertificate",
  ERR_TLS_CERT_BUDGET: "badCertificate",
  ERR_TLS_CERT_NAME: "badCertificate",
  ERR_TLS_CERT_REVOKED: "certificateRevoked",
  ERR_TLS_CERT_REVOCATION_UNKNOWN: "certificateUnknown",
  ERR_TLS_CERT_CRL: "certificateUnknown",
  ERR_TLS_CERT_OCSP: "badCertificateStatusResponse",
  ERR_TLS_CERT_MUST_STAPLE: "badCertificateStatusResponse",
  ERR_TLS_CERT_SCT: "badCertificate"
};
function problem(code2, message, rfc, cause) {
  return new CertificateError(code2, certificateProblems[code2], rfc === void 0 ? message : `${message} (${rfc})`, {
    rfc,
    phase: "certificate",
    cause
  });
}
function formatTime(ms) {
  return Number.isFinite(ms) && Math.abs(ms) < 864e13 ? new Date(ms).toISOString().replace(".000Z", "Z") : String(ms);
}

// src/pki/verify/host.ts
function normalizeHost(host) {
  const bare = host.endsWith(".") ? host.slice(0, -1) : host;
  const ascii = isAsciiText(bare) ? bare : toAscii(bare);
  return ascii !== void 0 && isHostName(ascii) ? ascii.toLowerCase() : void 0;
}
function isAsciiText(text) {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
function toAscii(host) {
  if (/[/?#@:\\[\]%\s]/.test(host)) return void 0;
  try {
    return new URL(`http://${host}/`).hostname;
  } catch {
    return void 0;
  }
}
function foldMailbox(address) {
  const at2 = address.lastIndexOf("@");
  return address.slice(0, at2) + address.slice(at2).toLowerCase();
}

// src/pki/verify/budget.ts
var defaultLimits2 = { signatures: 64, comparisons: 25e4, steps: 1e4 };
function createBudget(limits) {
  const used = { signatures: 0, comparisons: 0, steps: 0 };
  const spend = (kind2) => {
    if (used[kind2] >= limits[kind2]) throw exhausted(kind2, limits[kind2]);
    used[kind2]++;
  };
  return {
    used,
    signature: () => spend("signatures"),
    comparison: () => {
      if (used.comparisons >= limits.comparisons) throw exhausted("comparisons", limits.comparisons);
      used.comparisons++;
    },
    step: () => spend("steps")
  };
}
var wording = {
  signatures: "signature checks",
  comparisons: "comparisons with name constraints",
  steps: "attempts to find issuers"
};
function exhausted(kind2, limit) {
  return problem(
    "ERR_TLS_CERT_BUDGET",
    `the chain needs more than ${limit} ${wording[kind2]}, which only a hostile or broken one does; send the leaf and the intermediates up to one root, nothing else, or raise \`policy.limits\``
  );
}

// src/pki/verify/revocation.ts
var clockSkew = 5 * 6e4;
var processedExtensions = /* @__PURE__ */ new Set([oids.issuingDistributionPoint, oids.deltaCrlIndicator]);

// src/pki/verify/ocsp-check.ts
function checkOcspResponse(check) {
  const { certificate, issuer, now, crypto, nonce: nonce4 } = check;
  const basic = successful(check);
  const about = basic.responses.filter(({ certId }) => certIdMatches(certId, certificate, issuer, crypto));
  const single = about.find(({ status: status2 }) => status2.kind === "revoked") ?? about[0];
  if (single === void 0) throw refused(certificate, "it is about another certificate", "RFC 6960, Section 3.2");
  const critical = basic.unknownCritical ?? single.unknownCritical;
  if (critical !== void 0)
    throw refused(certificate, `it has the critical extension ${critical}`, "RFC 6960, Section 4.4");
  verifySignature2(basic, check);
  if (nonce4 !== void 0 && (basic.nonce === void 0 || !equal(nonce4, basic.nonce))) {
    throw refused(certificate, "it does not hold the nonce of the request", "RFC 9654, Section 2.1");
  }
  const { status, thisUpdate, nextUpdate } = single;
  if (status.kind === "revoked") {
    throw problem(
      "ERR_TLS_CERT_REVOKED",
      `the certificate ${certificate} was revoked on ${formatTime(status.revocationTime)}${status.reason === void 0 ? "" : ` (${status.reason})`}, says its issuer by OCSP; it must be replaced`,
      "RFC 6960, Section 2.2"
    );
  }
  if (status.kind === "unknown")
    throw refused(certificate, "the responder does not know the certificate", "RFC 6960, Section 2.2");
  if (thisUpdate > now + clockSkew || basic.producedAt > now + clockSkew) {
    throw refused(
      certificate,
      `it is from the future (${formatTime(Math.max(thisUpdate, basic.producedAt))})`,
      "RFC 6960, Section 4.2.2.1"
    );
  }
  if (nextUpdate === void 0)
    throw refused(certificate, "it does not say how long it holds", "RFC 5019, Section 2.2.4");
  if (now > nextUpdate) {
    throw refused(certificate, `it held until ${formatTime(nextUpdate)}`, "RFC 6960, Section 4.2.2.1");
  }
  return { nextUpdate };
}
function successful({ response, certificate }) {
  let parsed2;
  try {
    parsed2 = parseOcspResponse(response);
  } catch (error) {
    throw refused(certificate, `it doesn't parse: ${error.message}`, "RFC 6960, Section 4.2.1", error);
  }
  if (parsed2.status !== "successful")
    throw refused(certificate, `the responder answered "${parsed2.status}"`, "RFC 6960, Section 4.2.1");
  return parsed2.basic;
}
function verifySignature2(basic, check) {
  const { certificate, issuer, crypto } = check;
  const budget = check.budget ?? createBudget(defaultLimits2);
  const { algorithm: algorithm2, oid } = basic.signatureAlgorithm;
  if (algorithm2 === void 0 || "hash" in algorithm2 && algorithm2.hash === "sha1") {
    throw refused(certificate, `it is signed with ${oid}, which isn't accepted`, "RFC 9155");
  }
  const signer = isResponder(basic, issuer, crypto) ? issuer : delegate(basic, check, budget);
  budget.signature();
  if (!crypto.importPublicKey(signer.spki).verify(algorithm2, basic.tbs, basic.signature)) {
    throw refused(certificate, `its signature by ${signer} is wrong`, "RFC 6960, Section 3.2");
  }
}
var understood = /* @__PURE__ */ new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.certificatePolicies,
  oids.ocspNoCheck
]);
function isResponder({ responder }, certificate, crypto) {
  return "name" in responder ? nameKey(responder.name) === certificate.subjectKey : equal(responder.keyHash, crypto.hash("sha1", publicKeyBits(certificate.spki)));
}
function delegate(basic, check, budget) {
  const { certificate, issuer, crypto, now } = check;
  const rfc = "RFC 6960, Section 4.2.2.2";
  for (const der3 of basic.certificates) {
    let signer;
    try {
      signer = parseCertificate(der3);
    } catch {
      continue;
    }
    if (!isResponder(basic, signer, crypto)) continue;
    if (signer.issuerKey !== issuer.subjectKey)
      throw refused(certificate, `its signer ${signer} has another issuer`, rfc);
    if (signer.decoded.extendedKeyUsage?.includes(oids.ocspSigning) !== true) {
      throw refused(certificate, `its signer ${signer} is not for OCSP: extKeyUsage lacks OCSPSigning`, rfc);
    }
    const { keyUsage } = signer.decoded;
    if (keyUsage !== void 0 && (keyUsage & keyUsageBits.digitalSignature) === 0) {
      throw refused(certificate, `its signer ${signer} may not sign: keyUsage lacks digitalSignature`, rfc);
    }
    for (const { oid, critical } of signer.extensions.values()) {
      if (critical && !understood.has(oid))
        throw refused(certificate, `its signer ${signer} has the critical extension ${oid}`, "RFC 5280, Section 4.2");
    }
    if (now < signer.notBefore || Math.floor(now / 1e3) * 1e3 > signer.notAfter) {
      throw refused(certificate, `the certificate of its signer ${signer} is not valid now`, rfc);
    }
    const { algorithm: algorithm2 } = signer.signatureAlgorithm;
    const weak = algorithm2 === void 0 || "hash" in algorithm2 && algorithm2.hash === "sha1";
    budget.signature();
    if (weak || !crypto.importPublicKey(issuer.spki).verify(algorithm2, signer.tbs, signer.signature)) {
      throw refused(certificate, `the certificate of its signer ${signer} is not signed by the issuer`, rfc);
    }
    return signer;
  }
  throw refused(certificate, "it is signed neither by the issuer nor by a delegate whose certificate it holds", rfc);
}
function refused(certificate, why, rfc, cause) {
  return problem(
    "ERR_TLS_CERT_OCSP",
    `the OCSP answer about ${certificate} is refused: ${why}; the server must fetch a fresh one from its CA`,
    rfc,
    cause
  );
}

// src/pki/verify/name-constraints.ts
function prepareNames(certificate) {
  const names = (certificate.decoded.subjectAltName ?? []).map((name2) => prepare(name2, "name"));
  for (const name2 of certificate.decoded.subjectAltName ?? []) {
    if (name2.kind === "other" && name2.type === oids.smtpUtf8Mailbox) {
      const text = internationalMailbox(name2.value);
      names.push({ name: name2, kind: "email", text, octets: void 0, rdns: void 0 });
    }
  }
  const { subject } = certificate;
  if (subject.length > 2) names.push(prepare({ kind: "directory", value: subject }, "name"));
  for (const rdn of nameAttributes(subject)) {
    for (const { type, value } of rdn) {
      if (type === oids.emailAddress) names.push(prepare({ kind: "email", value }, "name"));
    }
  }
  return names;
}
function internationalMailbox(value) {
  const reader = new DerReader(value, "SmtpUTF8Mailbox");
  try {
    reader.expect(tags.utf8String, "mailbox");
    const text = stringText(tags.utf8String, reader.value()) ?? "";
    const at2 = text.lastIndexOf("@");
    const host = normalizeHost(text.slice(at2 + 1));
    return at2 > 0 && host !== void 0 ? `${text.slice(0, at2)}@${host}` : "";
  } catch {
    return "";
  }
}
function prepareConstraints(constraints) {
  return { permitted: byKind(constraints.permitted), excluded: byKind(constraints.excluded) };
}
function byKind(bases) {
  const map = /* @__PURE__ */ new Map();
  for (const base of bases) {
    const list = map.get(base.kind);
    if (list === void 0) map.set(base.kind, [prepare(base, "constraint")]);
    else list.push(prepare(base, "constraint"));
  }
  return map;
}
function prepare(name2, use) {
  const { kind: kind2 } = name2;
  return {
    name: name2,
    kind: kind2,
    text: textOf2(name2, use),
    octets: kind2 === "ip" ? name2.value : void 0,
    rdns: kind2 === "directory" ? rdnKeys(name2.value) : void 0
  };
}
function textOf2(name2, use) {
  if (name2.kind === "dns") return name2.value.toLowerCase();
  if (name2.kind === "email") return name2.value.includes("@") ? foldMailbox(name2.value) : name2.value.toLowerCase();
  if (name2.kind === "uri") return use === "name" ? uriHost(name2.value) ?? "" : name2.value.toLowerCase();
  return "";
}
function violation(constraints, names, budget) {
  for (const name2 of names) {
    const excluded = constraints.excluded.get(name2.kind);
    const permitted = constraints.permitted.get(name2.kind);
    if (excluded === void 0 && permitted === void 0) continue;
    const shown = formatGeneralName(name2.name);
    if (!comparable(name2)) return `${shown} is of a kind whose constraints can't be judged`;
    for (const base of excluded ?? noNames) {
      budget.comparison();
      if (within(name2, base) || wildcardTouches(name2, base)) return `${shown} is excluded by ${formatBase(base)}`;
    }
    if (permitted === void 0) continue;
    let allowed = false;
    for (const base of permitted) {
      budget.comparison();
      if (!within(name2, base)) continue;
      allowed = true;
      break;
    }
    if (!allowed) return `${shown} is not among the permitted names (${listed2(permitted)})`;
  }
  return void 0;
}
var noNames = [];
function comparable(name2) {
  switch (name2.kind) {
    case "dns":
    case "ip":
    case "directory":
      return true;
    case "email":
    case "uri":
      return name2.text !== "";
    // RFC 5280: a URI without a host name "MUST be rejected" where a constraint applies
    default:
      return false;
  }
}
function within(name2, base) {
  switch (name2.kind) {
    case "dns":
      return isWithinDomain(name2.text, base.text);
    case "email":
      if (base.text === "") return true;
      if (base.text.includes("@")) return name2.text === base.text;
      return hostMatches(name2.text.slice(name2.text.lastIndexOf("@") + 1), base.text);
    case "uri":
      return base.text === "" || hostMatches(name2.text, base.text);
    case "ip":
      return inRange(name2.octets, base.octets);
    default: {
      const rdns = name2.rdns;
      const prefix = base.rdns;
      return prefix.length <= rdns.length && prefix.every((rdn, i) => rdn === rdns[i]);
    }
  }
}
function isWithinDomain(name2, base) {
  if (base === "" || name2 === base) return true;
  const at2 = name2.length - base.length - 1;
  return at2 >= 0 && name2.charCodeAt(at2) === 46 && name2.endsWith(base);
}
function wildcardTouches(name2, base) {
  if (name2.kind !== "dns" || !name2.text.startsWith("*.")) return false;
  const dot = base.text.indexOf(".");
  return dot > 0 && base.text.slice(dot) === name2.text.slice(1);
}
function hostMatches(host, base) {
  return base.startsWith(".") ? host.endsWith(base) && host.length > base.length : host === base;
}
function inRange(address, range) {
  if (range.length !== address.length * 2) return false;
  for (let i = 0; i < address.length; i++) {
    const mask = range[address.length + i];
    if ((address[i] & mask) !== (range[i] & mask)) return false;
  }
  return true;
}
function formatBase(base) {
  const shown = formatGeneralName(base.name);
  return base.kind === "dns" && base.text === "" ? "DNS:(all)" : shown;
}
function listed2(bases) {
  const shown = bases.slice(0, 5).map(formatBase).join(", ");
  return bases.length > 5 ? `${shown} and ${bases.length - 5} more` : shown;
}

// src/node/trust-store.ts
var systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  // Debian, Ubuntu, Arch, Gentoo, Alpine with ca-certificates
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  // Fedora, RHEL
  "/etc/pki/tls/certs/ca-bundle.crt",
  // older RHEL, CentOS
  "/etc/ssl/ca-bundle.pem",
  // openSUSE
  "/var/lib/ca-certificates/ca-bundle.pem",
  // openSUSE, SLES
  "/etc/ssl/cert.pem",
  // Alpine, OpenBSD, macOS
  "/usr/local/share/certs/ca-root-nss.crt"
  // FreeBSD
];
var maxFileBytes2 = 1 << 24;
var maxFolderFiles = 4096;
function openSslRoots() {
  const named = namedRoots(process.env, process.platform);
  if (named.length > 0) return named;
  return systemBundles.some((path) => isFile(path)) ? bundleOf(systemBundles) : [];
}
function namedRoots(env, platform) {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = env;
  return [
    ...file ? [{ ...readBundle(file, "SSL_CERT_FILE"), vetted: true }] : [],
    ...folders ? folders.split(platform === "win32" ? ";" : ":").flatMap((folder) => readFolder(folder)) : []
  ];
}
function bundleOf(bundles) {
  const found2 = bundles.find((path) => isFile(path));
  if (found2 === void 0) {
    throw new ConfigError(
      `the system has no bundle of trusted certificates (looked for ${bundles.join(", ")}); install "ca-certificates", or set SSL_CERT_FILE`,
      { code: "ERR_TLS_TRUST_STORE" }
    );
  }
  return [{ ...readBundle(found2, "the system"), vetted: true }];
}
function readBundle(path, who) {
  try {
    if (statSync(path).size > maxFileBytes2) throw new Error(`it is larger than ${maxFileBytes2} bytes`);
    const bytes = readFileSync(path);
    return { certificate: bytes[0] === 48 ? new Uint8Array(bytes) : bytes.toString("latin1"), source: path };
  } catch (error) {
    throw new ConfigError(
      `the trusted certificates in ${path} (named by ${who}) can't be read: ${error.message}`,
      {
        code: "ERR_TLS_TRUST_STORE",
        cause: error
      }
    );
  }
}
function readFolder(folder) {
  let names;
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    throw new ConfigError(`the folder ${folder} (named by SSL_CERT_DIR) can't be read: ${error.message}`, {
      code: "ERR_TLS_TRUST_STORE",
      cause: error
    });
  }
  return names.slice(0, maxFolderFiles).map((name2) => join(folder, name2)).filter(isFile).map((path) => readBundle(path, "SSL_CERT_DIR")).filter(
    ({ certificate }) => certificate instanceof Uint8Array || certificate.includes("-----BEGIN CERTIFICATE-----")
  ).map((bundle) => ({ ...bundle, vetted: true }));
}
function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

// src/node/default-ca.ts
var { rootCertificates, getCACertificates: fromNode } = nodeTls;
var system;
var extra;
var byDefault;
var replaced = false;
var answers = /* @__PURE__ */ new Map();
function defaultCa() {
  if (byDefault !== void 0) return byDefault;
  return byDefault = [...startingRoots().flatMap(der2), ...extraCa()];
}
function startingRoots() {
  if (lastFlag("--use-openssl-ca", "--use-bundled-ca") === "--use-openssl-ca") return openSslCa().map(toPem);
  return usesSystemCa() ? [...rootCertificates, ...systemCa()] : rootCertificates;
}
function usesSystemCa() {
  const flag3 = lastFlag("--use-system-ca", "--no-use-system-ca");
  return flag3 === void 0 ? process.env["NODE_USE_SYSTEM_CA"] === "1" : flag3 === "--use-system-ca";
}
function der2(pem) {
  return decodePem(pem).filter(({ label: label2 }) => label2.endsWith("CERTIFICATE")).map(({ bytes }) => bytes);
}
function toPem(certificate) {
  return encodePem("CERTIFICATE", certificate).trimEnd();
}
function unique(certificates) {
  return [...new Map(certificates.map((bytes) => [Buffer.from(bytes).toString("latin1"), bytes])).values()];
}
function systemCa() {
  if (system !== void 0) return system;
  if (fromNode !== void 0) return system = fromNode("system");
  if (process.platform === "darwin" || process.platform === "win32") {
    throw nodeError(
      "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
      "this version of Node cannot read the trust store of the system"
    );
  }
  return system = unique(openSslCa()).map(toPem);
}
function openSslCa() {
  return openSslRoots().flatMap(
    ({ certificate }) => typeof certificate === "string" ? der2(certificate) : [certificate]
  );
}
function extraCa() {
  if (extra !== void 0) return extra;
  const file = process.env["NODE_EXTRA_CA_CERTS"];
  if (!file) return extra = [];
  try {
    extra = der2(readFileSync2(file, "latin1"));
  } catch (error) {
    process.emitWarning(`Ignoring extra certs from \`${file}\`, load failed: ${error.message}`);
    extra = [];
  }
  return extra;
}
function getCACertificates(type = "default") {
  validateString(type, "type");
  let answer2 = answers.get(type);
  if (answer2 === void 0) answers.set(type, answer2 = Object.freeze(listOf2(type)));
  return answer2;
}
function listOf2(type) {
  switch (type) {
    case "default":
      return replaced ? defaultCa().map(toPem) : [...startingRoots(), ...extraCa().map(toPem)];
    case "bundled":
      return rootCertificates;
    case "extra":
      return extraCa().map(toPem);
    case "system":
      return [...systemCa()];
    default:
      throw invalidArgValue("type", type);
  }
}
function setDefaultCACertificates(certificates) {
  if (!Array.isArray(certificates)) throw invalidArgType("certs", "Array", certificates);
  const texts = certificates.map((certificate, index) => {
    if (typeof certificate === "string") return certificate;
    if (!ArrayBuffer.isView(certificate)) {
      throw invalidArgType(`certs[${index}]`, ["string", "ArrayBufferView"], certificate);
    }
    return Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength).toString("latin1");
  });
  const found2 = texts.flatMap(readOne);
  if (found2.length === 0 && certificates.length > 0) {
    throw nodeError("ERR_CRYPTO_OPERATION_FAILED", "No valid certificates found in the provided array");
  }
  byDefault = unique(found2);
  replaced = true;
  answers.delete("default");
}
function readOne(text) {
  try {
    const found2 = der2(text);
    for (const bytes of found2) new X509Certificate(bytes);
    return found2;
  } catch (cause) {
    throw nodeError("ERR_OSSL_PEM_ASN1_LIB", `error:0488000D:PEM routines::ASN1 lib: ${cause.message}`);
  }
}

// src/engine/ech-key.ts
function createEchKey(crypto, { publicName, configId, maximumNameLength = 64, group = "x25519" }) {
  if (!isPublicName(publicName))
    throw new ConfigError(`publicName: ${JSON.stringify(publicName)} is no host name (RFC 9849, Section 4)`);
  const kem = hpkeKems[group];
  const ikm = crypto.random(32);
  const privateKey = deriveHpkeKey(crypto, kem, ikm);
  zeroize(ikm);
  const keyPair = hpkeKeyExchange(crypto, kem)?.importKeyPair(privateKey);
  if (keyPair === void 0) throw new ConfigError(`group: this runtime has no ${group}`);
  const config = encodeEchConfig({
    configId: configId ?? crypto.random(1)[0],
    kem,
    publicKey: keyPair.publicKey,
    cipherSuites: [
      { kdf: hpkeKdfs.sha256, aead: hpkeAeads.aes128gcm },
      { kdf: hpkeKdfs.sha256, aead: hpkeAeads.chacha20poly1305 }
    ],
    maximumNameLength,
    publicName
  });
  keyPair.destroy();
  return { config, privateKey };
}
function serverEchKeys(crypto, keys) {
  return echServerKeys(crypto, keys)?.keys ?? [];
}

// src/node/key-signer.ts
import { constants as constants2, sign as signWith } from "node:crypto";
var provider;
function nodeCrypto4() {
  provider ??= createNodeCrypto();
  return provider;
}
function createSigner(key, inThreadPool = false) {
  if (key.type === "public") return withoutKey(key);
  const signer = localSigner(nodeCrypto4().importPrivateKey(key.export({ format: "der", type: "pkcs8" })));
  if (!inThreadPool) return signer;
  return { ...signer, sign: (code2, data) => signLater(key, code2, data) };
}
function withoutKey(key) {
  const { type, bits } = nodeCrypto4().importPublicKey(key.export({ format: "der", type: "spki" }));
  return {
    keyType: type,
    schemes: [.../* @__PURE__ */ new Set([...schemesForKey(type, bits, 772), ...schemesForKey(type, bits, 771)])],
    sign() {
      throw new ConfigError("this credential has no private key");
    }
  };
}
function signLater(key, code2, data) {
  const algorithm2 = signatureScheme(code2)?.algorithm;
  if (algorithm2 === void 0) throw new ConfigError(`the signature scheme 0x${code2.toString(16)} is not known`);
  return new Promise((resolve, reject) => {
    signWith(
      hashOf2(algorithm2),
      data,
      { key, ...paddingOf(algorithm2) },
      (error, signature) => error === null ? resolve(new Uint8Array(signature)) : reject(error)
    );
  });
}
function hashOf2(algorithm2) {
  return "hash" in algorithm2 ? algorithm2.hash : null;
}
function paddingOf(algorithm2) {
  if (algorithm2.kind === "rsaPkcs1") return { padding: constants2.RSA_PKCS1_PADDING };
  if (algorithm2.kind === "rsaPss")
    return { padding: constants2.RSA_PKCS1_PSS_PADDING, saltLength: algorithm2.saltLength };
  return {};
}

// src/node/ech-options.ts
function createEchKey2(options) {
  validateObject2(options, "options");
  validateString(options.publicName, "options.publicName");
  const { config, privateKey } = createEchKey(nodeCrypto4(), options);
  const configList = Buffer.alloc(2 + config.length);
  configList.writeUInt16BE(config.length);
  configList.set(config, 2);
  return { config: Buffer.from(config), privateKey: Buffer.from(privateKey), configList };
}
function readEchKeys(keys) {
  if (!Array.isArray(keys)) throw invalidArgType("options.echKeys", "Array", keys);
  const read3 = keys.map((key, i) => {
    const name2 = `options.echKeys[${i}]`;
    validateObject2(key, name2);
    const { config, privateKey, retry: retry2 } = key;
    validateBuffer(config, `${name2}.config`);
    if (!ArrayBuffer.isView(privateKey)) throw badKeys(`${name2}.privateKey is no Buffer`);
    return { config: copyOf(config), privateKey: copyOf(privateKey), retry: retry2 !== false };
  });
  try {
    for (const { keyPair } of serverEchKeys(nodeCrypto4(), read3)) keyPair.destroy();
  } catch (error) {
    throw badKeys(`options.${error.message}`, error);
  }
  return read3;
}
function badKeys(problem2, cause) {
  return nodeError("ERR_INVALID_ARG_VALUE", problem2, TypeError, cause);
}
function clientEch2({ echConfigList, echRequired, echGrease }) {
  return {
    ...echConfigList && { configList: copyOf(echConfigList) },
    ...echRequired === void 0 ? {} : { required: echRequired },
    grease: echGrease === true
  };
}
function copyOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

// src/node/secure-context.ts
import { X509Certificate as X509Certificate4 } from "node:crypto";

// src/node/algorithm-names.ts
var groupNames = {
  x25519: "x25519",
  "p-256": "secp256r1",
  prime256v1: "secp256r1",
  secp256r1: "secp256r1",
  "p-384": "secp384r1",
  secp384r1: "secp384r1",
  "p-521": "secp521r1",
  secp521r1: "secp521r1",
  x25519mlkem768: "X25519MLKEM768",
  secp256r1mlkem768: "SecP256r1MLKEM768",
  secp384r1mlkem1024: "SecP384r1MLKEM1024",
  mlkem1024: "MLKEM1024"
};
function parseEcdhCurve(curves3) {
  if (curves3 === "auto") return [...defaultGroups.map((code2) => groupName(code2)), "secp521r1"];
  return curves3.split(":").map((name2) => {
    const group = groupNames[name2.toLowerCase()];
    if (group !== void 0) return group;
    throw nodeError(
      "ERR_CRYPTO_OPERATION_FAILED",
      `Failed to set ECDH curve: Handfast has no "${name2}"; it has X25519MLKEM768, X25519, P-256, P-384 and P-521`
    );
  });
}
function ephemeralKeyInfo(group) {
  switch (group) {
    case void 0:
      return {};
    case "x25519":
      return { type: "ECDH", name: "X25519", size: 253 };
    case "secp256r1":
      return { type: "ECDH", name: "prime256v1", size: 256 };
    case "secp384r1":
      return { type: "ECDH", name: "secp384r1", size: 384 };
    case "secp521r1":
      return { type: "ECDH", name: "secp521r1", size: 521 };
    default:
      return { type: "ECDH", name: group, size: 0 };
  }
}
var ecdsaByHash = {
  sha1: signatureSchemeCodes.ecdsa_sha1,
  sha256: signatureSchemeCodes.ecdsa_secp256r1_sha256,
  sha384: signatureSchemeCodes.ecdsa_secp384r1_sha384,
  sha512: signatureSchemeCodes.ecdsa_secp521r1_sha512
};
function parseSigalgs(list) {
  return list.split(":").map((word) => {
    const code2 = schemeCode(word.toLowerCase());
    if (code2 !== void 0) return code2;
    throw nodeError("ERR_CRYPTO_OPERATION_FAILED", `Failed to set the signature algorithms: "${word}" is not known`);
  });
}
function schemeCode(word) {
  const named = signatureSchemes.find(({ name: name2 }) => name2 === word);
  if (named !== void 0) return named.code;
  const [kind2, hash3] = word.split("+");
  if (hash3 === void 0) return void 0;
  if (kind2 === "ecdsa") return ecdsaByHash[hash3];
  const prefix = kind2 === "rsa" ? "rsa_pkcs1" : kind2 === "rsa-pss" || kind2 === "pss" ? "rsa_pss_rsae" : void 0;
  return signatureSchemes.find(({ name: name2 }) => name2 === `${prefix}_${hash3}`)?.code;
}
function sigalgName(code2) {
  const scheme = signatureScheme(code2);
  if (scheme === void 0) return `UNDEF+0x${code2.toString(16)}`;
  const { algorithm: algorithm2 } = scheme;
  if (algorithm2.kind === "ed25519") return "Ed25519+UNDEF";
  if (algorithm2.kind === "ed448") return "Ed448+UNDEF";
  const hash3 = "hash" in algorithm2 ? algorithm2.hash.toUpperCase() : "UNDEF";
  const kind2 = algorithm2.kind === "ecdsa" ? "ECDSA" : algorithm2.kind === "rsaPss" ? "RSA-PSS" : "RSA";
  return `${kind2}+${hash3}`;
}
function versionLabel(version2) {
  return version2 === 772 ? "TLSv1.3" : "TLSv1.2";
}

// src/node/context-files.ts
import { createPrivateKey as createPrivateKey3, X509Certificate as X509Certificate2 } from "node:crypto";
function asList(value) {
  return Array.isArray(value) ? value : [value];
}
function checked3(value, name2) {
  if (typeof value === "string" || ArrayBuffer.isView(value)) return value;
  throw invalidArgType(name2, ["string", "Buffer", "TypedArray", "DataView"], value);
}
function bytesOf(value) {
  return typeof value === "string" ? Buffer.from(value, "latin1") : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
var certificateLabels = /* @__PURE__ */ new Set(["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]);
function readCertificates2(value, what) {
  const text = typeof value === "string" ? value : bytesOf(value).toString("latin1");
  const certificates = text.replaceAll(
    /-----BEGIN [^-]*(?:PRIVATE KEY|PARAMETERS)-----[\s\S]*?-----END [^-]*-----/g,
    ""
  );
  const blocks = what === "ca" ? readableBlocks(certificates) : allBlocks(certificates);
  const found2 = blocks.filter(({ label: label2 }) => certificateLabels.has(label2)).map(({ bytes }) => firstElement(bytes));
  if (found2.length === 0 && what === "cert") throw noStartLine("a certificate");
  return found2;
}
function allBlocks(text) {
  try {
    return decodePem(text);
  } catch (error) {
    const { message } = error;
    throw fileError(/Base64/.test(message) ? "bad base64 decode" : "bad end line", `options.cert: ${message}`, error);
  }
}
function readableBlocks(text) {
  try {
    return decodePem(text);
  } catch (error) {
    warnOfCa(error.message);
    return text.split(/(?=-----BEGIN )/).flatMap((part) => {
      try {
        return decodePem(part);
      } catch {
        return [];
      }
    });
  }
}
function warnOfCa(what) {
  process.emitWarning(`what can't be read in the option "ca" is not trusted: ${what}`, {
    code: "HANDFAST_CA_UNREADABLE",
    detail: "Was a file cut or edited? Get the certificate again from whoever issued it."
  });
}
function readLeaf(chain, option) {
  const [leaf] = chain.map((der3, i) => {
    try {
      return new X509Certificate2(der3);
    } catch (error) {
      const words = `${nameCertificate(der3, i, chain.length)} in ${option} is malformed${reasonOf(der3)}`;
      throw fileError("nested asn1 error", words, error);
    }
  });
  return leaf;
}
function reasonOf(der3) {
  try {
    parseCertificate(der3);
    return "";
  } catch (error) {
    return `: ${error.message}`;
  }
}
var opensslNumbers = {
  "no start line": "0480006C:PEM",
  "bad end line": "04800066:PEM",
  "bad base64 decode": "04800064:PEM",
  "nested asn1 error": "0680003A:asn1 encoding"
};
function fileError(reason, words, cause) {
  const library = opensslNumbers[reason].slice(9);
  const code2 = `ERR_OSSL_${library === "PEM" ? "PEM" : "ASN1"}_${reason.toUpperCase().replaceAll(" ", "_")}`;
  const error = nodeError(code2, `error:${opensslNumbers[reason]} routines::${reason}: ${words}`, Error, cause);
  return Object.assign(error, { library: `${library} routines`, reason });
}
function firstElement(der3) {
  if (der3[0] !== 48 || der3[1] === void 0 || der3[1] < 128) return der3;
  const size = der3[1] & 127;
  let length = 0;
  for (let i = 0; i < size; i++) length = length * 256 + (der3[2 + i] ?? 0);
  return der3.subarray(0, 2 + size + length);
}
function noStartLine(what) {
  return fileError("no start line", `${what} in PEM is needed`);
}
function readCrls(value) {
  const text = typeof value === "string" ? value : bytesOf(value).toString("latin1");
  const fail = (why, cause) => nodeError("ERR_CRYPTO_OPERATION_FAILED", `Failed to parse CRL${why}`, Error, cause);
  let blocks;
  try {
    blocks = decodePem(text);
  } catch (error) {
    throw fail(`: options.crl: ${error.message}`, error);
  }
  const found2 = blocks.filter(({ label: label2 }) => label2 === "X509 CRL").map(({ bytes }) => bytes);
  if (found2.length === 0) throw fail("");
  for (const [i, der3] of found2.entries()) {
    try {
      parseCertificateList(der3);
    } catch (error) {
      throw fail(`: list ${i + 1} of ${found2.length} in options.crl: ${error.message}`, error);
    }
  }
  return found2;
}
function readKeys(key, passphrase) {
  if (!key) return [];
  return asList(key).map((item, i) => {
    const inner = Array.isArray(key) ? item : void 0;
    const pem = inner?.pem !== void 0 ? inner.pem : item;
    const own2 = inner?.passphrase;
    return readKey(pem, own2 !== void 0 ? own2 : passphrase, Array.isArray(key) ? `options.key[${i}]` : "options.key");
  });
}
function readKey(pem, passphrase, name2) {
  const value = checked3(pem, "options.key");
  if (passphrase !== void 0 && passphrase !== null) validateString(passphrase, "options.passphrase");
  const text = typeof value === "string" ? value : bytesOf(value).toString("latin1");
  const block3 = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(text);
  if (block3 === null) throw noStartLine("a private key");
  try {
    return createPrivateKey3({
      key: block3[0],
      format: "pem",
      passphrase: passphrase ?? ""
    });
  } catch (error) {
    const encrypted = /ENCRYPTED/.test(block3[0]);
    const why = !encrypted ? "can't be read: was it cut or edited?" : passphrase === void 0 || passphrase === null ? "is encrypted, and options.passphrase is missing" : "is encrypted, and options.passphrase does not open it";
    const cause = error;
    cause.message += `: the key in ${name2} ${why}`;
    throw cause;
  }
}

// src/node/pkcs12.ts
import { createPrivateKey as createPrivateKey4, X509Certificate as X509Certificate3 } from "node:crypto";

// src/crypto/node-key-files.ts
import {
  createCipheriv as createCipheriv2,
  createDecipheriv as createDecipheriv2,
  createHash as createHash2,
  createHmac as createHmac2,
  pbkdf2Sync,
  randomBytes as randomBytes3,
  scryptSync
} from "node:crypto";
function createKeyFileCrypto() {
  return {
    random: (size) => randomBytes3(size),
    hash: (name2, data) => createHash2(name2).update(data).digest(),
    hmac: (name2, key, data) => createHmac2(name2, key).update(data).digest(),
    pbkdf2: (hash3, password, salt, iterations, size) => pbkdf2Sync(password, salt, iterations, size, hash3),
    scrypt: (password, salt, { n, r, p }, size) => scryptSync(password, salt, size, { N: n, r, p, maxmem: 128 * r * (n + p + 2) + (1 << 20) }),
    encryptAesCbc: (key, iv, plaintext) => {
      const cipher = createCipheriv2(`aes-${key.length * 8}-cbc`, key, iv);
      return Buffer.concat([cipher.update(plaintext), cipher.final()]);
    },
    decryptAesCbc: (key, iv, ciphertext) => opened(`aes-${key.length * 8}-cbc`, key, iv, ciphertext),
    decryptTripleDesCbc: (key, iv, ciphertext) => opened("des-ede3-cbc", key, iv, ciphertext)
  };
}
function opened(cipher, key, iv, ciphertext) {
  const decipher = createDecipheriv2(cipher, key, iv);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return void 0;
  }
}

// src/node/pkcs12.ts
function openPfx(file, passphrase) {
  const { keys, certificates } = opened2(file, passphrase ?? "");
  const first = keys[0];
  if (first === void 0) throw operationFailed("Unable to load private key from PFX data");
  const key = createPrivateKey4({ key: Buffer.from(first.der), format: "der", type: "pkcs8" });
  const chain = certificates.map(({ der: der3 }) => der3.slice());
  const leaf = chain.find((der3) => new X509Certificate3(der3).checkPrivateKey(key));
  if (leaf === void 0) throw operationFailed("Unable to load PFX certificate");
  return { key, chain: [leaf, ...chain.filter((der3) => der3 !== leaf)] };
}
function opened2(file, passphrase) {
  try {
    return openPkcs12(file, passphrase, createKeyFileCrypto(), { allowUnauthenticated: true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.code === "ERR_TLS_PASSPHRASE") throw operationFailed("mac verify failure", error);
    if (error.cause instanceof CertificateError) throw operationFailed("Unable to load PFX certificate", error);
    throw nodeError("ERR_CRYPTO_UNSUPPORTED_OPERATION", "Unsupported PKCS12 PFX data", Error, error);
  }
}
function operationFailed(message, cause) {
  return nodeError("ERR_CRYPTO_OPERATION_FAILED", message, Error, cause);
}

// src/node/raw-public-keys.ts
import { createHash as createHash3, createPrivateKey as createPrivateKey5, createPublicKey as createPublicKey4, KeyObject } from "node:crypto";
var name = "options.rawPublicKeys";
function readRawPublicKeys(given, inThreadPool) {
  validateObject2(given, name);
  const { pins, only, key } = given;
  if (only !== void 0) validateBoolean(only, `${name}.only`);
  if (pins !== void 0 && !Array.isArray(pins)) throw invalidArgType(`${name}.pins`, "Array", pins);
  if (only && pins === void 0) throw invalidArgValue(`${name}.only`, only, "needs pins: else nobody could be known");
  const types = pins === void 0 ? ["x509"] : ["rawPublicKey"];
  if (pins !== void 0 && !only) types.push("x509");
  return {
    types,
    pins: (pins ?? []).map((pin, i) => readPin(pin, `${name}.pins[${i}]`)),
    credential: key === void 0 ? void 0 : readKey2(key, inThreadPool)
  };
}
function readPin(pin, what) {
  if (ArrayBuffer.isView(pin) && pin.byteLength === 32) return new Uint8Array(copyOf2(pin));
  if (typeof pin === "string") {
    if (/^[0-9a-f]{64}$/i.test(pin)) return new Uint8Array(Buffer.from(pin, "hex"));
    if (/^[A-Za-z0-9+/]{43}=$/.test(pin)) return new Uint8Array(Buffer.from(pin, "base64"));
  }
  try {
    return nodeCrypto4().hash("sha256", spkiOf(pin));
  } catch {
    throw invalidArgValue(what, typeof pin, "is neither a public key nor the SHA-256 of one");
  }
}
function readKey2(key, inThreadPool) {
  let read3;
  try {
    read3 = key instanceof KeyObject ? key : createPrivateKey5(keyInput2(key, "pkcs8"));
    if (read3.type !== "private") throw new Error("not private");
  } catch {
    throw invalidArgValue(`${name}.key`, typeof key, "is no private key");
  }
  return { chain: [], rawPublicKey: spkiOf(createPublicKey4(read3)), signer: createSigner(read3, inThreadPool) };
}
function spkiOf(key) {
  const read3 = key instanceof KeyObject && key.type === "public" ? key : createPublicKey4(keyInput2(key, "spki"));
  return new Uint8Array(read3.export({ format: "der", type: "spki" }));
}
function keyInput2(key, type) {
  if (key instanceof KeyObject) return key;
  if (typeof key === "string") return key;
  if (!ArrayBuffer.isView(key)) throw new Error("no key");
  const bytes = copyOf2(key);
  return bytes.subarray(0, 5).toString("latin1") === "-----" ? bytes : { key: bytes, format: "der", type };
}
function copyOf2({ buffer, byteOffset, byteLength }) {
  return Buffer.from(Buffer.from(buffer, byteOffset, byteLength));
}
function judgeRawPublicKey(spki, known3) {
  if (known3 !== void 0 && isPinned(nodeCrypto4(), known3.pins, spki)) return null;
  const pin = createHash3("sha256").update(spki).digest("base64");
  const error = new Error(`raw public key untrusted: its SHA-256, ${pin}, is none of the pins`);
  error.code = "RPK_UNTRUSTED";
  return error;
}

// src/node/versions.ts
import { constants as constants3 } from "node:crypto";
var codes2 = {
  TLSv1: 769,
  "TLSv1.1": 770,
  "TLSv1.2": 771,
  "TLSv1.3": 772
};
function code(which, value, otherwise) {
  const found2 = codes2[value ?? otherwise];
  if (found2 === void 0) {
    throw nodeError(
      "ERR_TLS_INVALID_PROTOCOL_VERSION",
      `${JSON.stringify(value)} is not a valid ${which} TLS protocol version`,
      TypeError
    );
  }
  return found2;
}
function readVersions(context, options) {
  const { secureProtocol, minVersion, maxVersion } = options;
  if (secureProtocol) {
    for (const version2 of [minVersion, maxVersion]) {
      if (version2 === void 0 || version2 === null) continue;
      const words = `TLS protocol version ${JSON.stringify(version2)} conflicts with secureProtocol ${JSON.stringify(secureProtocol)}`;
      throw nodeError("ERR_TLS_PROTOCOL_VERSION_CONFLICT", words, TypeError);
    }
  }
  let min = code("minimum", minVersion, settings.exports.DEFAULT_MIN_VERSION);
  let max = code("maximum", maxVersion, settings.exports.DEFAULT_MAX_VERSION);
  if (secureProtocol) [min, max] = methodRange(secureProtocol, min, max);
  const off = readSecureOptions(context, options.secureOptions);
  if (off.has(772)) max = Math.min(max, 771);
  if (off.has(771)) min = Math.max(min, 772);
  if (max < 771) context.tooOld = true;
  context.minVersion = min <= 771 ? 771 : 772;
  context.maxVersion = max === 771 ? 771 : 772;
}
function methodRange(method, min, max) {
  const invalid2 = (words) => nodeError("ERR_TLS_INVALID_PROTOCOL_METHOD", words, TypeError);
  if (typeof method !== "string") throw invalid2(`Unknown method: ${String(method)}`);
  const name2 = method.replace(/_(?:server|client)_method$/, "_method");
  if (name2 === "TLS_method") return [min, max];
  if (name2 === "SSLv23_method") return [min, Math.min(max, 771)];
  if (name2 === "TLSv1_2_method") return [771, 771];
  if (name2 === "TLSv1_1_method") return [770, 770];
  if (name2 === "TLSv1_method") return [769, 769];
  if (name2 === "SSLv2_method" || name2 === "SSLv3_method") throw invalid2(`${name2.slice(0, 5)} methods disabled`);
  throw invalid2(`Unknown method: ${method}`);
}
var harmless = constants3.SSL_OP_ALL | constants3.SSL_OP_NO_SSLv2 | constants3.SSL_OP_NO_SSLv3 | constants3.SSL_OP_NO_TLSv1 | constants3.SSL_OP_NO_TLSv1_1 | constants3.SSL_OP_NO_COMPRESSION | constants3.SSL_OP_LEGACY_SERVER_CONNECT | constants3.SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION | constants3.SSL_OP_CISCO_ANYCONNECT | constants3.SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS | constants3.SSL_OP_TLS_ROLLBACK_BUG | constants3.SSL_OP_NO_QUERY_MTU | constants3.SSL_OP_COOKIE_EXCHANGE | (constants3.SSL_OP_NO_RENEGOTIATION ?? 0) | (constants3.SSL_OP_PRIORITIZE_CHACHA ?? 0) | (constants3.SSL_OP_NO_ENCRYPT_THEN_MAC ?? 0) | (constants3.SSL_OP_ALLOW_NO_DHE_KEX ?? 0) | (constants3.SSL_OP_CRYPTOPRO_TLSEXT_BUG ?? 0) | 1048576 | // SSL_OP_SINGLE_DH_USE: keys are always fresh
524288;
function readSecureOptions(context, secureOptions) {
  const off = /* @__PURE__ */ new Set();
  if (!secureOptions) return off;
  validateInteger(secureOptions, "secureOptions", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const bit = (value) => value !== void 0 && value !== 0 && (secureOptions & value) === value;
  if (bit(constants3.SSL_OP_NO_TLSv1_2)) off.add(771);
  if (bit(constants3.SSL_OP_NO_TLSv1_3)) off.add(772);
  if (bit(constants3.SSL_OP_NO_TICKET)) context.noTickets = true;
  if (bit(constants3.SSL_OP_CIPHER_SERVER_PREFERENCE)) context.preferServerOrder = true;
  const known3 = harmless | constants3.SSL_OP_NO_TLSv1_2 | (constants3.SSL_OP_NO_TLSv1_3 ?? 0) | constants3.SSL_OP_NO_TICKET | constants3.SSL_OP_CIPHER_SERVER_PREFERENCE;
  const unknown = secureOptions & ~known3;
  if (unknown !== 0) {
    throw nodeError(
      "ERR_TLS_CONFIG",
      `secureOptions: the bit(s) 0x${(unknown >>> 0).toString(16)} ask for what Handfast does not do; leave them out`,
      TypeError
    );
  }
  return off;
}

// src/node/secure-context.ts
var ContextState = class {
  minVersion = 771;
  maxVersion = 772;
  cipherSuites = [];
  groups = [];
  signatureSchemes;
  credentials = [];
  /** Trusted certificates (DER) of `ca` and `pfx`, or `undefined` for the default ones. */
  ca;
  crls = [];
  /** Only TLS 1.1 or older is allowed: no handshake is possible (RFC 8996). */
  tooOld = false;
  preferServerOrder = false;
  noTickets = false;
  partialChains = false;
  ticketKeys;
  sessionTimeout;
  sessionIdContext;
  identity;
  echKeys = [];
  certificateCompression;
  rawPublicKeys;
  /** Client certificates by server name; `undefined` leaves it to the server. */
  clientCertificate;
  /** What others derive from this context and keep with it, e.g. its trust anchors or the server's configuration. */
  derived = /* @__PURE__ */ new Map();
  /** Adds a trusted certificate (PEM) to those of `ca` or the default ones, as the method of Node's own context does. */
  addCACert(pem) {
    this.ca = [...this.ca ?? defaultCa(), ...readCertificates2(pem, "ca")];
    this.derived.clear();
  }
  /** Changes the cipher list, as the method of Node's own context does. */
  setCiphers(list) {
    this.cipherSuites = parseCiphers(list).codes;
    this.derived.clear();
  }
  /** Trusts the default authorities too. */
  addRootCerts() {
    if (this.ca !== void 0) this.ca = [...this.ca, ...defaultCa()];
    this.derived.clear();
  }
  /** DER of the first certificate. */
  getCertificate() {
    const leaf = this.credentials.find(({ rawPublicKey }) => rawPublicKey === void 0)?.chain[0];
    return leaf === void 0 ? null : Buffer.from(leaf);
  }
  /** DER of the certificate that issued the first one, where it is known. */
  getIssuer() {
    const chain = this.credentials.find(({ rawPublicKey }) => rawPublicKey === void 0)?.chain;
    if (chain === void 0) return null;
    const leaf = new X509Certificate4(chain[0]);
    for (const candidate of [...chain.slice(1), ...this.ca ?? [], chain[0]]) {
      if (leaf.checkIssued(new X509Certificate4(candidate))) return Buffer.from(candidate);
    }
    return null;
  }
  #external = {};
  /** As in Node: something that only a context itself has. */
  get _external() {
    return this.#external;
  }
  getTicketKeys() {
    return this.ticketKeys;
  }
  close() {
    this.derived.clear();
  }
};
var SecureContextObject = class {
  context;
  constructor(secureProtocol, secureOptions, minVersion, maxVersion) {
    this.context = new ContextState();
    readVersions(this.context, { secureProtocol, secureOptions, minVersion, maxVersion });
  }
};
function createSecureContext(options = {}) {
  options ??= {};
  const { secureProtocol, minVersion, maxVersion } = options;
  const made = new SecureContextObject(secureProtocol, options.secureOptions, minVersion, maxVersion);
  if (options.honorCipherOrder) made.context.preferServerOrder = true;
  configure(made.context, options);
  return made;
}
function configure(context, options) {
  validateObject2(options, "options");
  const loose = options;
  const { ciphers: ciphers2 } = options;
  if (ciphers2 !== void 0 && ciphers2 !== null) validateString(ciphers2, "options.ciphers");
  readCiphers2(context, ciphers2 || settings.exports.DEFAULT_CIPHERS);
  const { ca, cert, crl, passphrase } = options;
  if (ca) context.ca = asList(ca).flatMap((item) => readCertificates2(checked3(item, "options.ca"), "ca"));
  if (options.allowPartialTrustChain) context.partialChains = true;
  const { securityLevel } = parseCiphers(ciphers2 || settings.exports.DEFAULT_CIPHERS);
  const chains = cert ? asList(cert).map((item) => readCertificates2(checked3(item, "options.cert"), "cert")) : [];
  const keys = readKeys(options.key, passphrase);
  const leaves = chains.map((chain, i) => readLeaf(chain, chains.length === 1 ? "options.cert" : `options.cert[${i}]`));
  for (const leaf of leaves) checkKeySize(leaf.publicKey, securityLevel);
  if (options.sign !== void 0) addExternal(context, chains, leaves, options);
  else pair(context, chains, leaves, keys, options.signInThreadPool);
  if (options.sigalgs !== void 0 && options.sigalgs !== null) {
    validateString(options.sigalgs, "options.sigalgs");
    if (options.sigalgs === "") throw invalidArgValue("options.sigalgs", options.sigalgs);
    const schemes = parseSigalgs(options.sigalgs);
    context.signatureSchemes = schemes;
    context.credentials = context.credentials.map((credential) => limitTo(credential, schemes));
  }
  refuseEngines(loose);
  const curve = loose["ecdhCurve"] === void 0 ? settings.exports.DEFAULT_ECDH_CURVE || "auto" : loose["ecdhCurve"];
  validateString(curve, "options.ecdhCurve");
  context.groups = options.groups ?? parseEcdhCurve(curve);
  if (options.dhparam !== void 0 && options.dhparam !== null && options.dhparam !== "auto") {
    checked3(options.dhparam, "options.dhparam");
  }
  if (crl !== void 0 && crl !== null) {
    context.crls = asList(crl).flatMap((item) => readCrls(checked3(item, "options.crl")));
  }
  if (options.sessionIdContext !== void 0 && options.sessionIdContext !== null) {
    validateString(options.sessionIdContext, "options.sessionIdContext");
    context.sessionIdContext = options.sessionIdContext;
  }
  if (options.pfx !== void 0 && options.pfx !== null) readPfx(context, options.pfx, passphrase);
  if (options.ticketKeys !== void 0 && options.ticketKeys !== null) {
    validateBuffer(options.ticketKeys, "options.ticketKeys");
    if (options.ticketKeys.byteLength !== 48) {
      throw invalidArgValue("options.ticketKeys", options.ticketKeys.byteLength, "must be exactly 48 bytes");
    }
    context.ticketKeys = Buffer.from(options.ticketKeys);
  }
  if (options.sessionTimeout !== void 0 && options.sessionTimeout !== null) {
    validateInteger(options.sessionTimeout, "options.sessionTimeout", 0, 2 ** 31 - 1);
    context.sessionTimeout = options.sessionTimeout;
  }
  context.identity = options.identity;
  if (options.echKeys !== void 0 && options.echKeys !== null) {
    context.echKeys = readEchKeys(options.echKeys);
  }
  if (options.certificateCompression !== void 0 && options.certificateCompression !== null) {
    const algorithms2 = readCertificateCompression(options.certificateCompression);
    if (algorithms2.length > 0 && context.maxVersion !== 772) {
      throw nodeError(
        "ERR_INVALID_ARG_VALUE",
        "certificateCompression requires a TLS protocol range that includes TLSv1.3",
        TypeError
      );
    }
    context.certificateCompression = algorithms2;
  }
  if (options.rawPublicKeys !== void 0 && options.rawPublicKeys !== null) {
    context.rawPublicKeys = readRawPublicKeys(options.rawPublicKeys, options.signInThreadPool);
    const { credential } = context.rawPublicKeys;
    const { signatureSchemes: signatureSchemes2 } = context;
    if (credential !== void 0) {
      context.credentials.unshift(signatureSchemes2 === void 0 ? credential : limitTo(credential, signatureSchemes2));
    }
  }
  for (const credential of context.credentials) completeChain(credential, context.ca);
}
function readCiphers2(context, list) {
  if (list.split(":").every((word) => word === "")) throw invalidArgValue("options.ciphers", list.split(":"));
  const choice = parseCiphers(list);
  context.cipherSuites = list === cipherDefault ? preferAead(choice.codes, nodeCrypto4().preferredAead) : choice.codes;
  if (!choice.tls12 && context.maxVersion === 772) context.minVersion = 772;
}
function pair(context, chains, leaves, keys, inThreadPool = false) {
  for (const key of keys) {
    const index = leaves.findIndex((leaf) => leaf.checkPrivateKey(key));
    if (index >= 0) {
      context.credentials.push(credentialOf(chains[index], key, inThreadPool));
    } else if (leaves.some((leaf) => leaf.publicKey.asymmetricKeyType === key.asymmetricKeyType)) {
      const error = nodeError(
        "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
        "error:05800074:x509 certificate routines::key values mismatch"
      );
      throw Object.assign(error, { library: "x509 certificate routines", reason: "key values mismatch" });
    }
  }
}
function credentialOf(chain, key, inThreadPool = false) {
  return { chain: [...chain], signer: createSigner(key, inThreadPool) };
}
function addExternal(context, [chain], [leaf], options) {
  if (chain === void 0 || leaf === void 0)
    throw invalidArgValue("options.sign", options.sign, "needs the certificate of its key in options.cert");
  const signer = createSigner(leaf.publicKey);
  context.credentials.push({ chain, signer: { ...signer, sign: options.sign } });
}
function limitTo(credential, schemes) {
  const { signer } = credential;
  return { ...credential, signer: { ...signer, schemes: signer.schemes.filter((scheme) => schemes.includes(scheme)) } };
}
var leastRsaBits = [0, 1024, 2048, 3072, 7680, 15360];
function checkKeySize(key, level) {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== void 0 && bits < (leastRsaBits[level] ?? 0)) {
    throw opensslError(
      "ee key too small",
      `an RSA key of ${bits} bits; at @SECLEVEL=${level} it has at least ${leastRsaBits[level]}`
    );
  }
}
function completeChain(credential, ca) {
  const chain = credential.chain;
  if (chain.length !== 1 || ca === void 0) return;
  let last = new X509Certificate4(chain[0]);
  const known3 = ca.map((der3) => ({ der: der3, certificate: new X509Certificate4(der3) }));
  for (let depth = 0; depth < 10 && !last.checkIssued(last); depth++) {
    const issuer = known3.find(({ certificate }) => last.checkIssued(certificate));
    if (issuer === void 0) return;
    chain.push(issuer.der);
    last = issuer.certificate;
  }
}
function readPfx(context, pfx, passphrase) {
  for (const item of asList(pfx)) {
    const { buf, passphrase: own2 } = item ?? {};
    const raw = Array.isArray(pfx) && buf !== void 0 ? buf : item;
    const secret = (Array.isArray(pfx) ? own2 : void 0) || passphrase;
    const bytes = typeof raw === "string" ? Buffer.from(raw) : bytesOf(checked3(raw, "options.pfx"));
    const opened3 = openPfx(
      bytes,
      secret === void 0 || secret === null ? void 0 : Buffer.from(secret).toString()
    );
    context.credentials.push(credentialOf(opened3.chain, opened3.key));
    if (opened3.chain.length > 1) context.ca = [...context.ca ?? defaultCa(), ...opened3.chain.slice(1)];
  }
}
function refuseEngines(options) {
  const { privateKeyIdentifier, privateKeyEngine, clientCertEngine } = options;
  if (privateKeyIdentifier !== void 0 && privateKeyIdentifier !== null) {
    if (privateKeyEngine === void 0 || privateKeyEngine === null)
      throw invalidArgValue("options.privateKeyEngine", privateKeyEngine);
    if (options["key"]) throw invalidArgValue("options.privateKeyIdentifier", privateKeyIdentifier);
    if (typeof privateKeyIdentifier !== "string") {
      throw invalidArgType("options.privateKeyIdentifier", ["string", "null", "undefined"], privateKeyIdentifier);
    }
    if (typeof privateKeyEngine !== "string") {
      throw invalidArgType("options.privateKeyEngine", ["string", "null", "undefined"], privateKeyEngine);
    }
    throw noEngine();
  }
  if (typeof clientCertEngine === "string") throw noEngine();
  if (clientCertEngine !== void 0 && clientCertEngine !== null) {
    throw invalidArgType("options.clientCertEngine", ["string", "null", "undefined"], clientCertEngine);
  }
}
function noEngine() {
  return nodeError(
    "ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED",
    // Node's words; in Handfast a key that lives elsewhere signs through the option `sign`.
    "Custom engines not supported by this OpenSSL"
  );
}
function refuseDhParam(dhparam) {
  if (dhparam === void 0 || dhparam === null) return;
  throw unsupportedOption("dhparam", "finite-field Diffie-Hellman is not spoken; leave the option out, ECDHE is used");
}
function invalidContext(name2) {
  return nodeError("ERR_TLS_INVALID_CONTEXT", `${name2} must be a SecureContext`, TypeError);
}

// src/node/tls-connect.ts
import { isIP as isIP3 } from "node:net";

// src/node/tls-socket.ts
import { Socket as Socket4 } from "node:net";
import { addAbortSignal } from "node:stream";

// src/node/outgoing.ts
import { Socket as Socket3 } from "node:net";

// src/node/socket-facade.ts
import { Socket } from "node:net";
import { Duplex } from "node:stream";
var addressNames = [
  "remoteAddress",
  "remotePort",
  "remoteFamily",
  "localAddress",
  "localPort",
  "localFamily"
];
var Base = Duplex;
var SocketFacade = class extends Base {
  #transport;
  #noDelay;
  #keepAlive;
  #typeOfService;
  #unref = false;
  /** Bytes of plaintext that were read and written. */
  plaintextRead = 0;
  plaintextWritten = 0;
  constructor({
    allowHalfOpen,
    highWaterMark
  }) {
    super({
      allowHalfOpen: allowHalfOpen === true,
      highWaterMark,
      emitClose: false,
      autoDestroy: true,
      decodeStrings: false
    });
    this.connecting = false;
    this._hadError = false;
    this._parent = null;
    this._host = null;
    this.on("end", onReadableEnd);
  }
  /** What is under this socket. Not for users, as are the two below. */
  get transport() {
    return this.#transport;
  }
  /** The transport, where it is a socket of the network. */
  get netTransport() {
    return this.#transport instanceof Socket ? this.#transport : void 0;
  }
  /** Puts a transport under this socket, as it is. */
  adopt(transport) {
    this.#transport = transport;
  }
  /** Puts a socket under this one, and sets on it what was set here before. */
  equip(transport) {
    this.#transport = transport;
    if (this.#noDelay !== void 0) transport.setNoDelay(this.#noDelay);
    if (this.#keepAlive !== void 0) setKeepAlive(transport, this.#keepAlive);
    if (this.#typeOfService !== void 0) transport.setTypeOfService?.(this.#typeOfService);
    if (this.#unref) transport.unref();
  }
  address() {
    return this.netTransport?.address() ?? {};
  }
  setNoDelay(noDelay = true) {
    this.#noDelay = noDelay;
    this.#transport?.setNoDelay?.(noDelay);
    return this;
  }
  /** Whatever this version of Node takes: two values, four, or an object. */
  setKeepAlive(...args) {
    this.#keepAlive = args;
    setKeepAlive(this.#transport, args);
    return this;
  }
  /** Node 24's: the octet of the IP header by which networks tell traffic apart; kept until there is a connection. */
  setTypeOfService(value) {
    validateInteger(value, "tos", 0, 255);
    this.#typeOfService = value;
    this.#transport?.setTypeOfService?.(value);
    return this;
  }
  /** What the transport says, or on an older Node what was set here. */
  getTypeOfService() {
    return this.#transport?.getTypeOfService?.() ?? this.#typeOfService ?? 0;
  }
  ref() {
    this.#unref = false;
    this.#transport?.ref?.();
    return this;
  }
  unref() {
    this.#unref = true;
    this.#transport?.unref?.();
    return this;
  }
};
function setKeepAlive(transport, args) {
  transport?.setKeepAlive?.(...args);
}
Object.setPrototypeOf(SocketFacade.prototype, Socket.prototype);
function onReadableEnd() {
  if (!this.allowHalfOpen) this.write = writeAfterEnd;
}
function writeAfterEnd(...args) {
  if (!this.writableEnded) return Duplex.prototype.write.apply(this, args);
  const error = nodeError("EPIPE", "This socket has been ended by the other party");
  const callback = args.findLast((arg) => typeof arg === "function");
  if (callback !== void 0) process.nextTick(callback, error);
  this.destroy(error);
  return false;
}
function define(name2, get) {
  Object.defineProperty(SocketFacade.prototype, name2, { get, configurable: true, enumerable: true });
}
define("pending", function() {
  return this.transport === void 0 || this.connecting;
});
for (const name2 of [...addressNames, "autoSelectFamilyAttemptedAddresses"]) {
  define(name2, function() {
    return this.netTransport?.[name2];
  });
}
define("bytesRead", function() {
  return this.plaintextRead;
});
define("bytesWritten", function() {
  return this.plaintextWritten + this.writableLength;
});
define("bufferSize", function() {
  return this.destroyed ? void 0 : this.writableLength;
});
define("_bytesDispatched", function() {
  return this.plaintextWritten;
});

// src/node/transport.ts
import { Socket as Socket2 } from "node:net";
var owner = /* @__PURE__ */ Symbol("handfast.owner");
var tap = /* @__PURE__ */ Symbol("handfast.tap");
var socketOptions = ["noDelay", "keepAlive", "keepAliveInitialDelay", "typeOfService", "blockList"];
function transportOptions(given) {
  const made = { allowHalfOpen: true };
  if (typeof given !== "object" || given === null) return made;
  for (const name2 of socketOptions) {
    const value = given[name2];
    if (value !== void 0 && value !== null) made[name2] = value;
  }
  return made;
}
function connectTransport(transport, args) {
  const own2 = args.filter((arg) => typeof arg !== "function");
  const [first] = own2;
  if (typeof first === "object" && first !== null && !Array.isArray(first)) {
    own2[0] = { ...first, timeout: void 0, signal: void 0, onread: void 0, allowHalfOpen: true };
  }
  transport.connect(...own2);
}
function own(transport, by) {
  transport.allowHalfOpen = true;
  transport[owner] = by;
  transport.on("close", onClose);
}
function startReading(transport) {
  transport.on("end", onEnd);
  if (isFresh(transport)) {
    const socket = transport;
    socket[tap] = { paused: false, writes: 0 };
    socket.push = takeBytes;
    socket._read(0);
    return;
  }
  transport.on("data", onData);
  transport.resume();
  if (transport.readableEnded) process.nextTick(onEnd.bind(transport));
}
var isNode = !("bun" in process.versions || "deno" in process.versions);
function isFresh(transport) {
  return isNode && Object.getPrototypeOf(transport) === Socket2.prototype && !transport.connecting && !transport.destroyed && transport.readableFlowing === null && transport.readableLength === 0 && !transport.readableEnded && transport.readableEncoding === null && transport.writableLength === 0 && transport.writableCorked === 0 && !transport.writableEnded && !Object.hasOwn(transport, "push") && !Object.hasOwn(transport, "write") && !Object.hasOwn(transport, "_write") && transport.listenerCount("data") === 0 && transport.listenerCount("readable") === 0;
}
function takeBytes(chunk) {
  const socket = this;
  if (chunk === null) return Socket2.prototype.push.call(socket, null);
  socket[owner].transportData(chunk, true);
  return !socket[tap].paused;
}
function pauseReading(transport) {
  const tapped = transport[tap];
  if (tapped === void 0) transport.pause();
  else tapped.paused = true;
}
function resumeReading(transport) {
  const tapped = transport[tap];
  if (tapped === void 0) {
    transport.resume();
  } else if (tapped.paused) {
    tapped.paused = false;
    if (!transport.destroyed) transport._read(0);
  }
}
function stopReading(transport) {
  transport.removeListener("data", onData);
}
function send2(transport, pieces, done) {
  const tapped = transport[tap];
  if (tapped !== void 0) {
    sendBelow(transport, tapped, pieces, done);
    return;
  }
  const last = pieces.length - 1;
  if (last > 0) transport.cork();
  for (let i = 0; i < last; i++) transport.write(pieces[i]);
  transport.write(pieces[last], done);
  if (last > 0) transport.uncork();
}
function sendBelow(socket, tapped, pieces, done) {
  tapped.writes++;
  let atOnce = true;
  const sent = (failure) => {
    tapped.writes--;
    const error = socket.destroyed ? socket.errored ?? failure ?? cancelled() : failure ?? null;
    if (done !== void 0 && atOnce) process.nextTick(done, error);
    else done?.(error);
    if (error !== null) socket.destroy(error);
  };
  if (pieces.length === 1) {
    socket._write(pieces[0], "buffer", sent);
  } else {
    const chunks = pieces.map((chunk) => ({ chunk, encoding: "buffer" }));
    socket._writev(chunks, sent);
  }
  atOnce = false;
}
function cancelled() {
  return nodeError("ECANCELED", "write ECANCELED: the socket was destroyed before all was sent");
}
function onData(chunk) {
  this[owner]?.transportData(chunk, false);
}
function onEnd() {
  this[owner]?.transportEnded();
}
function onClose() {
  this[owner]?.transportClosed();
}
var noop = () => {
};
function closeTransport(transport, reset) {
  if (reset && transport instanceof Socket2) {
    transport.resetAndDestroy();
    return;
  }
  const unsent = transport.writableLength > 0 || (transport[tap]?.writes ?? 0) > 0;
  if (unsent && !transport.writableEnded && transport instanceof Socket2 && !transport.connecting) {
    const timer = setTimeout(() => transport.destroy(), 1e3);
    timer.unref();
    transport.once("close", () => clearTimeout(timer));
    transport.on("error", noop);
    transport.end(() => transport.destroy());
    return;
  }
  transport.destroy();
}

// src/node/outgoing.ts
var slab = 1 << 18;
var largeChunk = 1 << 16;
var bulkWrite = 1 << 13;
function joinSmall(chunks) {
  const joined = [];
  let small = [];
  let size = 0;
  const join2 = () => {
    if (small.length > 0) joined.push(small.length === 1 ? small[0] : Buffer.concat(small, size));
    small = [];
    size = 0;
  };
  for (const { chunk, encoding } of chunks) {
    const bytes = asBytes2(chunk, encoding);
    if (bytes.length >= largeChunk || size + bytes.length > slab) join2();
    small.push(bytes);
    size += bytes.length;
    if (bytes.length >= largeChunk) join2();
  }
  join2();
  return joined;
}
function asBytes2(chunk, encoding) {
  return typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
}
function encryptAll(connection, transport, chunks) {
  let size = 0;
  for (const chunk of chunks) {
    for (let at2 = 0; at2 < chunk.length; at2 += slab) {
      const part = chunk.length <= slab ? chunk : chunk.subarray(at2, at2 + slab);
      connection.write(part);
      size += part.length;
      if (size >= slab && at2 + slab < chunk.length) {
        sendOutgoing(connection, transport, void 0);
        size = 0;
      }
    }
  }
}
function sendOutgoing(connection, transport, done) {
  const pieces = connection.takeOutgoing();
  if (transport === void 0 || transport.destroyed || transport.writableEnded) {
    if (done !== void 0) process.nextTick(done, pieces.length > 0 ? connectionReset("write ECONNRESET") : null);
    return;
  }
  if (pieces.length > 0) send2(transport, pieces, releasing(connection, transport, pieces, done));
  else if (done !== void 0) process.nextTick(done, null);
}
function releasing(connection, transport, pieces, done) {
  if (!pieces.some(isBulk) || !(transport instanceof Socket3) || transport instanceof SocketFacade) return done;
  return (error) => {
    for (const piece of pieces) if (isBulk(piece)) connection.release(piece);
    done?.(error);
  };
}
function isBulk(piece) {
  return piece.length >= bulkWrite;
}

// src/node/client-early-data.ts
var ClientEarlyData = class {
  #connection;
  #chunks;
  #sent = false;
  /** Bytes of it. */
  size;
  /** Whether it is a write, which is still there to be done after the handshake. */
  isWrite;
  constructor(connection, option, write) {
    this.#connection = connection;
    this.isWrite = option === true;
    this.#chunks = option === true ? write : [asBytes2(option, "utf8")];
    this.size = this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }
  /** Whether the server has taken it. */
  get accepted() {
    return this.#sent && this.#connection.connected && this.#connection.info.earlyData === "accepted";
  }
  /** Sends it behind the ClientHello: all of it or nothing. */
  send() {
    if (!this.#connection.writable || this.#connection.earlyDataAllowance < this.size) return;
    this.#write();
    this.#sent = true;
  }
  /** After the handshake: sends what was not taken, but for a write, which its stream repeats. */
  repeat() {
    if (!this.isWrite && !this.accepted) this.#write();
  }
  #write() {
    for (const chunk of this.#chunks) this.#connection.write(chunk);
  }
};

// src/node/connection-setup.ts
import { isIP as isIP2 } from "node:net";

// src/handshake/client12.ts
function* clientHandshake12(context, transcript, offer, message) {
  const { config, crypto } = context;
  transcript.add(message.raw);
  const hello = decodeServerHello12(message.body);
  const terms = readTerms2(context, offer, hello);
  const resumed = resumedSession(context, offer, hello, terms);
  if (resumed !== void 0) return yield* abbreviatedHandshake2(context, transcript, offer, hello, terms, resumed);
  const { suite, randoms } = terms;
  const serverType = serverTypeOf(config, hello.extensions.serverCertificateType);
  const clientType = clientTypeOf(offer.hello, hello.extensions.clientCertificateType);
  const server2 = yield* readServerCertificate(context, transcript, terms, serverType);
  const keyExchange = suite.keyExchange === "ecdhe" ? yield* readServerKeyExchange(context, transcript, server2, randoms) : void 0;
  if (keyExchange === void 0) requireKeyUsage(server2.leaf, "keyEncipherment");
  const { certificateRequest } = yield* readServerHelloDone(transcript);
  const peerNotAfter = yield* verifyPeer(context, "server", tls12, server2, config.verifyName);
  const credential = certificateRequest && (yield* selectCredential3(context, certificateRequest, clientType));
  if (certificateRequest !== void 0) {
    sendMessage(context, transcript, "certificate", certificateBody12(credential));
  }
  const premaster = keyExchange === void 0 ? sendRsaPremaster(context, transcript, server2, offer.hello.legacyVersion) : sendEcdhe(context, transcript, keyExchange);
  const sessionHash = terms.extendedMasterSecret ? transcript.hash(suite.hash) : void 0;
  const secret = masterSecret(crypto, suite, premaster, randoms, sessionHash);
  const master = untilFailure(context, new MasterSecret(crypto, suite, secret, randoms, terms.extendedMasterSecret));
  logSecret(context, "CLIENT_RANDOM", randoms.client, secret);
  let scheme;
  if (credential !== void 0 && certificateRequest !== void 0) {
    scheme = schemeFor12(credential.signer, certificateRequest);
    const signature = yield* request("sign", { signer: credential.signer, scheme, data: transcript.bytes().slice() });
    sendMessage(context, transcript, "certificateVerify", encodeCertificateVerify({ algorithm: scheme, signature }));
  }
  const keys = master.keys(terms.encryptThenMac);
  sendFinished2(context, transcript, suite, master, keys.client);
  const ticket = yield* readFinished2(context, transcript, suite, master, keys.server, terms.expectsTicket);
  transcript.drop();
  const agreement = {
    version: tls12,
    suite,
    group: keyExchange?.group,
    signatureScheme: scheme,
    peerSignatureScheme: keyExchange?.scheme,
    serverName: config.serverName,
    alpnProtocol: hello.extensions.alpn,
    resumption: "none",
    extendedMasterSecret: terms.extendedMasterSecret,
    earlyData: "none",
    helloRetryRequest: false,
    echAccepted: false,
    peerCertificates: server2.chain,
    peerRawPublicKey: server2.rawPublicKey,
    ownRawPublicKey: false,
    peerNotAfter,
    ocspResponse: server2.ocspResponse,
    scts: server2.scts,
    sessionId: hello.legacySessionIdEcho.slice()
  };
  refuseRejectedEch(context, void 0);
  keepSession(context, agreement, master, ticket, void 0);
  return establish12(agreement, master);
}
function* abbreviatedHandshake2(context, transcript, offer, hello, { suite, randoms, encryptThenMac, expectsTicket }, session) {
  const { state: state2 } = session;
  const kind2 = session.ticket.length > 0 ? "ticket" : "sessionId";
  decide(context, "resumption", kind2, "the server took the session");
  const secret = state2.secret.slice();
  const master = untilFailure(
    context,
    new MasterSecret(context.crypto, suite, secret, randoms, state2.extendedMasterSecret)
  );
  logSecret(context, "CLIENT_RANDOM", offer.hello.random, secret);
  const keys = master.keys(encryptThenMac);
  const ticket = yield* readFinished2(context, transcript, suite, master, keys.server, expectsTicket);
  yield* verifyResumed(context, session);
  sendFinished2(context, transcript, suite, master, keys.client);
  transcript.drop();
  const agreement = resumedAgreement(state2, {
    suite,
    serverName: context.config.serverName,
    alpnProtocol: hello.extensions.alpn,
    resumption: kind2,
    ocspResponse: session.ocspResponse,
    scts: session.scts,
    sessionId: hello.legacySessionIdEcho.slice()
  });
  if (ticket !== void 0 && ticket.ticket.length > 0) keepSession(context, agreement, master, ticket, session);
  return establish12(agreement, master);
}
function readTerms2(context, offer, hello) {
  const { config, output } = context;
  const { extensions } = hello;
  const suite = checkCipherSuite(offer, hello.cipherSuite, tls12);
  decide(context, "cipherSuite", suite.name, "the server chose it");
  if (hello.legacyCompressionMethod !== 0) {
    throw illegalParameter(
      "ERR_TLS_COMPRESSION",
      "serverHello: compression was not offered",
      "RFC 5246, Section 7.4.1.3"
    );
  }
  if (offer.hello.extensions.earlyData) {
    throw new PeerError(
      "ERR_TLS_EARLY_DATA_VERSION",
      "protocolVersion",
      "serverHello: TLS 1.2 in answer to early data; connect again without it",
      { rfc: "RFC 9846, Appendix D.3" }
    );
  }
  checkSolicited(offer, hello.extensionOrder, "serverHello");
  checkAlpn(offer, extensions.alpn);
  const extendedMasterSecret = checkHelloTerms12(config, extensions, "serverHello");
  if (extensions.encryptThenMac && suite.cbc === void 0) {
    throw illegalParameter(
      "ERR_TLS_ENCRYPT_THEN_MAC",
      "serverHello: encrypt_then_mac with a suite that is no block cipher",
      "RFC 7366, Section 3"
    );
  }
  if (extensions.recordSizeLimit !== void 0) {
    checkRecordSizeLimit(extensions.recordSizeLimit, "serverHello", largestRecordSizeLimit(tls12));
    output.setRecordSizeLimits(extensions.recordSizeLimit, config.recordSizeLimit);
  }
  return {
    suite,
    randoms: { client: offer.hello.random, server: hello.random.slice() },
    extendedMasterSecret,
    encryptThenMac: extensions.encryptThenMac === true,
    expectsTicket: extensions.sessionTicket === true,
    expectsStatus: extensions.statusRequest === true,
    scts: extensions.signedCertificateTimestamp
  };
}
function resumedSession({ config }, offer, hello, { suite, extendedMasterSecret }) {
  const { session12: session } = offer;
  const { legacySessionId: legacySessionId2 } = offer.hello;
  if (legacySessionId2.length === 0 || !equal(hello.legacySessionIdEcho, legacySessionId2)) return void 0;
  const refuse = (code2, what, rfc) => illegalParameter(code2, `serverHello: it resumes a session, ${what}`, rfc);
  if (session === void 0) {
    const other = config.sessions.length > 0 ? "of TLS 1.3" : "and none was offered";
    throw refuse("ERR_TLS_SESSION_ID_ECHO", other, "RFC 9846, Section 4.1.3");
  }
  const { state: state2 } = session;
  if (state2.cipherSuite !== suite.code) {
    const was = cipherSuite(state2.cipherSuite)?.name;
    throw refuse("ERR_TLS_RESUMED_CIPHER", `but with ${suite.name} instead of ${was}`, "RFC 5246, Section 7.4.1.3");
  }
  if (state2.extendedMasterSecret !== extendedMasterSecret) {
    throw new PeerError(
      state2.extendedMasterSecret ? "ERR_TLS_RESUMED_WITHOUT_EMS" : "ERR_TLS_RESUMED_WITH_EMS",
      "handshakeFailure",
      `serverHello: it resumes a session ${state2.extendedMasterSecret ? "without" : "with"} the extended master secret`,
      { rfc: "RFC 7627, Section 5.3" }
    );
  }
  return session;
}
function* readServerCertificate(context, transcript, terms, type) {
  const message = yield* expectMessage("certificate");
  transcript.add(message.raw);
  const peer = readCertificateBody12(context, message.body, type, terms.scts);
  if (peer === void 0) {
    throw new PeerError(
      "ERR_TLS_NO_SERVER_CERTIFICATE",
      "decodeError",
      "certificate: the server shows no certificate",
      {
        rfc: "RFC 5246, Section 7.4.2"
      }
    );
  }
  checkCertificateKey(context, terms.suite, peer.publicKey.type);
  return terms.expectsStatus && type === "x509" ? yield* readStatus2(transcript, peer) : peer;
}
function checkCertificateKey({ config }, suite, type) {
  const isRsa = type === "rsa" || type === "rsaPss" && suite.keyExchange === "ecdhe";
  const isEcdsa = !type.startsWith("rsa") && !type.startsWith("mldsa");
  if (!(suite.authentication === "rsa" ? isRsa : isEcdsa)) {
    throw illegalParameter(
      "ERR_TLS_CERTIFICATE_KEY_TYPE",
      `certificate: a key of type ${type} does not fit ${suite.name}`,
      "RFC 5246, Section 7.4.2"
    );
  }
  const curve = curveOf[type];
  if (curve !== void 0 && !config.groups.includes(curve)) {
    throw illegalParameter(
      "ERR_TLS_CERTIFICATE_CURVE",
      `certificate: a key on ${curve}, which is not among the groups that were offered`,
      "RFC 8422, Section 5.3"
    );
  }
}
function* readStatus2(transcript, peer) {
  const next = yield* takeMessageIf("certificateStatus");
  if (next === void 0) return peer;
  transcript.add(next.raw);
  return { ...peer, ocspResponse: decodeCertificateStatus(next.body) };
}
function* readServerKeyExchange(context, transcript, server2, randoms) {
  const message = yield* expectMessage("serverKeyExchange");
  transcript.add(message.raw);
  const { group: code2, publicKey, params, algorithm: algorithm2, signature } = decodeServerKeyExchange(message.body);
  const group = groupName(code2);
  if (group === void 0 || !context.config.groups.includes(group) || isHybrid(group)) {
    throw illegalParameter(
      "ERR_TLS_GROUP",
      `serverKeyExchange: group 0x${code2.toString(16)} was not offered for TLS 1.2`,
      "RFC 8422, Section 5.4"
    );
  }
  decide(context, "group", group, "the server chose it");
  const data = new Uint8Array(64 + params.length);
  data.set(randoms.client);
  data.set(randoms.server, 32);
  data.set(params, 64);
  verifySignature(context, tls12, server2, algorithm2, data, signature, "serverKeyExchange");
  return { group, publicKey, scheme: algorithm2 };
}
function* readServerHelloDone(transcript) {
  let message = yield* expectMessage("certificateRequest", "serverHelloDone");
  transcript.add(message.raw);
  let certificateRequest;
  if (message.type === "certificateRequest") {
    certificateRequest = decodeCertificateRequest12(message.body);
    message = yield* expectMessage("serverHelloDone");
    transcript.add(message.raw);
  }
  if (message.body.length > 0) {
    throw new PeerError("ERR_TLS_DECODE", "decodeError", "serverHelloDone: it has a body", {
      rfc: "RFC 5246, Section 7.4.5"
    });
  }
  return { certificateRequest };
}
function* selectCredential3({ config }, asked, type) {
  const rsa = asked.certificateTypes.includes(1);
  const ecdsa2 = asked.certificateTypes.includes(64);
  const authentication = [...ecdsa2 ? ["ecdsa"] : [], ...rsa ? ["rsa"] : []];
  const credential = yield* requestClientCredential(config, {
    role: "client",
    version: tls12,
    serverName: config.serverName,
    signatureSchemes: asked.signatureAlgorithms,
    certificateSignatureSchemes: asked.signatureAlgorithms,
    certificateTypes: [type],
    delegatedSchemes: noSchemes,
    authentication,
    groups: config.groups,
    certificateAuthorities: asked.certificateAuthorities,
    credentials: config.credentials,
    config
  });
  if (credential !== void 0 && !authentication.includes(authenticationOf(credential))) {
    throw new PeerError(
      "ERR_TLS_CLIENT_CERTIFICATE_TYPE",
      "handshakeFailure",
      `certificateRequest: the server takes no certificate with a key of type ${credential.signer.keyType}`,
      { rfc: "RFC 5246, Section 7.4.4" }
    );
  }
  return credential;
}
function schemeFor12(signer, { signatureAlgorithms }) {
  const scheme = chooseSignatureScheme(signer, signatureAlgorithms, tls12);
  if (scheme !== void 0) return scheme;
  throw new PeerError(
    "ERR_TLS_NO_SIGNATURE_SCHEME",
    "handshakeFailure",
    "certificateRequest: the server accepts no signature that the client key makes",
    { rfc: "RFC 5246, Section 7.4.4" }
  );
}
function sendEcdhe(context, transcript, { group, publicKey }) {
  const exchange = context.crypto.keyExchange(group)?.respond(publicKey);
  if (exchange === void 0) {
    throw illegalParameter(
      "ERR_TLS_GROUP",
      `serverKeyExchange: group 0x${groupCode(group).toString(16)} is not known here`
    );
  }
  sendMessage(context, transcript, "clientKeyExchange", encodeClientKeyExchangeEcdhe(exchange.share));
  return exchange.secret;
}
function sendRsaPremaster(context, transcript, server2, offeredVersion) {
  const premaster = context.config.random(48).slice();
  premaster[0] = offeredVersion >>> 8;
  premaster[1] = offeredVersion & 255;
  const encrypted = server2.publicKey.encryptPkcs1(premaster);
  sendMessage(context, transcript, "clientKeyExchange", encodeClientKeyExchangeRsa(encrypted));
  return premaster;
}
function sendFinished2(context, transcript, suite, master, keys) {
  context.output.sendChangeCipherSpec();
  context.output.setWriteKeys(keys);
  sendMessage(context, transcript, "finished", master.finished("client", transcript.hash(suite.hash)));
}
function* readFinished2(context, transcript, suite, master, keys, expectsTicket) {
  let ticket;
  if (expectsTicket) {
    const message = yield* expectMessage("newSessionTicket");
    transcript.add(message.raw);
    ticket = decodeNewSessionTicket12(message.body);
  }
  yield* expectChangeCipherSpec();
  context.output.setReadKeys(keys);
  const expected = master.finished("server", transcript.hash(suite.hash));
  const finished = yield* expectMessage("finished");
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  return ticket;
}
function keepSession({ config, output }, agreement, master, ticket, resumed) {
  const hasTicket = ticket !== void 0 && ticket.ticket.length > 0;
  if (!agreement.extendedMasterSecret && !config.resumeWithoutExtendedMasterSecret) return;
  if (!config.resumption || !hasTicket && agreement.sessionId.length === 0) return;
  const now = config.now();
  const state2 = sessionState({
    version: tls12,
    cipherSuite: agreement.suite.code,
    secret: master.forSession(),
    policyDigest: new Uint8Array(32),
    createdAt: resumed?.state.createdAt ?? now,
    issuedAt: now,
    lifetime: maxLifetimeSeconds,
    extendedMasterSecret: agreement.extendedMasterSecret,
    serverName: agreement.serverName,
    alpnProtocol: agreement.alpnProtocol,
    peerCertificates: agreement.peerCertificates,
    peerRawPublicKey: agreement.peerRawPublicKey,
    peerNotAfter: agreement.peerNotAfter,
    group: agreement.group === void 0 ? 0 : groupCode(agreement.group),
    peerSignatureScheme: agreement.peerSignatureScheme ?? 0
  });
  output.newSession({
    state: state2,
    ticket: hasTicket ? ticket.ticket.slice() : noBytes,
    sessionId: hasTicket ? noBytes : agreement.sessionId.slice(),
    lifetimeHint: ticket?.ticketLifetimeHint ?? 0,
    ocspResponse: agreement.ocspResponse,
    scts: agreement.scts
  });
}

// src/handshake/post-handshake-client.ts
function establishClient13(context, agreement, secrets, transcript, resumed, clientType) {
  const keyUpdates = new KeyUpdates(context, agreement, secrets, "client");
  const masterSecret2 = context.config.resumption ? secrets.resumptionMasterSecret(transcript.hash(agreement.suite.hash)) : noBytes;
  secrets.endSchedule();
  const answersRequests = context.config.postHandshakeAuth;
  if (!answersRequests) transcript.drop();
  return {
    agreement,
    exportKeyingMaterial: (length, label2, context2) => exportKeyingMaterial13(secrets, length, label2, context2),
    due: [],
    *receive(message) {
      if (message.type === "keyUpdate") return keyUpdates.receive(message);
      if (message.type === "newSessionTicket") return keepTicket(context, agreement, message, masterSecret2, resumed);
      if (message.type === "certificateRequest" && answersRequests) {
        return yield* answerRequest(context, agreement, secrets, transcript.fork(), message, clientType);
      }
      throw unexpectedAfterHandshake(message);
    },
    updateKeys: (requestPeer) => keyUpdates.send(requestPeer),
    // biome-ignore lint/correctness/useYield: only a server asks
    *requestClientCertificate() {
      throw notInThisVersion("requestClientCertificate on a server: it");
    },
    latePeer: () => void 0,
    destroy() {
      secrets.destroy();
      zeroize(masterSecret2);
      transcript.drop();
    }
  };
}
function* answerRequest(context, { suite }, secrets, transcript, message, clientType) {
  const certificateRequest = readCertificateRequest(message, void 0);
  if (certificateRequest.certificateRequestContext.length === 0) {
    throw decodeError(
      "certificateRequest: after the handshake its context may not be empty",
      "RFC 9846, Section 4.3.2"
    );
  }
  transcript.add(message.raw);
  const held = [];
  const output = { sendMessage: (...sent) => void held.push(sent) };
  yield* sendClientAuthentication({ ...context, output }, transcript, suite, certificateRequest, clientType);
  for (const sent of held) context.output.sendMessage(...sent);
  const verifyData = secrets.finished("client", transcript.hash(suite.hash));
  context.output.sendMessage("finished", frameMessage("finished", verifyData));
  transcript.drop();
}
function keepTicket(context, agreement, message, resumptionMasterSecret, resumed) {
  const { config, crypto, output } = context;
  const { ticket, ticketLifetime, ticketAgeAdd, ticketNonce, extensions } = decodeNewSessionTicket13(message.body);
  if (ticketLifetime > maxLifetimeSeconds) {
    throw illegalParameter(
      "ERR_TLS_TICKET_LIFETIME",
      `newSessionTicket: a lifetime of ${ticketLifetime} s is more than seven days`,
      "RFC 9846, Section 4.6.1"
    );
  }
  if (!config.resumption || ticketLifetime === 0) return;
  const { suite, serverName, alpnProtocol, peerCertificates, peerRawPublicKey, peerSignatureScheme } = agreement;
  const now = config.now();
  const state2 = sessionState({
    version: tls13,
    cipherSuite: suite.code,
    secret: resumptionPsk(crypto, suite.hash, resumptionMasterSecret, ticketNonce),
    policyDigest: new Uint8Array(32),
    createdAt: resumed?.state.createdAt ?? now,
    issuedAt: now,
    lifetime: maxLifetimeSeconds,
    serverName,
    alpnProtocol,
    peerCertificates,
    peerRawPublicKey,
    peerNotAfter: agreement.peerNotAfter,
    ticketAgeAdd,
    maxEarlyDataSize: extensions?.earlyData ?? 0,
    peerSignatureScheme: peerSignatureScheme ?? 0
  });
  const { ocspResponse: ocspResponse2, scts } = agreement;
  output.newSession({
    state: state2,
    ticket: ticket.slice(),
    sessionId: new Uint8Array(0),
    lifetimeHint: ticketLifetime,
    hidden: agreement.echAccepted ? true : void 0,
    ocspResponse: ocspResponse2,
    scts
  });
  decide(context, "resumption", "ticket kept", `good for ${ticketLifetime} s`);
}

// src/handshake/client13.ts
function* clientHandshake13(context, transcript, firstOffer, firstMessage, firstOutline) {
  const { config, crypto, output } = context;
  checkFields(firstOffer, firstOutline);
  const suite = checkCipherSuite(firstOffer, firstOutline.cipherSuite, tls13);
  const retried = firstOutline.isHelloRetryRequest;
  const { offer, message } = retried ? yield* retry(context, transcript, firstOffer, firstMessage, suite) : { offer: firstOffer, message: firstMessage };
  const serverHello = decodeSolicited(message, offer);
  if (serverHello.cipherSuite !== suite.code) throw changed("the cipher suite", "ERR_TLS_CIPHER_SUITE");
  const psk = selectedPsk(offer, serverHello, suite);
  const { secret, group } = finishKeyExchange(context, offer, serverHello, psk);
  decide(context, "cipherSuite", suite.name, "the server chose it");
  transcript.add(message.raw);
  for (const other of offer.psks) if (other !== psk) other.early.destroy();
  const helloHash = transcript.hash(suite.hash);
  const secrets = untilEnd(
    context,
    psk?.early.handshakeSecrets(secret, helloHash) ?? handshakeSecretsWithoutPsk(crypto, suite.hash, secret, helloHash)
  );
  logHandshakeSecrets(context, offer.hello.random, secrets);
  output.setReadKeys(handshakeKeys(suite, "server", secrets));
  const offeredEarlyData = firstOffer.hello.extensions.earlyData === true;
  const startHandshakeKeys = () => {
    if (offer.hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
    output.setWriteKeys(handshakeKeys(suite, "client", secrets));
  };
  if (!offeredEarlyData || retried) startHandshakeKeys();
  const answer2 = yield* readEncryptedExtensions(context, transcript, offer);
  const earlyData = readEarlyDataAnswer(context, offeredEarlyData, answer2, offer, psk, suite);
  if (earlyData === "rejected" && !retried) {
    output.endEarlyData(false);
    startHandshakeKeys();
  }
  const clientType = clientTypeOf(offer.hello, answer2.extensions.clientCertificateType);
  const { certificateRequest, server: server2 } = yield* readServerAuthentication(context, transcript, suite, psk, answer2);
  const expected = secrets.serverFinished(transcript.hash(suite.hash));
  const finished = yield* expectMessage("finished");
  checkFinished(finished.body, expected);
  transcript.add(finished.raw);
  const peerNotAfter = server2 && (yield* verifyPeer(context, "server", tls13, server2, config.verifyName));
  if (psk?.session !== void 0) yield* verifyResumed(context, psk.session);
  const application = untilFailure(context, secrets.applicationSecrets(transcript.hash(suite.hash)));
  logApplicationSecrets(context, offer.hello.random, application);
  if (earlyData === "accepted") {
    sendMessage(context, transcript, "endOfEarlyData", noBytes);
    output.endEarlyData(true);
    output.setWriteKeys(handshakeKeys(suite, "client", secrets));
  }
  const scheme = certificateRequest && (yield* sendClientAuthentication(context, transcript, suite, certificateRequest, clientType));
  sendMessage(context, transcript, "finished", secrets.clientFinished(transcript.hash(suite.hash)));
  output.setReadKeys(applicationKeys(suite, "server", application));
  output.setWriteKeys(applicationKeys(suite, "client", application));
  secrets.destroy();
  refuseRejectedEch(context, answer2.extensions.encryptedClientHello);
  const agreement = {
    version: tls13,
    suite,
    group,
    signatureScheme: scheme,
    peerSignatureScheme: server2?.signatureScheme ?? (psk?.session?.state.peerSignatureScheme || void 0),
    serverName: config.serverName,
    alpnProtocol: answer2.extensions.alpn,
    resumption: psk === void 0 ? "none" : psk.kind === "res" ? "psk" : "externalPsk",
    extendedMasterSecret: true,
    earlyData,
    helloRetryRequest: retried,
    echAccepted: offer.ech !== void 0,
    peerCertificates: server2?.chain ?? psk?.session?.state.peerCertificates ?? [],
    peerRawPublicKey: server2 === void 0 ? psk?.session?.state.peerRawPublicKey : server2.rawPublicKey,
    ownRawPublicKey: false,
    peerNotAfter: peerNotAfter ?? psk?.session?.state.peerNotAfter,
    ocspResponse: server2?.ocspResponse ?? psk?.session?.ocspResponse,
    scts: server2?.scts ?? psk?.session?.scts,
    sessionId: offer.hello.legacySessionId
  };
  return establishClient13(context, agreement, application, transcript, psk?.session, clientType);
}
function checkFields({ hello }, fields) {
  if (fields.legacyVersion !== tls12) {
    throw illegalParameter(
      "ERR_TLS_LEGACY_VERSION",
      `serverHello: legacy_version is 0x${fields.legacyVersion.toString(16)}, and must be 0x0303`,
      "RFC 9846, Section 4.1.3"
    );
  }
  if (!equal(fields.legacySessionIdEcho, hello.legacySessionId)) {
    throw illegalParameter(
      "ERR_TLS_SESSION_ID_ECHO",
      "serverHello: legacy_session_id_echo is not what the client sent",
      "RFC 9846, Section 4.1.3"
    );
  }
  if (fields.legacyCompressionMethod !== 0) {
    throw illegalParameter(
      "ERR_TLS_COMPRESSION",
      "serverHello: legacy_compression_method is not null",
      "RFC 9846, Section 4.1.3"
    );
  }
}
function changed(what, code2) {
  return illegalParameter(
    code2,
    `serverHello: ${what} is not the one of the helloRetryRequest`,
    "RFC 9846, Section 4.1.4"
  );
}
function* retry(context, transcript, first, message, suite) {
  const { crypto, output } = context;
  const retryRequest = decodeHelloRetryRequest(message.body);
  const { extensions } = retryRequest;
  checkSolicited(first, retryRequest.extensionOrder, "helloRetryRequest", [extensionTypes.cookie]);
  if (extensions.keyShare === void 0 && extensions.cookie === void 0) {
    throw illegalParameter(
      "ERR_TLS_EMPTY_HELLO_RETRY_REQUEST",
      "helloRetryRequest: it would change nothing in the clientHello",
      "RFC 9846, Section 4.1.4"
    );
  }
  const group = extensions.keyShare === void 0 ? void 0 : retryGroup(context, first, extensions.keyShare);
  decide(context, "helloRetryRequest", group ?? "cookie", "the server asks for it");
  if (first.hello.extensions.earlyData) output.endEarlyData(false);
  transcript.replaceWithMessageHash(suite.hash);
  transcript.add(message.raw);
  let exchanges = first.exchanges;
  if (group !== void 0) {
    for (const exchange of exchanges) exchange.destroy();
    exchanges = [crypto.keyExchange(group)?.generate()].filter((exchange) => exchange !== void 0);
    for (const exchange of exchanges) untilEnd(context, exchange);
  }
  const psks = retriedPsks(first.psks, suite.hash, context.config.now());
  for (const other of first.psks) if (other.hash !== suite.hash) other.early.destroy();
  const share = group === void 0 ? void 0 : { group: groupCode(group), keyExchange: exchanges[0]?.share ?? noBytes };
  if (first.hello.legacySessionId.length > 0) output.sendChangeCipherSpec();
  const offer = first.ech === void 0 ? resendClientHello(context, transcript, first, exchanges, psks, share, extensions.cookie) : resendEncryptedClientHello(context, transcript, first, first.ech, exchanges, psks, share, extensions.cookie);
  const answer2 = yield* expectMessage("serverHello");
  const outline = outlineServerHello(answer2.body);
  if (outline.selectedVersion !== tls13) {
    throw illegalParameter(
      "ERR_TLS_VERSION_AFTER_RETRY",
      "serverHello: after a helloRetryRequest it must choose TLS 1.3",
      "RFC 9846, Section 4.1.4"
    );
  }
  if (outline.isHelloRetryRequest) {
    throw new PeerError(
      "ERR_TLS_UNEXPECTED_MESSAGE",
      "unexpectedMessage",
      "a second helloRetryRequest on one connection",
      { rfc: "RFC 9846, Section 4.1.4" }
    );
  }
  checkFields(offer, outline);
  if (offer.ech !== void 0) requireConfirmation(context, transcript, offer, answer2, outline);
  return { offer, message: answer2 };
}
function resendClientHello({ output }, transcript, first, exchanges, psks, share, cookie2) {
  const hello = retryClientHello(first.hello, share, cookie2, psks);
  const raw = frameMessage("clientHello", encodeClientHello(hello));
  writeBinders(raw, psks, transcript);
  transcript.add(raw);
  output.sendMessage("clientHello", raw);
  return { hello, raw, exchanges, psks, session12: void 0, ech: void 0 };
}
function retryGroup({ crypto }, offer, code2) {
  const group = groupName(code2);
  const offered = offer.hello.extensions.supportedGroups?.includes(code2);
  const shared = offer.hello.extensions.keyShare?.some((share) => share.group === code2);
  if (group !== void 0 && offered && !shared && crypto.keyExchange(group) !== void 0) return group;
  throw illegalParameter(
    "ERR_TLS_GROUP",
    `helloRetryRequest: group 0x${code2.toString(16)} ${shared ? "already has a share" : "was not offered"}`,
    "RFC 9846, Section 4.2.8"
  );
}
function decodeSolicited(message, offer) {
  const serverHello = decodeServerHello13(message.body);
  checkSolicited(offer, serverHello.extensionOrder, "serverHello");
  const unknown = serverHello.otherExtensions?.keys().next().value;
  if (unknown !== void 0) {
    throw new PeerError("ERR_TLS_UNSOLICITED_EXTENSION", "unsupportedExtension", `serverHello: extension ${unknown}`, {
      rfc: "RFC 9846, Section 4.1.3"
    });
  }
  return serverHello;
}
function selectedPsk(offer, { extensions }, suite) {
  const index = extensions.preSharedKey;
  if (index === void 0) return void 0;
  const psk = offer.psks[index];
  if (psk === void 0) {
    throw illegalParameter(
      "ERR_TLS_PSK_INDEX",
      `serverHello: it selects PSK ${index} of ${offer.psks.length}`,
      "RFC 9846, Section 4.2.11"
    );
  }
  if (psk.hash !== suite.hash) {
    throw illegalParameter(
      "ERR_TLS_PSK_HASH",
      `serverHello: the selected PSK is for ${psk.hash}, and ${suite.name} has ${suite.hash}`,
      "RFC 9846, Section 4.2.11"
    );
  }
  return psk;
}
function finishKeyExchange(context, offer, { extensions }, psk) {
  const { keyShare } = extensions;
  if (keyShare === void 0) {
    if (psk !== void 0 && offer.hello.extensions.pskKeyExchangeModes?.includes(0)) {
      for (const exchange of offer.exchanges) exchange.destroy();
      return { secret: void 0, group: void 0 };
    }
    throw new PeerError(
      "ERR_TLS_MISSING_KEY_SHARE",
      "missingExtension",
      "serverHello: the extension key_share is missing",
      { rfc: "RFC 9846, Section 4.1.3" }
    );
  }
  const chosen = offer.exchanges.find(
    ({ group }) => groupCode(group) === keyShare.group
  );
  if (chosen === void 0) {
    throw illegalParameter(
      "ERR_TLS_GROUP",
      `serverHello: group 0x${keyShare.group.toString(16)} has no share of this client`,
      "RFC 9846, Section 4.2.8"
    );
  }
  decide(context, "group", chosen.group, "the server chose it");
  const secret = chosen.finish(keyShare.keyExchange);
  for (const exchange of offer.exchanges) if (exchange !== chosen) exchange.destroy();
  return { secret, group: chosen.group };
}
function* readEncryptedExtensions(context, transcript, offer) {
  const message = yield* expectMessage("encryptedExtensions");
  transcript.add(message.raw);
  const answer2 = decodeEncryptedExtensions(message.body);
  checkSolicited(offer, answer2.extensionOrder, "encryptedExtensions", [extensionTypes.supportedGroups]);
  checkAlpn(offer, answer2.extensions.alpn);
  const limit = answer2.extensions.recordSizeLimit;
  if (limit !== void 0) {
    checkRecordSizeLimit(limit, "encryptedExtensions", largestRecordSizeLimit(tls13));
    context.output.setRecordSizeLimits(limit, context.config.recordSizeLimit);
  }
  return answer2;
}
function readEarlyDataAnswer(context, offered, { extensions }, offer, psk, suite) {
  if (!offered) return "none";
  if (!extensions.earlyData) {
    decide(context, "earlyData", "rejected", "the server did not take it");
    return "rejected";
  }
  const refuse = (code2, what) => illegalParameter(code2, `encryptedExtensions: early data accepted, but ${what}`, "RFC 9846, Section 4.2.10");
  if (psk === void 0 || psk !== offer.psks[0]) throw refuse("ERR_TLS_EARLY_DATA_PSK", "not with the first PSK");
  const state2 = psk.session?.state;
  if (state2?.cipherSuite !== suite.code) throw refuse("ERR_TLS_EARLY_DATA_CIPHER", "under another cipher suite");
  if (state2.alpnProtocol !== extensions.alpn)
    throw refuse("ERR_TLS_EARLY_DATA_ALPN", "for another application protocol");
  decide(context, "earlyData", "accepted", "the server took it");
  return "accepted";
}
function* readServerAuthentication(context, transcript, suite, psk, { extensions }) {
  if (psk !== void 0) {
    decide(context, "resumption", psk.kind === "res" ? "psk" : "externalPsk", "the server took the PSK");
    return { certificateRequest: void 0, server: void 0 };
  }
  const { config } = context;
  const type = serverTypeOf(config, extensions.serverCertificateType);
  const compressible = config.certificateCompression.length > 0;
  let message = yield* compressible ? expectMessage("certificateRequest", "certificate", "compressedCertificate") : expectMessage("certificateRequest", "certificate");
  let certificateRequest;
  if (message.type === "certificateRequest") {
    certificateRequest = readCertificateRequest(message, noBytes);
    transcript.add(message.raw);
    message = yield* compressible ? expectMessage("certificate", "compressedCertificate") : expectMessage("certificate");
  }
  const allowed = entryExtensions(config.requestOcsp, config.requestScts);
  const server2 = yield* readCertificate(context, transcript, suite.hash, "server", type, allowed, message);
  if (server2 !== void 0) return { certificateRequest, server: server2 };
  throw new PeerError("ERR_TLS_NO_SERVER_CERTIFICATE", "decodeError", "certificate: the server shows no certificate", {
    rfc: "RFC 9846, Section 4.4.2.4"
  });
}
function readCertificateRequest(message, expectedContext) {
  const certificateRequest = decodeCertificateRequest13(message.body);
  const { certificateRequestContext, extensions } = certificateRequest;
  if (expectedContext !== void 0 && !constantTimeEqual(certificateRequestContext, expectedContext)) {
    throw new PeerError(
      "ERR_TLS_CERTIFICATE_CONTEXT",
      "decodeError",
      "certificateRequest: certificate_request_context is not empty in the handshake",
      { rfc: "RFC 9846, Section 4.3.2" }
    );
  }
  if (extensions.signatureAlgorithms === void 0) {
    throw new PeerError(
      "ERR_TLS_MISSING_EXTENSION",
      "missingExtension",
      "certificateRequest: the extension signature_algorithms is missing",
      { rfc: "RFC 9846, Section 4.3.2" }
    );
  }
  return certificateRequest;
}
function* sendClientAuthentication(context, transcript, suite, { extensions, certificateRequestContext }, type) {
  const signatureSchemes2 = extensions.signatureAlgorithms ?? [];
  const delegatedSchemes = extensions.delegatedCredential ?? noSchemes;
  const credential = yield* requestClientCredential(context.config, {
    role: "client",
    version: tls13,
    serverName: context.config.serverName,
    signatureSchemes: signatureSchemes2,
    certificateSignatureSchemes: extensions.signatureAlgorithmsCert ?? signatureSchemes2,
    certificateTypes: [type],
    delegatedSchemes,
    groups: context.config.groups,
    certificateAuthorities: extensions.certificateAuthorities ?? [],
    credentials: context.config.credentials,
    config: context.config
  });
  const wishes = {
    ocsp: extensions.statusRequest !== void 0,
    scts: extensions.signedCertificateTimestamp !== void 0,
    compression: extensions.compressCertificate ?? []
  };
  const scheme = credential && schemeFor(context, credential, signatureSchemes2, delegatedSchemes);
  sendCertificate(context, transcript, credential, wishes, certificateRequestContext);
  decide(
    context,
    "clientCertificate",
    credential === void 0 ? "none" : credential.identity ?? credential.signer.keyType,
    credential === void 0 ? "no credential fits the request" : "fits the request"
  );
  if (credential === void 0 || scheme === void 0) return void 0;
  yield* sendCertificateVerify(context, transcript, suite.hash, "client", credential, scheme);
  return scheme;
}

// src/handshake/client.ts
function clientHandshake(context) {
  return wipingSecrets(context, handshake2);
}
function* handshake2(initial) {
  const { config } = initial;
  const firstTranscript = new Transcript(initial.crypto);
  const sent = sendClientHello(initial, firstTranscript);
  if (sent.hello.extensions.earlyData) sent.psks[0]?.beginEarlyData(initial, sent, firstTranscript);
  const message = yield* expectMessage("serverHello");
  const outline = outlineServerHello(message.body);
  const version2 = outline.selectedVersion ?? outline.legacyVersion;
  checkVersion(config, outline, version2);
  decide(initial, "version", versionName(version2), "the server chose it");
  const { context, transcript, offer } = sent.ech === void 0 ? { context: initial, transcript: firstTranscript, offer: sent } : settleEncryptedClientHello(initial, firstTranscript, sent, sent.ech, message, outline);
  context.output.setVersion(version2 === tls13 ? tls13 : tls12);
  if (version2 === tls13) return yield* clientHandshake13(context, transcript, offer, message, outline);
  checkNoDowngrade(config, outline);
  for (const secret of [...offer.exchanges, ...offer.psks.map(({ early }) => early)]) secret.destroy();
  return yield* clientHandshake12(context, transcript, offer, message);
}
function sendClientHello(context, transcript) {
  const { config, output } = context;
  const exchanges = config.maxVersion < tls13 ? [] : startKeyExchanges(context);
  const psks = offeredPsks2(context);
  if (config.ech !== void 0) return sendEncryptedClientHello(context, transcript, config.ech, exchanges, psks);
  const session12 = offeredSession12(config);
  const grease = config.echGrease && config.maxVersion >= tls13 ? greaseEch(context) : void 0;
  const hello = buildClientHello(config, exchanges, psks, session12, grease);
  const raw = frameMessage("clientHello", encodeClientHello(hello));
  writeBinders(raw, psks, transcript);
  transcript.add(raw);
  output.sendMessage("clientHello", raw);
  return { hello, raw, exchanges, psks, session12, ech: void 0 };
}
function offeredSession12(config) {
  if (config.minVersion > tls12) return void 0;
  return config.sessions.find((session) => {
    const { version: version2, extendedMasterSecret } = session.state;
    if (version2 !== tls12 || clientSessionEnd(session) <= config.now()) return false;
    if (!takesSession(config, session.state)) return false;
    return extendedMasterSecret || config.resumeWithoutExtendedMasterSecret;
  });
}
function startKeyExchanges(context) {
  const { config, crypto } = context;
  return config.keyShares.filter((group) => config.groups.includes(group)).map((group) => crypto.keyExchange(group)?.generate()).filter((exchange) => exchange !== void 0).map((exchange) => untilEnd(context, exchange));
}
function checkVersion(config, outline, version2) {
  if (outline.isHelloRetryRequest && outline.selectedVersion === void 0 && config.maxVersion >= tls13) {
    throw new PeerError(
      "ERR_TLS_MISSING_EXTENSION",
      "missingExtension",
      "helloRetryRequest: the extension supported_versions is missing",
      { rfc: "RFC 9846, Section 4.1.4" }
    );
  }
  const known3 = outline.selectedVersion === void 0 ? version2 === tls12 : version2 === tls13;
  if (outline.selectedVersion !== void 0 && outline.selectedVersion < tls13) {
    throw illegalParameter(
      "ERR_TLS_UNSOLICITED_EXTENSION",
      `serverHello: supported_versions chooses ${versionName(version2)}, which is for TLS 1.3 only`,
      "RFC 9846, Section 4.2.1"
    );
  }
  if (known3 && version2 <= config.maxVersion && version2 >= config.minVersion) return;
  throw new PeerError(
    "ERR_TLS_UNSUPPORTED_PROTOCOL",
    "protocolVersion",
    `the server chose ${versionName(version2)}; this client speaks ${versionName(config.minVersion)} to ${versionName(config.maxVersion)}`,
    { rfc: "RFC 9846, Section 4.2.1" }
  );
}
function checkNoDowngrade(config, { random: random2 }) {
  if (config.maxVersion < tls13) return;
  const tail = random2.subarray(24);
  if (!constantTimeEqual(tail, downgradeSentinel12) && !constantTimeEqual(tail, downgradeSentinel11)) return;
  throw illegalParameter(
    "ERR_TLS_DOWNGRADE",
    "serverHello: the server can do TLS 1.3, yet a lower version was negotiated: somebody in between made it so",
    "RFC 9846, Section 4.1.3"
  );
}
function checkCipherSuite(offer, code2, version2) {
  const suite = cipherSuite(code2);
  if (suite !== void 0 && suite.version === version2 && offer.hello.cipherSuites.includes(code2)) return suite;
  throw illegalParameter(
    "ERR_TLS_CIPHER_SUITE",
    `serverHello: the cipher suite ${suite?.name ?? `0x${code2.toString(16)}`} was not offered for ${versionName(version2)}`,
    "RFC 9846, Section 4.1.3"
  );
}
function checkSolicited(offer, types, message, free = []) {
  for (const type of types) {
    const offered = offer.hello.extensionOrder.includes(type) && !offer.hello.otherExtensions?.has(type);
    if (type === extensionTypes.encryptedClientHello && !mayAnswerEch(offer, message)) throw unsolicited(message, type);
    if (offered || free.includes(type)) continue;
    throw unsolicited(message, type);
  }
}
function unsolicited(message, type) {
  return new PeerError(
    "ERR_TLS_UNSOLICITED_EXTENSION",
    "unsupportedExtension",
    `${message}: extension ${type} was not offered`,
    { rfc: "RFC 9846, Section 4.2" }
  );
}
function mayAnswerEch({ hello }, message) {
  const { encryptedClientHello } = hello.extensions;
  if (message === "helloRetryRequest") return encryptedClientHello !== void 0;
  return message === "encryptedExtensions" && encryptedClientHello !== void 0 && !isEchInner(encryptedClientHello);
}
function checkAlpn(offer, protocol) {
  if (protocol === void 0 || offer.hello.extensions.alpn?.includes(protocol)) return;
  throw illegalParameter(
    "ERR_TLS_ALPN",
    `the server chose the application protocol ${JSON.stringify(protocol)}, which was not offered`,
    "RFC 7301, Section 3.1"
  );
}

// src/engine/client-connection.ts
var ClientConnection = class extends Connection {
  options;
  constructor(options) {
    super(clientConfig(options), "client");
    this.options = options;
  }
  start(output) {
    return clientHandshake(handshakeContext(clientConfig(this.options), output));
  }
};

// src/node/server-sessions.ts
import { randomBytes as randomBytes4 } from "node:crypto";

// src/session/counters.ts
function createSessionCounters() {
  return {
    hits: { sessionId: 0, ticket: 0, psk: 0 },
    misses: { sessionId: {}, ticket: {}, psk: {} },
    issued: { sessionId: 0, ticket: 0, psk: 0 },
    notIssued: { sessionId: {}, ticket: {}, psk: {} },
    earlyData: { accepted: 0, refused: {} }
  };
}
function count(counters, event) {
  if (event.type === "hit") counters.hits[event.kind]++;
  else if (event.type === "issued") counters.issued[event.kind]++;
  else if (event.type === "miss") increment(counters.misses[event.kind], event.reason);
  else if (event.type === "notIssued") increment(counters.notIssued[event.kind], event.reason);
  else if (event.type === "earlyDataAccepted") counters.earlyData.accepted++;
  else increment(counters.earlyData.refused, event.reason);
}
function increment(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

// src/session/early-data.ts
var defaultFreshness = { toleranceMs: 1e4, clockSkewMs: 2e3 };
function claimedTicketAge(obfuscatedTicketAge2, ticketAgeAdd) {
  return obfuscatedTicketAge2 - ticketAgeAdd >>> 0;
}
function isFresh2(state2, obfuscatedAge, now, window) {
  const difference = now - state2.issuedAt - claimedTicketAge(obfuscatedAge, state2.ticketAgeAdd);
  return Math.abs(difference) <= window.toleranceMs;
}
function replaySpan(window) {
  return 2 * window.toleranceMs + window.clockSkewMs;
}

// src/session/sealing-key.ts
var seedLength = 24;
var tagLength3 = 16;
var chachaBit = 128;
var nonce3 = new Uint8Array(12);
var sealOverhead = seedLength + tagLength3;
function createSealingKey(crypto, secret, purpose) {
  const key = deriveKey2(crypto, secret, purpose);
  const hmac2 = crypto.prepareHmac("sha256", key);
  zeroize(key);
  return {
    seal(context, plaintext) {
      const sealed = new Uint8Array(plaintext.length + sealOverhead);
      sealInto(crypto, hmac2, context, plaintext, sealed, 0);
      return sealed;
    },
    sealInto: (context, plaintext, out, at2) => sealInto(crypto, hmac2, context, plaintext, out, at2),
    open: (context, sealed) => open2(crypto, hmac2, context, sealed),
    destroy: () => hmac2.destroy()
  };
}
function deriveKey2(crypto, secret, label2) {
  return crypto.hmac("sha256", secret, fromText(`handfast ${label2}`));
}
function sealInto(crypto, hmac2, context, plaintext, out, at2) {
  const seed = crypto.random(seedLength);
  const first = seed[0];
  seed[0] = crypto.preferredAead === "chacha20poly1305" ? first | chachaBit : first & ~chachaBit;
  out.set(seed, at2);
  const key = hmac2.sign(seed);
  const aead = crypto.createAead(aeadOf(seed), key);
  aead.seal(nonce3, context, plaintext, out, at2 + seedLength);
  aead.destroy();
  zeroize(key);
}
function aeadOf(seed) {
  return (seed[0] & chachaBit) === 0 ? "aes256gcm" : "chacha20poly1305";
}
function open2(crypto, hmac2, context, sealed) {
  if (sealed.length < sealOverhead) return void 0;
  const key = hmac2.sign(sealed.subarray(0, seedLength));
  const aead = crypto.createAead(aeadOf(sealed), key);
  const plaintext = aead.open(nonce3, context, sealed.subarray(seedLength));
  aead.destroy();
  zeroize(key);
  return plaintext;
}
function refuseWeakKey(secret, what) {
  if (secret.length < 16) throw weakKey(`${what} has ${secret.length} bytes; use 32 bytes from a random source`);
  for (let period = 1; period <= secret.length / 2; period++) {
    const repeats = constantTimeEqual(secret.subarray(period), secret.subarray(0, secret.length - period));
    if (repeats) throw weakKey(`${what} repeats a pattern of ${period} bytes; make one with \`openssl rand 80\``);
  }
  const step = secret[1] - secret[0] & 255;
  let counts = true;
  let text = true;
  for (let i = 0; i < secret.length; i++) {
    if (i > 0 && (secret[i] - secret[i - 1] & 255) !== step) counts = false;
    if (secret[i] < 32 || secret[i] > 126) text = false;
  }
  if (counts) throw weakKey(`${what} only counts; make one with \`openssl rand 80\``);
  if (text) throw weakKey(`${what} is printable text; decode it, or make one with \`openssl rand 80\``);
}
function weakKey(message) {
  return new ConfigError(message, { code: "ERR_TLS_WEAK_KEY" });
}

// src/session/timer.ts
var longestDelay = 2 ** 31 - 1;
function isPromise2(value) {
  return typeof value?.then === "function";
}

// src/session/ticket-keyring.ts
var keyNameLength = 16;
var sealedTicketFormat = 1;
var headLength = 1 + keyNameLength;
var ticketOverhead = headLength + sealOverhead;
var TicketKeyring = class {
  #crypto;
  #clock;
  #timers;
  #rotation;
  #rotateEvery;
  #keepFor;
  #label;
  #observe;
  #keys = /* @__PURE__ */ new Map();
  #timer;
  #closed = false;
  constructor(options) {
    this.#crypto = options.crypto;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#rotation = options.rotation ?? "local";
    this.#rotateEvery = seconds(options.rotateEvery ?? 12 * 3600, "rotateEvery");
    this.#keepFor = seconds(options.keepFor ?? 24 * 3600, "keepFor");
    this.#label = options.label ?? "";
    this.#observe = options.observe;
    for (const key of options.keys ?? []) this.#add(key, "installed");
    this.tick();
  }
  /**
   * Seals an encoded session state.
   * @returns the ticket and until when this ring will open it (ms since the epoch): a lifetime hint beyond that is a
   *   lie.
   *   `undefined` after {@link close}.
   */
  seal(version2, state2) {
    const key = this.#sealing();
    if (key === void 0) return void 0;
    const ticket = new Uint8Array(state2.length + ticketOverhead);
    ticket[0] = sealedTicketFormat;
    ticket.set(key.name, 1);
    const sealing = version2 === 772 ? key.tls13 : key.tls12;
    sealing.sealInto(ticket.subarray(0, headLength), state2, ticket, headLength);
    return { ticket, openUntil: key.openUntil };
  }
  /**
   * Opens a ticket.
   * @returns the encoded state, and whether the key that sealed it is no longer the one that seals (`stale`: send a
   *   new ticket);
   *   or `unknownKey`, or `malformed` where it is no ticket or was changed on the way.
   */
  open(version2, ticket) {
    if (ticket.length < ticketOverhead || ticket[0] !== sealedTicketFormat) return { miss: "malformed" };
    const key = this.#named(ticket);
    const now = this.#clock.now();
    if (key === void 0 || key.openUntil <= now) return { miss: "unknownKey" };
    const head = ticket.subarray(0, headLength);
    const state2 = (version2 === 772 ? key.tls13 : key.tls12).open(head, ticket.subarray(headLength));
    if (state2 === void 0) return { miss: "malformed" };
    return { state: state2, stale: key !== this.#select(now) };
  }
  /**
   * Where the key of a ticket came from; `undefined` for what is no sealed ticket, or where the key is not here (any
   * more).
   */
  originOf(ticket) {
    if (ticket[0] !== sealedTicketFormat) return void 0;
    return this.#named(ticket)?.origin;
  }
  /**
   * Takes in keys from outside. A key that is there already (same name) gets the new times; keys that are not named
   * stay until their own end, so that replacing keys never makes tickets void all at once. Throws `ConfigError`
   * `ERR_TLS_WEAK_KEY` for a key that no random source makes, `ERR_TLS_TICKET_KEY` for a wrong length or order of
   * times.
   */
  install(keys) {
    if (this.#closed) return;
    for (const key of keys) this.#add(key, "installed");
    this.tick();
  }
  /** Stops sealing under every key that is not named here; they go on opening until their end. */
  sealOnlyUnder(names) {
    const keep = new Set(names.map(toHex));
    const now = this.#clock.now();
    for (const key of this.#keys.values()) {
      if (!keep.has(key.id) && key.sealUntil > now) key.sealUntil = now;
    }
    this.tick();
  }
  /** Destroys a key now, e.g. because it leaked. Every ticket under it is void. */
  revoke(name2) {
    const key = this.#keys.get(toHex(name2));
    if (key !== void 0) this.#destroy(key);
    this.tick();
  }
  /** A new local key seals from now on; the old ones go on opening. */
  rotate() {
    if (this.#closed) return;
    const now = this.#clock.now();
    for (const key of this.#keys.values()) {
      if (key.sealFrom > now && key.origin === "local") this.#destroy(key);
      else if (key.sealUntil > now) key.sealUntil = now;
    }
    this.#create(now);
    this.tick();
  }
  /** The keys without their secrets, in the order in which they seal. */
  describe() {
    const current = this.#sealing();
    const now = this.#clock.now();
    return [...this.#keys.values()].sort((a, b) => a.sealFrom - b.sealFrom).map((key) => ({
      name: key.id,
      role: key === current ? "current" : key.sealFrom > now ? "next" : "previous",
      origin: key.origin,
      sealFrom: key.sealFrom,
      sealUntil: key.sealUntil,
      openUntil: key.openUntil
    }));
  }
  /**
   * Destroys what is due, makes what is needed, and sets the timer for the next time something is due. The ring calls
   * it by its timer; without timers, call it at least as often as keys have to be destroyed.
   */
  tick() {
    if (this.#closed) return;
    const now = this.#clock.now();
    for (const key of this.#keys.values()) if (key.openUntil <= now) this.#destroy(key);
    const current = this.#select(now) ?? this.#create(now);
    if (this.#rotation === "local" && !this.#hasNext(now) && Number.isFinite(current.sealUntil)) {
      this.#create(current.sealUntil);
    }
    this.#schedule(now);
  }
  /** Zeroizes all keys and stops the timer. From now on `seal` gives nothing and `open` misses. */
  close() {
    if (this.#timer !== void 0) this.#timers?.clear(this.#timer);
    this.#timer = void 0;
    this.#closed = true;
    for (const key of this.#keys.values()) this.#destroy(key);
  }
  #sealing() {
    if (this.#closed) return void 0;
    const now = this.#clock.now();
    const key = this.#select(now);
    if (key !== void 0) return key;
    this.tick();
    return this.#select(now);
  }
  #select(now) {
    let best;
    for (const key of this.#keys.values()) {
      if (key.sealFrom > now || key.sealUntil <= now || key.openUntil <= now) continue;
      if (best === void 0 || rank2(key) > rank2(best) || rank2(key) === rank2(best) && key.sealFrom > best.sealFrom) {
        best = key;
      }
    }
    return best;
  }
  /** The key that a ticket names. There are few: comparing is faster than making a text of the name. */
  #named(ticket) {
    for (const key of this.#keys.values()) {
      let same = 0;
      while (same < keyNameLength && key.name[same] === ticket[1 + same]) same++;
      if (same === keyNameLength) return key;
    }
    return void 0;
  }
  #hasNext(now) {
    for (const key of this.#keys.values()) if (key.sealFrom > now) return true;
    return false;
  }
  #create(sealFrom) {
    const secret = this.#crypto.random(32);
    const sealUntil = sealFrom + 1e3 * this.#rotateEvery;
    const openUntil = sealUntil + 1e3 * this.#keepFor;
    const name2 = this.#crypto.random(keyNameLength);
    const key = this.#add({ name: name2, secret, sealFrom, sealUntil, openUntil, origin: "local" }, "created");
    zeroize(secret);
    return key;
  }
  #add(key, type) {
    checkKey(key);
    const id = toHex(key.name);
    const known3 = this.#keys.get(id);
    if (known3 !== void 0) {
      known3.sealFrom = key.sealFrom;
      known3.sealUntil = key.sealUntil;
      known3.openUntil = key.openUntil;
      return known3;
    }
    const added = {
      name: key.name.slice(),
      id,
      origin: key.origin,
      tls12: createSealingKey(this.#crypto, key.secret, `ticket tls12 ${this.#label}`),
      tls13: createSealingKey(this.#crypto, key.secret, `ticket tls13 ${this.#label}`),
      sealFrom: key.sealFrom,
      sealUntil: key.sealUntil,
      openUntil: key.openUntil
    };
    this.#keys.set(id, added);
    this.#report(type, added);
    return added;
  }
  #destroy(key) {
    key.tls12.destroy();
    key.tls13.destroy();
    this.#keys.delete(key.id);
    this.#report("destroyed", key);
  }
  #report(type, key) {
    this.#observe?.({ type, key: key.id, origin: key.origin, at: this.#clock.now(), openUntil: key.openUntil });
  }
  #schedule(now) {
    if (this.#timers === void 0) return;
    if (this.#timer !== void 0) this.#timers.clear(this.#timer);
    let due = Number.POSITIVE_INFINITY;
    for (const key of this.#keys.values()) {
      for (const time of [key.sealFrom, key.sealUntil, key.openUntil]) if (time > now && time < due) due = time;
    }
    if (due === Number.POSITIVE_INFINITY) {
      this.#timer = void 0;
      return;
    }
    this.#timer = this.#timers.set(
      () => {
        this.#timer = void 0;
        this.tick();
      },
      Math.min(Math.ceil(due - now), longestDelay)
    );
  }
};
function rank2(key) {
  return key.origin === "fleet" ? 2 : key.origin === "imported" ? 1 : 0;
}
function checkKey(key) {
  if (key.name.length !== keyNameLength || key.secret.length < 32) {
    throw new ConfigError(
      `a ticket key has a name of ${key.name.length} and a secret of ${key.secret.length} bytes; give ${keyNameLength} and at least 32`,
      { code: "ERR_TLS_TICKET_KEY" }
    );
  }
  if (!(key.sealFrom <= key.sealUntil && key.sealUntil <= key.openUntil)) {
    throw new ConfigError("a ticket key has to stop sealing after it starts, and stop opening after that", {
      code: "ERR_TLS_TICKET_KEY"
    });
  }
  refuseWeakKey(key.secret, "the ticket key");
}
function seconds(value, name2) {
  if (Number.isFinite(value) && value > 0) return value;
  throw new ConfigError(`${name2} of a ticket key ring is ${value}; give seconds above 0`, {
    code: "ERR_TLS_SESSION_CONFIG"
  });
}
function importTicketKeyFile(crypto, file, times = {}) {
  if (file.length !== 80 && file.length !== 48) {
    throw new ConfigError(
      `the ticket key file has ${file.length} bytes; it needs 80 (or 48): make one with \`openssl rand 80\``,
      { code: "ERR_TLS_TICKET_KEY" }
    );
  }
  const half = (file.length - keyNameLength) / 2;
  refuseWeakKey(file.subarray(keyNameLength, keyNameLength + half), "the first key of the ticket key file");
  refuseWeakKey(file.subarray(keyNameLength + half), "the second key of the ticket key file");
  const name2 = deriveKey2(crypto, file, "imported ticket key name").slice(0, keyNameLength);
  return {
    name: name2,
    secret: crypto.hmac("sha256", fromText("handfast imported ticket key"), file),
    sealFrom: times.sealFrom ?? Number.NEGATIVE_INFINITY,
    sealUntil: times.sealUntil ?? Number.POSITIVE_INFINITY,
    openUntil: times.openUntil ?? Number.POSITIVE_INFINITY,
    origin: "imported"
  };
}

// src/session/block-arena.ts
var BlockArena = class {
  #slabs = [];
  /** For each block the next one of its value or of the free list; -1 ends. */
  #next = new Int32Array(0);
  #free = -1;
  #used = 0;
  /** Blocks in use. */
  get used() {
    return this.#used;
  }
  /** Keeps a copy; returns the index of its first block, or -1 for an empty value. */
  add(value) {
    let first = -1;
    let last = -1;
    for (let at2 = 0; at2 < value.length; at2 += blockBytes) {
      const block3 = this.#take();
      this.#slab(block3).set(value.subarray(at2, at2 + blockBytes), offsetOf(block3));
      if (last < 0) first = block3;
      else this.#next[last] = block3;
      last = block3;
    }
    if (last >= 0) this.#next[last] = -1;
    return first;
  }
  /** A copy of `length` bytes from `offset` on of the value that begins at a block. */
  read(first, offset, length) {
    const value = new Uint8Array(length);
    let block3 = first;
    let skip = offset;
    for (; skip >= blockBytes; skip -= blockBytes) block3 = this.#next[block3];
    for (let at2 = 0; at2 < length; block3 = this.#next[block3], skip = 0) {
      const from = offsetOf(block3) + skip;
      const size = Math.min(blockBytes - skip, length - at2);
      value.set(this.#slab(block3).subarray(from, from + size), at2);
      at2 += size;
    }
    return value;
  }
  /** Whether a value begins with the code units of a text (Latin-1). */
  startsWith(first, text) {
    for (let at2 = 0, block3 = first; at2 < text.length; at2 += blockBytes, block3 = this.#next[block3]) {
      const slab2 = this.#slab(block3);
      const from = offsetOf(block3) - at2;
      const end = Math.min(text.length, at2 + blockBytes);
      for (let i = at2; i < end; i++) if (slab2[from + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }
  /** Zeroizes a value and gives its blocks back. */
  remove(first) {
    for (let block3 = first; block3 >= 0; ) {
      const next = this.#next[block3];
      const from = offsetOf(block3);
      this.#slab(block3).fill(0, from, from + blockBytes);
      this.#next[block3] = this.#free;
      this.#free = block3;
      this.#used--;
      block3 = next;
    }
  }
  #take() {
    if (this.#free < 0) this.#grow();
    const block3 = this.#free;
    this.#free = this.#next[block3];
    this.#used++;
    return block3;
  }
  #grow() {
    const from = this.#slabs.length * blocksInSlab;
    this.#slabs.push(new Uint8Array(blocksInSlab * blockBytes));
    if (from + blocksInSlab > this.#next.length) {
      const next = new Int32Array(Math.max(from + blocksInSlab, 2 * this.#next.length));
      next.set(this.#next);
      this.#next = next;
    }
    for (let block3 = from + blocksInSlab - 1; block3 >= from; block3--) {
      this.#next[block3] = this.#free;
      this.#free = block3;
    }
  }
  #slab(block3) {
    return this.#slabs[Math.floor(block3 / blocksInSlab)];
  }
};
var blockBytes = 64;
var blocksInSlab = 1024;
function offsetOf(block3) {
  return block3 % blocksInSlab * blockBytes;
}
function arenaBytes(length) {
  return Math.ceil(length / blockBytes) * blockBytes;
}

// src/session/slot-table.ts
var SlotTable = class {
  /** Slot plus one; 0 is empty. */
  #slots = new Int32Array(128);
  #hashes = new Uint32Array(128);
  #size = 0;
  get size() {
    return this.#size;
  }
  /** The slot with this hash of which `same` is true, or -1. */
  find(hash3, same) {
    const mask = this.#slots.length - 1;
    for (let at2 = hash3 & mask; ; at2 = at2 + 1 & mask) {
      const slot = this.#slots[at2] - 1;
      if (slot < 0) return -1;
      if (this.#hashes[at2] === hash3 && same(slot)) return slot;
    }
  }
  add(hash3, slot) {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    this.#insert(hash3, slot);
    this.#size++;
  }
  remove(hash3, slot) {
    const mask = this.#slots.length - 1;
    let at2 = hash3 & mask;
    while (this.#slots[at2] !== slot + 1) {
      if (this.#slots[at2] === 0) return;
      at2 = at2 + 1 & mask;
    }
    this.#size--;
    for (let next = at2 + 1 & mask; this.#slots[next] !== 0; next = next + 1 & mask) {
      const home = this.#hashes[next] & mask;
      if ((next - home & mask) < (next - at2 & mask)) continue;
      this.#slots[at2] = this.#slots[next];
      this.#hashes[at2] = this.#hashes[next];
      at2 = next;
    }
    this.#slots[at2] = 0;
  }
  #insert(hash3, slot) {
    const mask = this.#slots.length - 1;
    let at2 = hash3 & mask;
    while (this.#slots[at2] !== 0) at2 = at2 + 1 & mask;
    this.#slots[at2] = slot + 1;
    this.#hashes[at2] = hash3;
  }
  #grow() {
    const [slots, hashes2] = [this.#slots, this.#hashes];
    this.#slots = new Int32Array(2 * slots.length);
    this.#hashes = new Uint32Array(2 * slots.length);
    for (let at2 = 0; at2 < slots.length; at2++) {
      const slot = slots[at2] - 1;
      if (slot >= 0) this.#insert(hashes2[at2], slot);
    }
  }
};
function hashText(text, seed) {
  let hash3 = (seed ^ 2166136261) >>> 0;
  for (let i = 0; i < text.length; i++) hash3 = Math.imul(hash3 ^ text.charCodeAt(i), 16777619);
  return (hash3 ^ hash3 >>> 15) >>> 0;
}

// src/session/memory-store.ts
var entryOverhead = 64;
var none = -1;
var MemoryStore = class {
  traits = { local: true, bounded: true, sealed: true };
  #clock;
  #maxEntries;
  #maxBytes;
  #claimsSince;
  /**
   * Everything lies in a few typed arrays, keys too: a Map of strings and small arrays costs several times as much
   * memory, gives the garbage collector its work, and finds its oldest entry only by passing over deleted ones.
   */
  #table = new SlotTable();
  #arena = new BlockArena();
  #seed;
  #slotCount = 0;
  /**
   * For each slot: neighbours in order of use (newer, older), first block of key and value, their lengths, hash, end.
   */
  #newer = new Int32Array(64);
  #older = new Int32Array(64);
  #blocks = new Int32Array(64);
  #keyLengths = new Int32Array(64);
  #lengths = new Int32Array(64);
  #hashes = new Uint32Array(64);
  #ends = new Float64Array(64);
  #newest = none;
  #oldest = none;
  #freeSlot = none;
  #bytes = 0;
  #evictions = 0;
  /** Claims since the last change of generation, and those of the generation before: old ones leave all at once. */
  #claims = /* @__PURE__ */ new Map();
  #oldClaims = /* @__PURE__ */ new Map();
  #claimTtl = 0;
  #generation = Number.NEGATIVE_INFINITY;
  constructor(options) {
    this.#clock = options.clock;
    this.#maxEntries = positive(options.maxEntries ?? 1e5, "maxEntries");
    this.#maxBytes = positive(options.maxBytes ?? 64 * 1024 * 1024, "maxBytes");
    this.#seed = options.seed ?? 0;
    this.#claimsSince = options.claimsSince ?? Number.NEGATIVE_INFINITY;
  }
  /** Entries now held. */
  get size() {
    return this.#table.size;
  }
  /** Bytes now held, as counted against `maxBytes`. */
  get bytes() {
    return this.#bytes;
  }
  /** Entries that left before their time because of a limit. */
  get evictions() {
    return this.#evictions;
  }
  get(key) {
    const slot = this.#live(key);
    if (slot === void 0) return void 0;
    this.#unlink(slot);
    this.#link(slot);
    return this.#read(slot);
  }
  take(key) {
    const slot = this.#live(key);
    if (slot === void 0) return void 0;
    const value = this.#read(slot);
    this.#remove(slot);
    return value;
  }
  put(key, value, ttlSeconds) {
    const hash3 = hashText(key, this.#seed);
    const old2 = this.#find(key, hash3);
    if (old2 !== none) this.#remove(old2);
    const bytes = entryBytes(key.length, value.length);
    if (bytes > this.#maxBytes || ttlSeconds < 1) return;
    const now = this.#clock.now();
    this.#sweep(now);
    while (this.#table.size >= this.#maxEntries || this.#bytes + bytes > this.#maxBytes) {
      this.#remove(this.#oldest);
      this.#evictions++;
    }
    const slot = this.#takeSlot();
    const whole = new Uint8Array(key.length + value.length);
    for (let i = 0; i < key.length; i++) whole[i] = key.charCodeAt(i);
    whole.set(value, key.length);
    this.#blocks[slot] = this.#arena.add(whole);
    whole.fill(0);
    this.#keyLengths[slot] = key.length;
    this.#lengths[slot] = value.length;
    this.#hashes[slot] = hash3;
    this.#ends[slot] = now + 1e3 * ttlSeconds;
    this.#table.add(hash3, slot);
    this.#link(slot);
    this.#bytes += bytes;
  }
  delete(key) {
    const slot = this.#find(key, hashText(key, this.#seed));
    if (slot !== none) this.#remove(slot);
  }
  claim(key, ttlMilliseconds) {
    const now = this.#clock.now();
    if (now - this.#claimsSince < ttlMilliseconds) return "doubtful";
    this.#claimTtl = Math.max(this.#claimTtl, ttlMilliseconds);
    if (now - this.#generation >= this.#claimTtl) {
      this.#oldClaims = this.#claims;
      this.#claims = /* @__PURE__ */ new Map();
      this.#generation = now;
    }
    const until = this.#claims.get(key) ?? this.#oldClaims.get(key);
    if (until !== void 0 && until > now) return "seen";
    if (this.#claims.size >= this.#maxEntries) return "doubtful";
    this.#claims.set(key, now + ttlMilliseconds);
    return "fresh";
  }
  /** Forgets all sessions and zeroizes them; claims stay, since forgetting them could let a replay in. */
  clear() {
    while (this.#oldest !== none) this.#remove(this.#oldest);
  }
  #live(key) {
    const slot = this.#find(key, hashText(key, this.#seed));
    if (slot === none) return void 0;
    if (this.#ends[slot] > this.#clock.now()) return slot;
    this.#remove(slot);
    return void 0;
  }
  #read(slot) {
    const keyLength = this.#keyLengths[slot];
    return this.#arena.read(this.#blocks[slot], keyLength, this.#lengths[slot]);
  }
  #find(key, hash3) {
    return this.#table.find(
      hash3,
      (slot) => this.#keyLengths[slot] === key.length && this.#arena.startsWith(this.#blocks[slot], key)
    );
  }
  /** Looks at the two oldest entries, so that dead ones leave as fast as new ones come. */
  #sweep(now) {
    for (let looked = 0, slot = this.#oldest; looked < 2 && slot !== none; looked++) {
      const next = this.#newer[slot];
      if (this.#ends[slot] <= now) this.#remove(slot);
      slot = next;
    }
  }
  #remove(slot) {
    this.#unlink(slot);
    this.#table.remove(this.#hashes[slot], slot);
    this.#arena.remove(this.#blocks[slot]);
    this.#bytes -= entryBytes(this.#keyLengths[slot], this.#lengths[slot]);
    this.#newer[slot] = this.#freeSlot;
    this.#freeSlot = slot;
  }
  /** Puts a slot at the new end of the order of use. */
  #link(slot) {
    this.#newer[slot] = none;
    this.#older[slot] = this.#newest;
    if (this.#newest === none) this.#oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }
  #unlink(slot) {
    const [newer, older] = [this.#newer[slot], this.#older[slot]];
    if (newer === none) this.#newest = older;
    else this.#older[newer] = older;
    if (older === none) this.#oldest = newer;
    else this.#newer[older] = newer;
  }
  #takeSlot() {
    const free = this.#freeSlot;
    if (free !== none) {
      this.#freeSlot = this.#newer[free];
      return free;
    }
    const slot = this.#slotCount++;
    if (slot === this.#newer.length) this.#growSlots();
    return slot;
  }
  #growSlots() {
    const size = 2 * this.#newer.length;
    const grown = (old2) => {
      const larger = new Int32Array(size);
      larger.set(old2);
      return larger;
    };
    this.#newer = grown(this.#newer);
    this.#older = grown(this.#older);
    this.#blocks = grown(this.#blocks);
    this.#keyLengths = grown(this.#keyLengths);
    this.#lengths = grown(this.#lengths);
    const hashes2 = new Uint32Array(size);
    hashes2.set(this.#hashes);
    this.#hashes = hashes2;
    const ends = new Float64Array(size);
    ends.set(this.#ends);
    this.#ends = ends;
  }
};
function entryBytes(keyLength, length) {
  return arenaBytes(keyLength + length) + entryOverhead;
}
function positive(value, name2) {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new ConfigError(`${name2} of a memory store is ${value}; give a whole number above 0`, {
    code: "ERR_TLS_SESSION_CONFIG"
  });
}

// src/session/store.ts
var StoreError = class extends Error {
  name = "StoreError";
  reason;
  /** The store is well but refuses this call (full, wrong type of value): no reason to leave it alone. */
  answered;
  constructor(reason, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.reason = reason;
    this.answered = details.answered ?? false;
  }
};

// src/session/resumption-request.ts
function compare(state2, expected) {
  const { now } = expected;
  if (state2.version !== expected.version) return "versionMismatch";
  if (state2.peerNotAfter !== void 0 && now >= state2.peerNotAfter) return "clientCertificateExpired";
  if (now >= sessionEnd(state2)) return "expired";
  if (expected.cipherHash !== void 0 && pskHash(state2) !== expected.cipherHash && state2.version === 772) {
    return "cipherMismatch";
  }
  if (expected.cipherSuites !== void 0 && !expected.cipherSuites.includes(state2.cipherSuite))
    return "cipherMismatch";
  if (expected.extendedMasterSecret !== void 0 && state2.extendedMasterSecret !== expected.extendedMasterSecret) {
    return state2.extendedMasterSecret ? "emsMissing" : "emsMismatch";
  }
  const policy = typeof expected.policy === "function" ? expected.policy(state2) : expected.policy;
  return equal(policy, state2.policyDigest) ? void 0 : "policyMismatch";
}
function asPsk(found2) {
  if ("miss" in found2) return found2;
  const { state: state2 } = found2;
  return { secret: state2.secret, hash: pskHash(state2), binderLabel: "res binder", state: state2 };
}

// src/session/resumption.ts
var handleFormat = 2;
var handleLength = 33;
var sealingRoom = new Uint8Array(1024);
var ServerSessions = class {
  /** What was counted so far. */
  counters = createSessionCounters();
  /** Seconds from the first full authentication: the `lifetime` of new session states. */
  lifetime;
  ticketCount;
  maxTickets;
  maxEarlyDataSize;
  /** Whether TLS 1.2 session IDs, TLS 1.2 tickets and TLS 1.3 tickets are issued. */
  sessionIds;
  tls12Tickets;
  tls13Tickets;
  keyring;
  store;
  #crypto;
  #freshness;
  #config;
  constructor(config) {
    const { keyring, store } = config;
    this.#config = config;
    this.#crypto = config.crypto;
    this.keyring = keyring;
    this.store = store;
    this.sessionIds = config.sessionIds ?? store !== void 0;
    this.tls12Tickets = config.tls12Tickets ?? keyring !== void 0;
    this.tls13Tickets = config.tls13Tickets ?? (keyring !== void 0 ? "stateless" : store !== void 0 ? "singleUse" : "none");
    this.lifetime = config.lifetime ?? 86400;
    this.ticketCount = config.ticketCount ?? 2;
    this.maxTickets = config.maxTickets ?? 8;
    this.maxEarlyDataSize = config.maxEarlyDataSize ?? 0;
    this.#freshness = { ...defaultFreshness, ...config.freshness };
    this.#check();
  }
  /** TLS 1.2: the session in a ticket (RFC 5077). */
  openTicket(request2) {
    if (!this.tls12Tickets || this.keyring === void 0) return this.#miss("ticket", "disabled");
    return this.#admit("ticket", this.#openSealed(771, request2.ticket), request2);
  }
  /** TLS 1.2: the session of a session ID. */
  lookupSession(request2) {
    const { store } = this;
    if (!this.sessionIds || store === void 0) return this.#miss("sessionId", "disabled");
    const found2 = attempt(() => store.get(sessionKey(request2.sessionId)), readStored, storeMiss);
    return isPromise2(found2) ? found2.then((result) => this.#admit("sessionId", result, request2)) : this.#admit("sessionId", found2, request2);
  }
  /**
   * TLS 1.2: keeps a session under its ID. Awaited before the server's Finished, so that a client that comes back at
   * once finds it on any node; a store that does not keep it costs a full handshake later.
   * @returns whether it is kept.
   */
  storeSession(request2) {
    const { store } = this;
    if (!this.sessionIds || store === void 0) {
      this.#noTicket("sessionId", "disabled");
      return false;
    }
    const failure = this.#keep("sessionId", store, sessionKey(request2.sessionId), request2.state, request2.now);
    return isPromise2(failure) ? failure.then((reason) => reason === void 0) : failure === void 0;
  }
  /** Forgets a TLS 1.2 session, e.g. after a fatal alert (RFC 5246, Section 7.2.2). Never fails. */
  forgetSession(sessionId) {
    const { store } = this;
    if (store === void 0) return;
    return attempt(() => store.delete(sessionKey(sessionId)), ignore, ignore);
  }
  /**
   * TLS 1.3: the PSK of an identity: a sealed ticket, a handle, or an external PSK. The binder is still to be
   * verified. A single-use ticket is used up by this call.
   */
  lookupPsk(request2) {
    const { externalPsk } = this.#config;
    if (externalPsk === void 0) return this.#lookupTicket(request2);
    const external = attempt(() => externalPsk(request2.identity), asIs, nothing);
    return isPromise2(external) ? external.then((psk) => this.#externalOrTicket(psk, request2)) : this.#externalOrTicket(external, request2);
  }
  /**
   * A ticket for a session: TLS 1.2 sealed, TLS 1.3 as `tls13Tickets` says. Its lifetime ends with the session's,
   * whose clock runs from the first full authentication: a renewal never extends it.
   */
  sealTicket(request2) {
    const { state: state2, now } = request2;
    const kind2 = state2.version === 772 ? "psk" : "ticket";
    const mode = state2.version === 772 ? this.tls13Tickets : this.tls12Tickets ? "stateless" : "none";
    if (mode === "none") return this.#noTicket(kind2, "disabled");
    if (mode === "stateless") return this.#sealStateless(kind2, state2, now);
    return this.#issueHandle(state2, now);
  }
  /**
   * Whether early data may be accepted: allowed by the ticket, same context, fresh, and this ticket's first. Call it
   * after the binder was verified, and only when everything else that early data needs is given: a claim can't be
   * taken back.
   */
  claimEarlyData(request2) {
    const { state: state2, identity, now } = request2;
    const { store } = this;
    if (this.maxEarlyDataSize === 0 || state2.maxEarlyDataSize === 0 || store === void 0) {
      return this.#refuse("disabled");
    }
    if (state2.earlyDataContext.length === 0 || !equal(state2.earlyDataContext, request2.context)) {
      return this.#refuse("contextMismatch");
    }
    if (!isFresh2(state2, request2.obfuscatedTicketAge, now, this.#freshness)) return this.#refuse("stale");
    if (!this.#seesEveryUse(identity, store)) return this.#refuse("recordNotShared");
    const key = `e:${toHex(this.#crypto.hash("sha256", identity))}`;
    const answer2 = attempt(
      () => store.claim(key, replaySpan(this.#freshness)),
      (claim) => claim === "fresh" ? void 0 : claim === "seen" ? "replay" : "doubtful",
      (error) => {
        const reason = storeMiss(error).miss;
        return reason === "storeTimeout" || reason === "storeUnavailable" ? reason : "storeError";
      }
    );
    return isPromise2(answer2) ? answer2.then((refusal) => this.#earlyData(refusal)) : this.#earlyData(answer2);
  }
  #check() {
    if ((this.sessionIds || this.tls13Tickets === "stateful" || this.tls13Tickets === "singleUse") && !this.store) {
      throw sessionConfigError("session IDs and stateful tickets need a store: give `store`, e.g. a MemoryStore");
    }
    if ((this.tls12Tickets || this.tls13Tickets === "stateless") && !this.keyring) {
      throw sessionConfigError("sealed tickets need keys: give `keyring`, a TicketKeyring");
    }
    if (!(this.lifetime >= 1 && this.lifetime <= maxLifetimeSeconds)) {
      throw sessionConfigError(
        `a session lifetime of ${this.lifetime} s is outside 1 to ${maxLifetimeSeconds} (RFC 9846, 4.6.1)`
      );
    }
    if (this.maxEarlyDataSize > 0 && !this.store) {
      throw sessionConfigError("early data needs a store that remembers which tickets were used: give `store`");
    }
    const traits = this.store?.traits;
    if (traits !== void 0 && !traits.bounded) {
      throw sessionConfigError("a store without a deadline could hang handshakes: wrap it in a ResilientStore");
    }
    if (traits !== void 0 && !traits.local && !traits.sealed) {
      throw sessionConfigError("what leaves the process must be encrypted: wrap the store in a SealedStore");
    }
  }
  #externalOrTicket(psk, request2) {
    if (psk === void 0) return this.#lookupTicket(request2);
    if (request2.cipherHash !== void 0 && psk.hash !== request2.cipherHash) return this.#miss("psk", "cipherMismatch");
    this.#event({ type: "hit", kind: "psk" });
    return { secret: psk.secret, hash: psk.hash, binderLabel: psk.imported ? "imp binder" : "ext binder" };
  }
  #lookupTicket(request2) {
    const found2 = this.#findTicket(request2.identity);
    return isPromise2(found2) ? found2.then((result) => this.#admitPsk(result, request2)) : this.#admitPsk(found2, request2);
  }
  #findTicket(identity) {
    const { store } = this;
    if (this.tls13Tickets === "none") return { miss: "disabled" };
    if (identity[0] === sealedTicketFormat) {
      if (this.tls13Tickets === "singleUse" || this.keyring === void 0) return { miss: "disabled" };
      return this.#openSealed(772, identity);
    }
    if (identity[0] !== handleFormat || identity.length !== handleLength) return { miss: "malformed" };
    if (store === void 0) return { miss: "disabled" };
    const key = handleKey(identity);
    const call = this.tls13Tickets === "stateful" ? () => store.get(key) : () => store.take(key);
    return attempt(call, readStored, storeMiss);
  }
  #admitPsk(found2, request2) {
    const admitted = this.#admit("psk", found2, request2);
    return isPromise2(admitted) ? admitted.then(asPsk) : asPsk(admitted);
  }
  #openSealed(version2, ticket) {
    const opened3 = this.keyring?.open(version2, ticket) ?? { miss: "disabled" };
    if ("miss" in opened3) return opened3;
    const state2 = takeSessionState(opened3.state);
    return state2 === void 0 ? { miss: "malformed" } : { state: state2, renew: opened3.stale };
  }
  /** Compares what was found with what is expected, and counts the outcome. */
  #admit(kind2, found2, request2) {
    if ("miss" in found2) return this.#miss(kind2, found2.miss);
    const mismatch2 = compare(found2.state, request2);
    if (mismatch2 !== void 0) {
      zeroize(found2.state.secret);
      return this.#miss(kind2, mismatch2);
    }
    const { acceptPeer } = this.#config;
    if (acceptPeer === void 0 || isAnonymous(found2.state)) return this.#hit(kind2, found2);
    const accepted = attempt(() => acceptPeer(found2.state, request2.now), asIs, refused2);
    return isPromise2(accepted) ? accepted.then((yes) => this.#peerAnswer(kind2, found2, yes)) : this.#peerAnswer(kind2, found2, accepted);
  }
  #peerAnswer(kind2, found2, accepted) {
    if (accepted) return this.#hit(kind2, found2);
    zeroize(found2.state.secret);
    return this.#miss(kind2, "clientCertificateRevoked");
  }
  #sealStateless(kind2, state2, now) {
    const encoded = encodeSessionState(state2, sealingRoom);
    if (encoded === void 0) return this.#noTicket(kind2, "malformed");
    const sealed = this.keyring?.seal(state2.version, encoded);
    encoded.fill(0);
    if (sealed === void 0) return this.#noTicket(kind2, "disabled");
    const lifetime = Math.floor((Math.min(sessionEnd(state2), sealed.openUntil) - now) / 1e3);
    if (lifetime < 1) return this.#noTicket(kind2, "expired");
    this.#event({ type: "issued", kind: kind2 });
    return { ticket: sealed.ticket, lifetime };
  }
  #issueHandle(state2, now) {
    const { store } = this;
    if (store === void 0) return this.#noTicket("psk", "disabled");
    const ticket = new Uint8Array(handleLength);
    ticket[0] = handleFormat;
    ticket.set(this.#crypto.random(handleLength - 1), 1);
    const lifetime = Math.floor((sessionEnd(state2) - now) / 1e3);
    const failure = this.#keep("psk", store, handleKey(ticket), state2, now);
    const answer2 = (reason) => reason === void 0 ? { ticket, lifetime } : { miss: reason };
    return isPromise2(failure) ? failure.then(answer2) : answer2(failure);
  }
  /** Puts a session into the store; the reason where it can't be kept. */
  #keep(kind2, store, key, state2, now) {
    const ttl = Math.floor((sessionEnd(state2) - now) / 1e3);
    if (ttl < 1) return this.#noTicket(kind2, "expired").miss;
    const encoded = encodeSessionState(state2);
    if (encoded === void 0) return this.#noTicket(kind2, "malformed").miss;
    return attempt(
      () => store.put(key, encoded, ttl),
      () => {
        encoded.fill(0);
        this.#event({ type: "issued", kind: kind2 });
        return void 0;
      },
      (error) => this.#noTicket(kind2, storeMiss(error).miss).miss
    );
  }
  #hit(kind2, found2) {
    this.#event({ type: "hit", kind: kind2 });
    return found2;
  }
  #miss(kind2, reason) {
    this.#event({ type: "miss", kind: kind2, reason });
    return { miss: reason };
  }
  #noTicket(kind2, reason) {
    this.#event({ type: "notIssued", kind: kind2, reason });
    return { miss: reason };
  }
  /** Whether the store hears of every use of a ticket: it is shared, or nobody else can open the ticket. */
  #seesEveryUse(identity, store) {
    if (this.#config.replayRecord === "complete" || !store.traits.local) return true;
    return identity[0] !== sealedTicketFormat || this.keyring?.originOf(identity) === "local";
  }
  #earlyData(refusal) {
    if (refusal !== void 0) return this.#refuse(refusal);
    this.#event({ type: "earlyDataAccepted" });
    return { accepted: true };
  }
  #refuse(refusal) {
    this.#event({ type: "earlyDataRefused", reason: refusal });
    return { accepted: false, refusal };
  }
  #event(event) {
    count(this.counters, event);
    try {
      this.#config.observe?.(event);
    } catch {
    }
  }
};
function attempt(call, then, otherwise) {
  try {
    const value = call();
    return isPromise2(value) ? value.then(then).catch(otherwise) : then(value);
  } catch (error) {
    return otherwise(error);
  }
}
function readStored(value) {
  if (value === void 0) return { miss: "notFound" };
  const state2 = decodeSessionState(value);
  value.fill(0);
  return state2 === void 0 ? { miss: "malformed" } : { state: state2, renew: false };
}
function storeMiss(error) {
  return { miss: error instanceof StoreError ? error.reason : "storeError" };
}
function asIs(value) {
  return value;
}
function ignore() {
}
function nothing() {
}
function refused2() {
  return false;
}
function sessionKey(sessionId) {
  return `i:${toHex(sessionId)}`;
}
function handleKey(identity) {
  return `t:${toHex(identity)}`;
}
function sessionConfigError(message) {
  return new ConfigError(message, { code: "ERR_TLS_SESSION_CONFIG" });
}

// src/node/server-sessions.ts
var nodeTimers = {
  set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
  clear: (handle) => clearTimeout(handle)
};
var clock = { now: () => Date.now() };
var eventDeadline = 1e4;
var EventStore = class {
  traits = { local: true, bounded: true, sealed: false };
  #server;
  constructor(server2) {
    this.#server = server2;
  }
  get(key) {
    return this.#ask((done) => this.#server.emit("resumeSession", idOf(key), done));
  }
  take(key) {
    return this.get(key);
  }
  put(key, value) {
    const answer2 = this.#ask(
      (done) => this.#server.emit("newSession", idOf(key), Buffer.from(value), () => done(null))
    );
    return answer2 instanceof Promise ? answer2.then(() => void 0) : void 0;
  }
  delete() {
  }
  claim() {
    return "doubtful";
  }
  #ask(emit) {
    let answered = false;
    let now;
    let later;
    const done = (error, value) => {
      if (answered) return;
      answered = true;
      now = error || !value ? void 0 : Uint8Array.from(value);
      later?.(now);
    };
    let heard = false;
    try {
      heard = emit(done);
    } catch (error) {
      process.nextTick(() => this.#server.emit("error", error));
      done(error);
    }
    if (!heard || answered) return now;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        answered = true;
        resolve(void 0);
      }, eventDeadline);
      timer.unref();
      later = (value) => {
        clearTimeout(timer);
        resolve(value);
      };
    });
  }
};
function idOf(key) {
  return Buffer.from(key.slice(key.indexOf(":") + 1), "hex");
}
var ServerResumption = class {
  #server;
  #cache = /* @__PURE__ */ new Map();
  #keyring;
  #ticketKeys;
  #own;
  #maxEarlyData = 0;
  #replayRecord;
  #register;
  constructor(server2) {
    this.#server = server2;
  }
  /** Sessions that the program brings itself: a key ring of a fleet, a store in Redis. */
  use(sessions) {
    this.#own = sessions;
  }
  /**
   * Takes early data of so many bytes; which tickets were used for it is remembered in this process. Under ticket keys
   * that other processes may have, that is enough only where the program says that it is.
   */
  allowEarlyData(bytes, replayRecord) {
    this.#maxEarlyData = bytes;
    this.#replayRecord = replayRecord;
    this.#cache.clear();
  }
  /** Whether a resumed connection gets a fresh ticket. */
  get renewsTickets() {
    return this.isOwn || this.#maxEarlyData > 0;
  }
  /** Whether the program brought its own sessions: then their rules count, and not Node's. */
  get isOwn() {
    return this.#own !== void 0;
  }
  /** The sessions for a context, by what the server's listeners and the context's options ask for. */
  sessionsFor(context) {
    if (this.#own !== void 0) return this.#own;
    const events = this.#server.listenerCount("newSession") > 0 || this.#server.listenerCount("resumeSession") > 0;
    const tickets = !context.noTickets;
    if (!events && !tickets) return void 0;
    const lifetime = Math.min(Math.max(context.sessionTimeout ?? 7200, 1) + 1, 604800);
    const key = `${events}|${tickets}|${lifetime}`;
    let sessions = this.#cache.get(key);
    if (sessions === void 0) {
      sessions = new ServerSessions({
        crypto: nodeCrypto4(),
        keyring: tickets ? this.#ring() : void 0,
        store: events ? new EventStore(this.#server) : this.#replayRegister(),
        sessionIds: events,
        maxEarlyDataSize: events ? 0 : this.#maxEarlyData,
        replayRecord: this.#replayRecord,
        tls13Tickets: tickets ? "stateless" : "stateful",
        lifetime
      });
      this.#cache.set(key, sessions);
    }
    return sessions;
  }
  #replayRegister() {
    if (this.#maxEarlyData === 0) return void 0;
    this.#register ??= new MemoryStore({ clock, ...this.hasTicketKeys ? { claimsSince: Date.now() } : {} });
    return this.#register;
  }
  #ring() {
    this.#keyring ??= new TicketKeyring({ crypto: nodeCrypto4(), clock, timers: nodeTimers });
    return this.#keyring;
  }
  /** 48 bytes that other servers can use; from then on this server seals under a key that comes from them. */
  getTicketKeys() {
    if (this.#ticketKeys === void 0) this.setTicketKeys(randomBytes4(48));
    return Buffer.from(this.#ticketKeys);
  }
  /** Seals under these keys only. As in Node, tickets under the keys of before are void. */
  setTicketKeys(keys) {
    const ring = this.#ring();
    const before = ring.describe();
    const imported = importTicketKeyFile(nodeCrypto4(), keys);
    const name2 = Buffer.from(imported.name).toString("hex");
    for (const key of before) if (key.name !== name2) ring.revoke(Buffer.from(key.name, "hex"));
    ring.install([imported]);
    this.#ticketKeys = Buffer.from(keys);
    if (this.#register !== void 0) {
      this.#register = void 0;
      this.#cache.clear();
    }
  }
  /** Whether the ticket keys came from outside, or were asked for. */
  get hasTicketKeys() {
    return this.#ticketKeys !== void 0;
  }
  close() {
    this.#keyring?.close();
  }
};
var resumptions = /* @__PURE__ */ new WeakMap();
function resumptionOf(server2) {
  let resumption2 = resumptions.get(server2);
  if (resumption2 === void 0) {
    resumption2 = new ServerResumption(server2);
    resumptions.set(server2, resumption2);
  }
  return resumption2;
}

// src/node/trace-text.ts
import { inspect as inspect2 } from "node:util";
function traceTo(stream) {
  return (event) => {
    switch (event.kind) {
      case "message": {
        const name2 = event.type[0].toUpperCase() + event.type.slice(1);
        const fields = inspect2(event.fields, { depth: 4, breakLength: 110 }).replaceAll("\n", "\n    ");
        const direction = event.direction === "sent" ? "Sent" : "Received";
        stream.write(
          `${direction} TLS Record: ${name2}, Length=${event.raw.length} (keys: ${event.epoch})
    ${fields}
`
        );
        break;
      }
      case "alert":
        stream.write(
          `${event.direction === "sent" ? "Sent" : "Received"} TLS Record: Alert ${event.alert} (level ${event.level})
`
        );
        break;
      case "keyChange":
        stream.write(`Keys for what is ${event.direction}: ${event.epoch}, ${event.cipherSuite}
`);
        break;
      case "decision":
        stream.write(`Decided on ${event.about}: ${event.choice} (${event.reason})
`);
        break;
      default:
        stream.write(`TLS connection ${event.kind}
`);
    }
  };
}
var traceWarned = false;
function traceAll() {
  if (!process.execArgv.includes("--trace-tls")) return false;
  if (!traceWarned) {
    traceWarned = true;
    process.emitWarning("Enabling --trace-tls can expose sensitive data in the resulting log.");
  }
  return true;
}

// src/node/connection-setup.ts
function createConnection(socket, wake) {
  const { negotiation } = socket;
  const { tooOld, minVersion, maxVersion } = negotiation.context;
  if (tooOld || minVersion > maxVersion) {
    throw opensslError(
      "no protocols available",
      tooOld ? "Handfast speaks TLS 1.2 and TLS 1.3 only (RFC 8996): allow a maximum of TLSv1.2 or TLSv1.3" : "minVersion is above maxVersion: no version is left"
    );
  }
  if (socket._tlsOptions.isServer) {
    const options2 = serverOptions(socket, negotiation.context);
    const connection2 = new ServerConnection(options2);
    negotiation.bind(socket, connection2, serverHost(options2), wake);
    return connection2;
  }
  const options = clientOptions(socket);
  const connection = new ClientConnection(options);
  negotiation.bind(socket, connection, clientHost(options), wake);
  return connection;
}
function commonOptions(context) {
  return {
    crypto: nodeCrypto4(),
    minVersion: context.minVersion,
    maxVersion: context.maxVersion,
    cipherSuites: context.cipherSuites,
    groups: context.groups,
    ...context.signatureSchemes === void 0 ? {} : { signatureSchemes: context.signatureSchemes },
    ...context.certificateCompression && { certificateCompression: context.certificateCompression }
  };
}
var nobody = {};
function serverOptions(socket, context) {
  const { server: server2, negotiation, _tlsOptions: options } = socket;
  const { ALPNCallback } = options;
  const keyLogged = socket.listenerCount("keylog") > 0;
  const sessions = server2 === void 0 ? void 0 : resumptionOf(server2).sessionsFor(context);
  const perServer = derivedFor(context, server2 ?? nobody);
  const alpn = options.ALPNProtocols;
  const mode = !socket._requestCert ? "none" : socket._rejectUnauthorized ? "require" : "request";
  const shared = server2 !== void 0 && !keyLogged && !negotiation.tracing && ALPNCallback === void 0;
  const cacheable = shared && alpn === server2.ALPNProtocols;
  const key = `${mode}|${server2 === void 0}`;
  const known3 = cacheable ? perServer.get(key) : void 0;
  if (known3 !== void 0 && known3.sessions === sessions) return known3;
  const made = {
    ...commonOptions(context),
    credentials: context.credentials,
    preferServerOrder: context.preferServerOrder,
    echKeys: context.echKeys,
    clientCertificate: mode,
    ...context.rawPublicKeys && {
      clientCertificateTypes: context.rawPublicKeys.types,
      rawPublicKeyPins: context.rawPublicKeys.pins
    },
    certificateAuthorities: mode === "none" ? [] : authorities(context),
    verifyPeer: () => void 0,
    alpnProtocols: alpnList(alpn),
    ...ALPNCallback === void 0 ? {} : { selectAlpn: (offered, name2) => callAlpn(ALPNCallback.bind(socket), offered, name2) },
    ...sessions === void 0 ? {} : { sessions },
    credentialIdentity: context.identity ?? context.sessionIdContext ?? "",
    clientTrustDigest: context.ca === void 0 ? new Uint8Array(0) : nodeCrypto4().hash("sha256", Buffer.concat(context.ca)),
    ...negotiation.tracing ? { trace: traceTo(process.stderr) } : {},
    ...keyLogged ? { keyLog: (line) => socket.emit("keylog", Buffer.from(`${line}
`)) } : {}
  };
  if (cacheable) perServer.set(key, made);
  return made;
}
function derivedFor(context, server2) {
  let made = context.derived.get(server2);
  if (made === void 0) context.derived.set(server2, made = /* @__PURE__ */ new Map());
  return made;
}
function authorities(context) {
  let names = context.derived.get("authorities");
  if (names === void 0) {
    names = (context.ca ?? []).flatMap((der3) => subjectOf(der3) ?? []);
    context.derived.set("authorities", names);
  }
  return names;
}
function callAlpn(callback, offered, serverName) {
  const chosen = callback({ servername: serverName, protocols: [...offered] });
  if (chosen === void 0 || offered.includes(chosen)) return chosen;
  throw nodeError(
    "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT",
    `ALPN callback returned a value (${chosen}) that did not match any of the client's offered protocols (${offered.join(", ")})`,
    TypeError
  );
}
function clientOptions(socket) {
  const { negotiation, _tlsOptions: options } = socket;
  const { context, offered } = negotiation;
  const serverName = negotiation.serverName && !isIP2(negotiation.serverName) ? negotiation.serverName : void 0;
  const alpnProtocols = alpnList(options.ALPNProtocols);
  const fits = offered !== void 0 && (offered.state.serverName ?? void 0) === (serverName ?? void 0);
  if (!fits) negotiation.offered = void 0;
  return {
    ...commonOptions(context),
    credentials: context.credentials,
    ...context.rawPublicKeys && { serverCertificateTypes: context.rawPublicKeys.types },
    serverName,
    verifyName: void 0,
    alpnProtocols,
    requestOcsp: options.requestOCSP === true || options.revocation !== void 0,
    verifyPeer: () => void 0,
    sessions: fits ? [offered] : [],
    earlyData: fits && options.earlyData !== void 0,
    externalPsks: clientPsks(options.pskCallback),
    ech: clientEch2(options),
    ...negotiation.tracing ? { trace: traceTo(process.stderr) } : {},
    keyLog: (line) => {
      if (socket.listenerCount("keylog") > 0) socket.emit("keylog", Buffer.from(`${line}
`));
    }
  };
}
function clientPsks(pskCallback) {
  if (pskCallback === void 0) return [];
  const given = pskCallback(null);
  if (given === void 0 || given === null) return [];
  validateObject2(given, "ret");
  const { psk, identity } = given;
  validateBuffer(psk, "psk");
  validateString(identity, "identity");
  const key = Uint8Array.from(Buffer.from(psk.buffer, psk.byteOffset, psk.byteLength));
  if (key.length === 0) throw invalidArgType("psk", "Buffer", psk);
  return [{ identity: Uint8Array.from(Buffer.from(identity)), key, hash: "sha256" }];
}
function subjectOf(der3) {
  try {
    return parseSubject(der3);
  } catch {
    return void 0;
  }
}
function parseSubject(der3) {
  return parseCertificate(der3, { leniencies: ["serialNumber", "names", "extensions", "times", "keyUsage"] }).subject;
}

// src/node/onread.ts
var OnReadTarget = class {
  #option;
  #buffer;
  /** What waits; `undefined` while nothing is held back. */
  #held;
  constructor(option) {
    this.#option = option;
  }
  /** Whether plaintext is held back. */
  get holds() {
    return this.#held !== void 0;
  }
  /** Whether plaintext waits. */
  get waiting() {
    return this.#held !== void 0 && this.#held.length > 0;
  }
  /**
   * Hands out a chunk, or keeps it where the stream is paused; the program may pause it in between.
   * @returns whether more may come.
   */
  deliver(chunk, stream) {
    const { callback } = this.#option;
    let rest = chunk;
    while (rest.length > 0) {
      if (stream.isPaused()) this.#held ??= [];
      if (this.#held !== void 0) {
        this.#held.push(rest);
        return false;
      }
      this.#buffer ??= this.#next();
      const target = this.#buffer;
      const size = Math.min(target.length, rest.length);
      target.set(rest.subarray(0, size));
      rest = rest.subarray(size);
      const goOn = callback(size, target);
      this.#buffer = this.#next();
      if (goOn === false) this.#held = [];
    }
    return this.#held === void 0;
  }
  /** Hands out what waits. @returns whether more may come. */
  release(stream) {
    const held = this.#held ?? [];
    this.#held = void 0;
    for (const chunk of held) this.deliver(chunk, stream);
    return this.#held === void 0;
  }
  #next() {
    const { buffer } = this.#option;
    return typeof buffer === "function" ? buffer() : buffer;
  }
};

// src/node/incoming.ts
var Incoming = class {
  #socket;
  #onread;
  #ended = false;
  #endDue = false;
  /** Whether the stream is full: the transport is paused until it asks for more. */
  full = false;
  constructor(socket, onread) {
    this.#socket = socket;
    this.#onread = onread ? new OnReadTarget(onread) : void 0;
  }
  /** Whether the end was pushed: nothing is taken any more. */
  get ended() {
    return this.#ended;
  }
  deliver(chunk) {
    if (this.#onread !== void 0) {
      if (!this.#onread.deliver(chunk, this.#socket)) this.pause();
      return;
    }
    if (this.#socket.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) return;
    this.full = true;
    this.pause();
  }
  /** No more comes: the end, once the program has what waits. */
  end() {
    if (this.#ended || this.#socket.destroyed) return;
    if (this.#onread?.waiting) {
      this.#endDue = true;
      return;
    }
    this.#ended = true;
    this.#socket.push(null);
    this.#socket.read(0);
    this.resume();
  }
  /** The stream has room again. */
  drained() {
    if (!this.full) return;
    this.full = false;
    this.resume();
  }
  /** The program goes on: it gets first what its `onread` has not had yet. */
  release() {
    if (!this.#onread?.holds || !this.#onread.release(this.#socket)) return;
    this.resume();
    if (this.#endDue) this.end();
  }
  pause() {
    const { transport } = this.#socket;
    if (transport !== void 0) pauseReading(transport);
  }
  resume() {
    const { transport } = this.#socket;
    if (transport !== void 0) resumeReading(transport);
  }
};

// src/node/negotiation.ts
import { createHash as createHash5 } from "node:crypto";

// src/node/client-hello.ts
import { createHash as createHash4 } from "node:crypto";
function describeClientHello(raw) {
  const parts = read(Buffer.from(raw.buffer, raw.byteOffset, raw.length));
  const fields = [parts.ciphers, parts.extensions, parts.groups, parts.pointFormats];
  const ja3 = [parts.version, ...fields.map((list) => list.join("-"))].join(",");
  return {
    raw: Buffer.from(raw),
    ja3,
    ja3Hash: createHash4("md5").update(ja3).digest("hex"),
    ja4: ja4(parts)
  };
}
var isGrease2 = (value) => (value & 3855) === 2570 && value >> 8 === (value & 255);
function list16(bytes) {
  const values = [];
  for (let at2 = 0; at2 + 1 < bytes.length; at2 += 2) values.push(bytes.readUInt16BE(at2));
  return values.filter((value) => !isGrease2(value));
}
function read(raw) {
  let at2 = 38;
  at2 += 1 + raw.readUInt8(at2);
  const ciphersEnd = at2 + 2 + raw.readUInt16BE(at2);
  const parts = {
    version: raw.readUInt16BE(4),
    ciphers: list16(raw.subarray(at2 + 2, ciphersEnd)),
    extensions: [],
    groups: [],
    pointFormats: [],
    versions: [],
    signatureAlgorithms: [],
    alpn: void 0
  };
  at2 = ciphersEnd;
  at2 += 1 + raw.readUInt8(at2);
  for (at2 += 2; at2 + 4 <= raw.length; ) {
    const type = raw.readUInt16BE(at2);
    const body = raw.subarray(at2 + 4, at2 + 4 + raw.readUInt16BE(at2 + 2));
    at2 += 4 + body.length;
    if (isGrease2(type)) continue;
    parts.extensions.push(type);
    if (type === 10) parts.groups = list16(body.subarray(2));
    else if (type === 11) parts.pointFormats = [...body.subarray(1)];
    else if (type === 13) parts.signatureAlgorithms = list16(body.subarray(2));
    else if (type === 16 && body.length > 3) parts.alpn = body.subarray(3, 3 + body.readUInt8(2));
    else if (type === 43) parts.versions = list16(body.subarray(1));
  }
  return parts;
}
var versionNames = { 772: "13", 771: "12", 770: "11", 769: "10", 768: "s3" };
var hex2 = (value) => value.toString(16).padStart(4, "0");
var two = (count2) => String(Math.min(count2, 99)).padStart(2, "0");
function shortHash(text) {
  return text === "" ? "000000000000" : createHash4("sha256").update(text).digest("hex").slice(0, 12);
}
function ja4(parts) {
  const version2 = parts.versions.length > 0 ? Math.max(...parts.versions) : parts.version;
  const named = parts.extensions.includes(0) ? "d" : "i";
  const first = `t${versionNames[version2] ?? "00"}${named}${two(parts.ciphers.length)}${two(parts.extensions.length)}${alpnMark(parts.alpn)}`;
  const ciphers2 = parts.ciphers.map(hex2).sort().join(",");
  const extensions = parts.extensions.filter((type) => type !== 0 && type !== 16).map(hex2).sort().join(",");
  const algorithms2 = parts.signatureAlgorithms.map(hex2).join(",");
  const last = extensions === "" ? "" : algorithms2 === "" ? extensions : `${extensions}_${algorithms2}`;
  return `${first}_${shortHash(ciphers2)}_${shortHash(last)}`;
}
function alpnMark(alpn) {
  if (alpn === void 0 || alpn.length === 0) return "00";
  const text = alpn.toString("latin1");
  const ends = text[0] + text.at(-1);
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const digits = alpn.toString("hex");
  return digits[0] + digits.at(-1);
}

// src/node/peer-certificate.ts
import { X509Certificate as X509Certificate6 } from "node:crypto";

// src/node/verify.ts
import { X509Certificate as X509Certificate5 } from "node:crypto";
var messages = {
  UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
  UNABLE_TO_GET_CRL: "unable to get certificate CRL",
  CERT_SIGNATURE_FAILURE: "certificate signature failure",
  CRL_SIGNATURE_FAILURE: "CRL signature failure",
  CERT_NOT_YET_VALID: "certificate is not yet valid",
  CERT_HAS_EXPIRED: "certificate has expired",
  CRL_NOT_YET_VALID: "CRL is not yet valid",
  CRL_HAS_EXPIRED: "CRL has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "self-signed certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "self-signed certificate in certificate chain",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to verify the first certificate",
  CERT_CHAIN_TOO_LONG: "certificate chain too long",
  CERT_REVOKED: "certificate revoked",
  INVALID_CA: "invalid CA certificate",
  PATH_LENGTH_EXCEEDED: "path length constraint exceeded",
  INVALID_PURPOSE: "unsuitable certificate purpose",
  CERT_REJECTED: "certificate rejected",
  CA_MD_TOO_WEAK: "CA signature digest algorithm too weak",
  EE_KEY_TOO_SMALL: "EE certificate key too weak",
  PERMITTED_VIOLATION: "permitted subtree violation",
  OCSP_VERIFY_NEEDED: "OCSP verification needed",
  OCSP_VERIFY_FAILED: "OCSP verification failed"
};
function verifyErrorOf(code2, cause) {
  const error = new Error(messages[code2], cause === void 0 ? void 0 : { cause });
  error.code = code2;
  return error;
}
var TrustStore = class {
  #bySubject = /* @__PURE__ */ new Map();
  #fingerprints = /* @__PURE__ */ new Set();
  /** @param unreadable is told of what does not parse: as in OpenSSL's store, it can't be an issuer. */
  constructor(certificates, unreadable = () => {
  }) {
    for (const [i, der3] of certificates.entries()) {
      try {
        this.#add(read2(der3));
      } catch {
        unreadable(nameCertificate(der3, i, certificates.length));
      }
    }
  }
  #add(certificate) {
    const { x509 } = certificate;
    if (this.#fingerprints.has(x509.fingerprint256)) return;
    this.#fingerprints.add(x509.fingerprint256);
    const same = this.#bySubject.get(x509.subject);
    if (same === void 0) this.#bySubject.set(x509.subject, [certificate]);
    else same.push(certificate);
  }
  has(certificate) {
    return this.#fingerprints.has(certificate.fingerprint256);
  }
  issuersOf(certificate) {
    return this.#bySubject.get(certificate.issuer) ?? [];
  }
};
var leniencies = ["serialNumber", "names", "extensions", "times", "keyUsage"];
function read2(der3) {
  const x509 = new X509Certificate5(der3);
  let own2;
  try {
    own2 = parseCertificate(der3, { leniencies });
  } catch {
    own2 = void 0;
  }
  return { x509, own: own2 };
}
var defaultStore;
var stores = /* @__PURE__ */ new Map();
function trustStoreOf(context) {
  const { ca } = context;
  if (ca === void 0) {
    const from = defaultCa();
    if (defaultStore?.from !== from) defaultStore = { from, store: new TrustStore(from) };
    return defaultStore.store;
  }
  let store = context.derived.get(TrustStore);
  if (store !== void 0) return store;
  const hash3 = nodeCrypto4().hash("sha256", Buffer.concat(ca));
  const key = toHex(hash3);
  store = stores.get(key);
  if (store === void 0) {
    store = new TrustStore(ca, (which) => warnOfCa(`${which} is malformed`));
    if (stores.size >= 100) stores.delete(stores.keys().next().value);
    stores.set(key, store);
  }
  context.derived.set(TrustStore, store);
  return store;
}
var maxDepth2 = 100;
var maxSignatures = 200;
function verifyPeer2(request2) {
  const [leaf, ...others] = request2.chain;
  if (leaf === void 0) return verifyErrorOf("UNABLE_TO_GET_ISSUER_CERT");
  try {
    const pool2 = [];
    for (const der3 of others.slice(0, maxDepth2)) {
      try {
        pool2.push(read2(der3));
      } catch {
      }
    }
    const { code: code2, path } = judge(read2(leaf), pool2, request2);
    return code2 === void 0 ? stapleProblem(path, request2) : verifyErrorOf(code2);
  } catch (error) {
    return verifyErrorOf("CERT_REJECTED", error);
  }
}
function judge(leaf, pool2, request2) {
  const store = trustStoreOf(request2.context);
  const { path, trusted } = buildPath(leaf, pool2, store, request2);
  const last = path.at(-1);
  let code2;
  if (!trusted) {
    if (isSelfSigned(last)) code2 = path.length === 1 ? "DEPTH_ZERO_SELF_SIGNED_CERT" : "SELF_SIGNED_CERT_IN_CHAIN";
    else if (store.has(last.x509)) code2 = "UNABLE_TO_GET_ISSUER_CERT";
    else code2 = path.length === 1 ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : "UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
  }
  code2 = extensionProblem(path, request2) ?? code2;
  if (request2.context.crls.length > 0) code2 = revocationProblem(path, request2) ?? code2;
  for (const { x509 } of [...path].reverse()) code2 = timeProblem(x509, request2.now) ?? code2;
  return { code: code2, path };
}
var statusRequest = 5;
function stapleProblem([leaf, issuer], { staple, now }) {
  if (staple === void 0 || issuer === void 0) return null;
  if (leaf?.own === void 0 || issuer.own === void 0) return verifyErrorOf("OCSP_VERIFY_FAILED");
  const { response, mode } = staple;
  if (response === void 0) {
    const demanded = mode === "required" || leaf.own.decoded.tlsFeature?.includes(statusRequest) === true;
    return demanded ? verifyErrorOf("OCSP_VERIFY_NEEDED") : null;
  }
  try {
    checkOcspResponse({ response, certificate: leaf.own, issuer: issuer.own, now, crypto: nodeCrypto4() });
    return null;
  } catch (error) {
    const revoked = error instanceof CertificateError && error.code === "ERR_TLS_CERT_REVOKED";
    return verifyErrorOf(revoked ? "CERT_REVOKED" : "OCSP_VERIFY_FAILED", error);
  }
}
function isSelfIssued({ x509 }) {
  return x509.issuer === x509.subject;
}
function isSelfSigned(certificate) {
  return isSelfIssued(certificate) && certificate.x509.verify(certificate.x509.publicKey);
}
function buildPath(leaf, pool2, store, request2) {
  let signatures = 0;
  let best = [leaf];
  const partial = request2.context.partialChains;
  function extend(path) {
    const last = path.at(-1);
    if (path.length > best.length) best = path;
    if (store.has(last.x509) && (partial || isSelfIssued(last))) return path;
    if (path.length > maxDepth2 || isSelfIssued(last)) return void 0;
    const used = new Set(path.map(({ x509 }) => x509.fingerprint256));
    const candidates = [...store.issuersOf(last.x509), ...pool2.filter(({ x509 }) => x509.subject === last.x509.issuer)].filter(({ x509 }) => !used.has(x509.fingerprint256) && last.x509.checkIssued(x509)).sort((a, b) => Number(validNow(b.x509, request2.now)) - Number(validNow(a.x509, request2.now)));
    for (const candidate of candidates) {
      if (++signatures > maxSignatures) return void 0;
      if (!last.x509.verify(candidate.x509.publicKey)) continue;
      const whole2 = extend([...path, candidate]);
      if (whole2 !== void 0) return whole2;
    }
    return void 0;
  }
  const whole = extend([leaf]);
  return whole === void 0 ? { path: best, trusted: false } : { path: whole, trusted: true };
}
function validNow(certificate, now) {
  return timeProblem(certificate, now) === void 0;
}
function timeProblem(certificate, now) {
  if (now < Date.parse(certificate.validFrom)) return "CERT_NOT_YET_VALID";
  if (now > Date.parse(certificate.validTo)) return "CERT_HAS_EXPIRED";
  return void 0;
}
var purposes = { server: oids.serverAuth, client: oids.clientAuth };
function extensionProblem(path, request2) {
  let found2;
  const purpose = purposes[request2.peer];
  let below = 0;
  path.forEach(({ x509, own: own2 }, depth) => {
    const top = depth === path.length - 1;
    const usages = x509.keyUsage;
    if (usages !== void 0 && !usages.includes(purpose) && !usages.includes(oids.anyExtendedKeyUsage))
      found2 = "INVALID_PURPOSE";
    const key = x509.publicKey;
    if (key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 1024)
      found2 = "EE_KEY_TOO_SMALL";
    if (own2 === void 0) {
      if (!top) found2 = "CERT_REJECTED";
      return;
    }
    const { algorithm: algorithm2 } = own2.signatureAlgorithm;
    if (!top && algorithm2 !== void 0 && "hash" in algorithm2 && algorithm2.hash === "sha1") found2 = "CA_MD_TOO_WEAK";
    const { basicConstraints: basicConstraints2, keyUsage } = own2.decoded;
    if (depth === 0) {
      if (keyUsage !== void 0 && !fitsLeaf(keyUsage, request2.peer)) found2 = "INVALID_PURPOSE";
    } else {
      if (!mayIssue(own2, x509)) found2 = "INVALID_CA";
      const limit = basicConstraints2?.pathLength;
      if (limit !== void 0 && below > limit) found2 = "PATH_LENGTH_EXCEEDED";
    }
    if (depth > 0 && !own2.selfIssued) below++;
  });
  return nameProblem(path) ?? found2;
}
function fitsLeaf(keyUsage, peer) {
  const { digitalSignature, keyEncipherment, keyAgreement } = keyUsageBits;
  return (keyUsage & (peer === "server" ? digitalSignature | keyEncipherment | keyAgreement : digitalSignature | keyAgreement)) !== 0;
}
function mayIssue(own2, x509) {
  const { basicConstraints: basicConstraints2, keyUsage } = own2.decoded;
  if (keyUsage !== void 0 && (keyUsage & keyUsageBits.keyCertSign) === 0) return false;
  if (basicConstraints2 !== void 0) return basicConstraints2.ca;
  return own2.version === 1 ? x509.checkIssued(x509) : keyUsage !== void 0;
}
function nameProblem(path) {
  for (let depth = 1; depth < path.length; depth++) {
    const constraints = path[depth].own?.decoded.nameConstraints;
    if (constraints === void 0) continue;
    const prepared = prepareConstraints(constraints);
    const budget = createBudget(defaultLimits2);
    for (const { own: own2 } of path.slice(0, depth)) {
      if (own2 !== void 0 && violation(prepared, prepareNames(own2), budget) !== void 0)
        return "PERMITTED_VIOLATION";
    }
  }
  return void 0;
}
function revocationProblem(path, { context, now }) {
  let lists = context.derived.get("crls");
  if (lists === void 0) {
    lists = context.crls.map(parseCertificateList);
    context.derived.set("crls", lists);
  }
  let found2;
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const certificate = path[depth];
    const issuer = path[Math.min(depth + 1, path.length - 1)];
    if (certificate.own === void 0 || issuer.own === void 0) return "UNABLE_TO_GET_CRL";
    const { own: own2 } = certificate;
    const list = lists.find(({ issuerKey }) => issuerKey === own2.issuerKey);
    if (list === void 0) {
      found2 = "UNABLE_TO_GET_CRL";
      continue;
    }
    const { algorithm: algorithm2 } = list.signatureAlgorithm;
    const key = nodeCrypto4().importPublicKey(issuer.own.spki);
    if (algorithm2 === void 0 || !key.verify(algorithm2, list.tbs, list.signature)) found2 = "CRL_SIGNATURE_FAILURE";
    else if (list.unusable !== void 0) found2 = "UNABLE_TO_GET_CRL";
    else if (list.thisUpdate > now) found2 = "CRL_NOT_YET_VALID";
    else if (list.nextUpdate !== void 0 && list.nextUpdate < now) found2 = "CRL_HAS_EXPIRED";
    if (list.find(own2.serialNumber) !== void 0) return "CERT_REVOKED";
  }
  return found2;
}

// src/node/peer-certificate.ts
function peerCertificateObject(chain, detailed, context) {
  const [first, ...others] = chain;
  if (first === void 0) return {};
  const leaf = new X509Certificate6(first);
  const object = legacyObject(leaf);
  if (!detailed) return object;
  const pool2 = others.map((der3) => new X509Certificate6(der3));
  let current = leaf;
  let currentObject = object;
  for (let depth = 0; depth < 32; depth++) {
    if (current.checkIssued(current)) {
      currentObject.issuerCertificate = currentObject;
      break;
    }
    const issuer = pool2.find((candidate) => current.checkIssued(candidate)) ?? trustStoreOf(context).issuersOf(current).find(({ x509 }) => current.checkIssued(x509))?.x509;
    if (issuer === void 0) break;
    const issuerObject = legacyObject(issuer);
    currentObject.issuerCertificate = issuerObject;
    current = issuer;
    currentObject = issuerObject;
  }
  return object;
}
function issuerOf(certificate, chain, context) {
  for (const der3 of chain.slice(1)) {
    const candidate = new X509Certificate6(der3);
    if (certificate.checkIssued(candidate)) return candidate;
  }
  if (certificate.checkIssued(certificate)) return certificate;
  return trustStoreOf(context).issuersOf(certificate).find(({ x509 }) => certificate.checkIssued(x509))?.x509;
}
function legacyObject(certificate) {
  return certificate.toLegacyObject();
}

// src/node/session-codec.ts
function encodeSession(session) {
  const bytes = encodeClientSession(session);
  return bytes === void 0 ? void 0 : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
function decodeSession(bytes) {
  return decodeClientSession(new Uint8Array(bytes));
}

// src/node/negotiation.ts
var noVerdict = void 0;
var toldVerdict = { rawPublicKey: "known" };
var Negotiation = class {
  /** The context in force: the socket's own, or the one that its server name selected. */
  context;
  /** Where `setKeyCert` took key and certificate from. */
  keyContext;
  serverName;
  offered;
  /** Why the peer's chain is not trusted; `null` where it is, or where there was nothing to verify. */
  verifyError = null;
  /** Whether what happens is written to stderr. */
  tracing = false;
  /** Tickets that a store has not taken yet. */
  sealing = 0;
  /** Whether Node's http2 has the socket inside its wrapper. */
  bridged = false;
  #socket;
  #host;
  #connection;
  #wake;
  #hello;
  #peerSchemes;
  #verified = false;
  #session;
  #ticket;
  #shownCredential;
  constructor(context) {
    this.context = context;
  }
  /** Binds the connection to its socket. */
  bind(socket, connection, host, wake) {
    this.#socket = socket;
    this.#connection = connection;
    this.#host = host;
    this.#wake = wake;
  }
  drive() {
    drive(this.#connection, this, this.#wake);
  }
  get #isServer() {
    return this.#socket?._tlsOptions.isServer === true;
  }
  // ---- the host ----
  selectConfig(hello) {
    this.#hello = hello;
    this.#peerSchemes = hello.signatureSchemes;
    const socket = this.#socket;
    const { SNICallback } = socket._tlsOptions;
    if (!hello.serverName) return void 0;
    socket.servername = hello.serverName;
    const { server: server2 } = socket;
    if (SNICallback !== void 0) {
      return this.#askProgram(
        (done) => SNICallback.call(socket, hello.serverName, done)
      ).then((context) => this.#useContext(context));
    }
    const name2 = hello.serverName.toLowerCase();
    const fits = server2?._contexts?.findLast(([pattern]) => pattern.test(name2));
    return fits === void 0 ? void 0 : this.#useContext(fits[1]);
  }
  #useContext(context) {
    if (!context) return void 0;
    const state2 = context instanceof SecureContextObject ? context.context : context;
    if (!(state2 instanceof ContextState)) throw nodeError("ERR_TLS_INVALID_CONTEXT", "Invalid SNI context", TypeError);
    this.context = state2;
    if (state2.clientCertificate !== void 0) {
      this.#socket._requestCert = state2.clientCertificate !== "none";
      this.#socket._rejectUnauthorized = state2.clientCertificate === "require";
    }
    return serverConfig(serverOptions(this.#socket, state2));
  }
  /** Waits for a callback of the program; a second call of it is an error. */
  #askProgram(ask) {
    return new Promise((resolve, reject) => {
      let once = false;
      ask((error, value) => {
        if (once) {
          this.#socket.destroy(nodeError("ERR_MULTIPLE_CALLBACK", "Callback called multiple times"));
          return;
        }
        once = true;
        if (error) reject(error);
        else resolve(value);
      });
    });
  }
  selectCredential(query) {
    const { keyContext } = this;
    const asked = keyContext === void 0 ? query : { ...query, credentials: keyContext.credentials };
    const chosen = this.#host.selectCredential(asked);
    this.#shownCredential = chosen;
    const server2 = this.#socket.server;
    if (chosen === void 0 || !this.#isServer || server2 === void 0 || server2.listenerCount("OCSPRequest") === 0)
      return chosen;
    if (chosen.rawPublicKey !== void 0) return chosen;
    if (this.#hello === void 0 || !asksForOcsp(this.#hello.raw)) return chosen;
    return this.#askProgram((done) => {
      server2.emit("OCSPRequest", Buffer.from(chosen.chain[0]), this.context.getIssuer(), done);
    }).then((response) => response ? { ...chosen, ocspResponse: Uint8Array.from(response) } : chosen);
  }
  sign(input) {
    return this.#host.sign(input);
  }
  decryptPremaster(input) {
    return this.#host.decryptPremaster(input);
  }
  verifyPeer(peer) {
    this.#judge(peer.chain, peer.rawPublicKey, peer);
    if (peer.echRejected) this.#requirePublicName(peer);
    return peer.rawPublicKey === void 0 ? noVerdict : toldVerdict;
  }
  /** What a server says that refused the encrypted ClientHello counts only where it proves the public name. */
  #requirePublicName({ chain, serverName }) {
    const shown = peerCertificateObject(chain, true, this.context);
    const cause = this.verifyError ?? checkServerIdentity(serverName ?? "", shown);
    if (!cause) return;
    throw new CertificateError(
      "ERR_TLS_ECH_PUBLIC_NAME",
      "badCertificate",
      `the server cannot decrypt the clientHello, and does not prove the public name ${serverName}: ${cause.message}`,
      { cause, rfc: "RFC 9849, Section 6.1.7" }
    );
  }
  /** `shown`: the handshake's own message; a resumption has none, nor a stapled response. */
  #judge(chain, rawPublicKey, shown) {
    this.#verified = true;
    if (rawPublicKey !== void 0) {
      this.verifyError = judgeRawPublicKey(rawPublicKey, this.context.rawPublicKeys);
      return;
    }
    const peer = this.#isServer ? "client" : "server";
    const mode = this.#socket?._tlsOptions.revocation;
    const staple = mode !== void 0 && shown !== void 0 ? { mode, response: shown.ocspResponse } : void 0;
    this.verifyError = verifyPeer2({ chain, context: this.context, peer, now: Date.now(), staple });
  }
  /** The verdict on the peer, also after a resumption: the chain of the session is judged anew. */
  settleVerdict(connection) {
    if (this.#verified) return this.verifyError;
    const { peerCertificates, peerRawPublicKey, resumption: resumption2 } = connection.info;
    if (resumption2 === "externalPsk") return null;
    this.#judge(peerCertificates, peerRawPublicKey);
    return this.verifyError;
  }
  lookupSession(input) {
    return this.#host.lookupSession(input);
  }
  storeSession(input) {
    return this.#host.storeSession(input);
  }
  openTicket(input) {
    return this.#host.openTicket(input);
  }
  sealTicket(input) {
    const connection = this.#connection;
    const { server: server2 } = this.#socket;
    const asNode = server2 === void 0 || !resumptionOf(server2).renewsTickets;
    if (asNode && connection.connected && connection.info.resumed) return void 0;
    const sealed = this.#host.sealTicket(input);
    if (!isPromise(sealed)) return sealed;
    this.sealing++;
    return sealed.then(
      (issued) => {
        this.sealing--;
        return issued;
      },
      () => {
        this.sealing--;
        return void 0;
      }
    );
  }
  lookupPsk(input) {
    const { pskCallback } = this.#socket._tlsOptions;
    if (pskCallback === void 0) return this.#host.lookupPsk(input);
    const given = pskCallback(
      this.#socket,
      Buffer.from(input.identity).toString("utf8")
    );
    if (given === void 0 || given === null) return this.#host.lookupPsk(input);
    const psk = ArrayBuffer.isView(given) ? given : given.psk;
    validateBuffer(psk, "psk");
    const key = Uint8Array.from(Buffer.from(psk.buffer, psk.byteOffset, psk.byteLength));
    return { key, hash: "sha256", kind: "ext" };
  }
  claimEarlyData(input) {
    return this.#host.claimEarlyData(input);
  }
  /** Whether no alert is sent: to a peer whose first bytes were no TLS at all, and, as in Node, where the program refused. */
  silent(error) {
    if (!this.#isServer || this.#socket?._secureEstablished) return false;
    if (refusedByProgram(error)) return true;
    if (this.#hello !== void 0) return false;
    const { code: code2 } = error;
    return code2 === "ERR_TLS_RECORD_VERSION" || code2.startsWith("ERR_TLS_HTTP");
  }
  // ---- what the socket shows ----
  peerChain(connection) {
    return connection?.connected ? connection.info.peerCertificates : [];
  }
  localChain() {
    if (this.#shownCredential !== void 0) return this.#shownCredential.chain;
    return this.context.credentials.find(({ rawPublicKey }) => rawPublicKey === void 0)?.chain;
  }
  /** Algorithms that both sides take, in the server's order. */
  sharedSigalgs() {
    const own2 = this.context.signatureSchemes ?? defaultSigalgs;
    const peer = this.#peerSchemes ?? [];
    return own2.filter((code2) => peer.includes(code2));
  }
  /** Lets go of the ClientHello: an idle connection does not keep it. */
  releaseHello() {
    this.#hello = void 0;
  }
  /** Server: the ClientHello with its fingerprints. */
  clientHello() {
    return this.#hello === void 0 ? void 0 : describeClientHello(this.#hello.raw);
  }
  get finished() {
    const finished = this.#connection?.finished;
    const buffer = (bytes) => bytes === void 0 ? void 0 : Buffer.from(bytes);
    return { sent: buffer(finished?.sent), received: buffer(finished?.received) };
  }
  setMaxSendFragment(size) {
    this.#connection?.setMaxFragment(size);
    return true;
  }
  /** Takes what the server has sent to resume with. */
  collectSessions() {
    if (this.#isServer) return;
    for (const session of this.#connection.takeSessions()) {
      const buffer = encodeSession(session);
      if (buffer === void 0) continue;
      this.#session ??= buffer;
      this.#ticket ??= session.ticket;
      this.#pendingSessions ??= [];
      this.#pendingSessions.push({ buffer, ticket: session.ticket });
    }
  }
  /** Emits `session` for what was taken; before the identity was checked it waits. */
  deliverSessions(socket) {
    if (this.#pendingSessions !== void 0 && !socket.secureConnecting) this.releaseSessions(socket);
  }
  #pendingSessions;
  /** Emits the sessions that came before the identity was checked. */
  releaseSessions(socket) {
    const pending = this.#pendingSessions;
    this.#pendingSessions = void 0;
    for (const { buffer, ticket } of pending ?? []) {
      this.#session = buffer;
      this.#ticket = ticket;
      if (!socket.destroyed) socket.emit("session", buffer);
    }
  }
  currentSession(connection) {
    if (this.#session !== void 0) return this.#session;
    if (this.offered !== void 0) return encodeSession(this.offered);
    if (connection?.connected) return createHash5("sha256").update(connection.info.sessionId).digest();
    return void 0;
  }
  currentTicket() {
    const ticket = this.#ticket ?? (this.#connection?.connected && this.#connection.info.resumed ? this.offered?.ticket : void 0);
    return ticket === void 0 || ticket.length === 0 ? void 0 : Buffer.from(ticket);
  }
};
var defaultSigalgs = [
  1027,
  1283,
  1539,
  2055,
  2056,
  2057,
  2058,
  2059,
  2052,
  2053,
  2054,
  1025,
  1281,
  1537
];
function asksForOcsp(raw) {
  const view2 = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  let at2 = 38;
  at2 += 1 + view2.getUint8(at2);
  at2 += 2 + view2.getUint16(at2);
  at2 += 1 + view2.getUint8(at2);
  for (at2 += 2; at2 + 4 <= raw.length; at2 += 4 + view2.getUint16(at2 + 2)) if (view2.getUint16(at2) === 5) return true;
  return false;
}

// src/node/socket-options.ts
function checkedOptions(given) {
  const options = { ...given };
  if (options.enableTrace != null) validateBoolean(options.enableTrace, "options.enableTrace");
  if (options.ALPNProtocols && options.ALPNProtocols !== options.server?.ALPNProtocols)
    convertALPNProtocols(options.ALPNProtocols, options);
  if (options.ALPNCallback) validateFunction(options.ALPNCallback, "options.ALPNCallback");
  if (options.SNICallback) validateFunction(options.SNICallback, "options.SNICallback");
  if (options.pskCallback) validateFunction(options.pskCallback, "pskCallback");
  if (options.pskIdentityHint) validateString(options.pskIdentityHint, "options.pskIdentityHint");
  return options;
}
function contextOf(options) {
  const context = options.secureContext || options.credentials || createSecureContext(options);
  if (!(context instanceof SecureContextObject)) throw invalidContext("context");
  return context;
}

// src/node/tls-details.ts
import { createPublicKey as createPublicKey5, X509Certificate as X509Certificate7 } from "node:crypto";
var TlsDetails = class extends SocketFacade {
  #handle;
  /** As in Node: an object with the parts of the connection. Programs look at `ssl.verifyError()`. */
  get ssl() {
    if (this.#handle === void 0) this.#handle = new TlsHandle(this);
    return this.#handle;
  }
  /** As in Node, a socket that has closed has no `ssl`. */
  dropHandle() {
    this.#handle = null;
  }
  disableRenegotiation() {
  }
  /** Renegotiation is not spoken: the callback hears so, as it does with TLS 1.3 in Node. */
  renegotiate(options, callback) {
    validateObject2(options, "options");
    if (callback !== void 0) validateFunction(callback, "callback");
    if (this.destroyed) return void 0;
    const wrongVersion = renegotiationError();
    if (callback !== void 0) process.nextTick(callback, wrongVersion);
    return false;
  }
  exportKeyingMaterial(length, label2, context) {
    validateInteger(length, "length", 1, 2 ** 32 - 1);
    validateString(label2, "label");
    if (context !== void 0) validateBuffer(context, "context");
    if (!this._secureEstablished || this.connection === void 0) {
      throw nodeError("ERR_TLS_INVALID_STATE", "TLS socket connection must be securely established");
    }
    return Buffer.from(this.connection.exportKeyingMaterial(length, label2, context));
  }
  /**
   * Keying material that goes with early data (RFC 9846, Section 7.5): client, once it is sent; server, from `earlyData` on.
   * It has no forward secrecy, and a replay gives the same.
   */
  exportEarlyKeyingMaterial(length, label2, context = Buffer.alloc(0)) {
    validateInteger(length, "length", 1, 2 ** 32 - 1);
    validateString(label2, "label");
    validateBuffer(context, "context");
    if (this.connection === void 0) {
      throw nodeError("ERR_TLS_INVALID_STATE", "TLS socket has no early data: its handshake has not started");
    }
    return Buffer.from(this.connection.exportEarlyKeyingMaterial(length, label2, context));
  }
  /** Limits the plaintext of the records that are sent; 512 to 16384 bytes. */
  setMaxSendFragment(size) {
    validateInteger(size, "size", -(2 ** 31), 2 ** 31 - 1);
    if (size < 512 || size > 16384) return false;
    return this.negotiation.setMaxSendFragment(size);
  }
  setServername(name2) {
    validateString(name2, "name");
    if (this._tlsOptions.isServer)
      throw nodeError("ERR_TLS_SNI_FROM_SERVER", "Cannot issue SNI from a TLS server-side socket");
    this.negotiation.serverName = name2;
  }
  setSession(session) {
    if (session === void 0 || session === null) return;
    const bytes = typeof session === "string" ? Buffer.from(session, "latin1") : session;
    this.negotiation.offered = decodeSession(bytes);
  }
  setKeyCert(context) {
    const secureContext = context instanceof SecureContextObject ? context : createSecureContext(context);
    this.negotiation.keyContext = secureContext.context;
  }
  #open() {
    return this.destroyed ? void 0 : this.connection;
  }
  getPeerCertificate(detailed) {
    const none2 = null;
    if (this.destroyed) return none2;
    return peerCertificateObject(
      this.negotiation.peerChain(this.connection),
      detailed === true,
      this.negotiation.context
    );
  }
  /**
   * The peer's raw public key (RFC 7250), where it showed that: then there is no certificate, and `getPeerCertificate()` is
   * empty. Node lacks it.
   */
  getPeerRawPublicKey() {
    const connection = this.#open();
    const spki = connection?.connected ? connection.info.peerRawPublicKey : void 0;
    return spki && createPublicKey5({ key: Buffer.from(spki), format: "der", type: "spki" });
  }
  getCertificate() {
    if (this.destroyed) return null;
    const leaf = this.negotiation.localChain()?.[0];
    return leaf === void 0 ? {} : peerCertificateObject([leaf], false, this.negotiation.context);
  }
  getPeerX509Certificate() {
    const leaf = this.destroyed ? void 0 : this.negotiation.peerChain(this.connection)[0];
    if (leaf === void 0) return void 0;
    const certificate = new X509Certificate7(leaf);
    const issuer = issuerOf(certificate, this.negotiation.peerChain(this.connection), this.negotiation.context);
    if (issuer !== void 0)
      Object.defineProperty(certificate, "issuerCertificate", { value: issuer, configurable: true });
    return certificate;
  }
  getX509Certificate() {
    const leaf = this.destroyed ? void 0 : this.negotiation.localChain()?.[0];
    return leaf === void 0 ? void 0 : new X509Certificate7(leaf);
  }
  getCipher() {
    const connection = this.#open();
    if (connection?.connected) return cipherInfo(connection.info.cipherSuite);
    return connection === void 0 ? null : cipherInfo(0);
  }
  getSharedSigalgs() {
    return this.negotiation.sharedSigalgs().map(sigalgName);
  }
  /**
   * Server: the client's first message, raw, with its JA3 and JA4; until the listeners of `secureConnection` have run.
   * Node lacks it.
   */
  getClientHello() {
    return this.negotiation.clientHello();
  }
  getEphemeralKeyInfo() {
    if (this._tlsOptions.isServer || this.#open() === void 0) return null;
    return ephemeralKeyInfo(this.connection?.connected ? this.connection.info.group : void 0);
  }
  getFinished() {
    return this.negotiation.finished.sent;
  }
  getPeerFinished() {
    return this.negotiation.finished.received;
  }
  getProtocol() {
    const connection = this.#open();
    if (connection === void 0) return null;
    return connection.connected ? versionLabel(connection.info.version) : versionLabel(this.negotiation.context.maxVersion);
  }
  getSession() {
    return this.negotiation.currentSession(this.connection);
  }
  getTLSTicket() {
    return this.negotiation.currentTicket();
  }
  isSessionReused() {
    return this.connection?.connected === true && this.connection.info.resumed;
  }
  /** Whether the ClientHello came, or went, encrypted (RFC 9849): nobody in between has seen the name. Node lacks it. */
  get echAccepted() {
    return this.connection?.connected === true && this.connection.info.echAccepted;
  }
  /** Writes what happens on the connection to stderr. */
  enableTrace() {
    this.negotiation.tracing = true;
    if (this.connection !== void 0)
      process.emitWarning(
        "enableTrace() comes after the handshake began and shows nothing: give the option enableTrace"
      );
  }
  /** The extension of Node's: the names of the suite and group, for logs. */
  get cipherSuiteName() {
    const code2 = this.connection?.connected ? this.connection.info.cipherSuite : void 0;
    return code2 === void 0 ? void 0 : cipherSuite(code2)?.name;
  }
};
var TlsHandle = class {
  #socket;
  constructor(socket) {
    this.#socket = socket;
  }
  verifyError() {
    const { connection, negotiation } = this.#socket;
    return connection?.connected ? negotiation.settleVerdict(connection) : negotiation.verifyError;
  }
  getServername() {
    return this.#socket.servername || false;
  }
  getSession() {
    return this.#socket.getSession();
  }
  isSessionReused() {
    return this.#socket.isSessionReused();
  }
  getProtocol() {
    return this.#socket.getProtocol();
  }
  getALPNNegotiatedProtocol() {
    return this.#socket.alpnProtocol;
  }
};
function renegotiationError() {
  const error = nodeError("ERR_SSL_WRONG_SSL_VERSION", "error:0A00010A:SSL routines::wrong ssl version");
  return Object.assign(error, { library: "SSL routines", reason: "wrong ssl version" });
}

// src/node/tls-socket.ts
var ticketDelay = 5;
var TLSSocket = class extends TlsDetails {
  encrypted;
  authorized = false;
  authorizationError;
  alpnProtocol = null;
  servername = null;
  secureConnecting = true;
  server;
  /** As in Node; programs look at them though they are not documented. */
  _tlsOptions;
  _secureEstablished = false;
  _controlReleased = false;
  _requestCert;
  _rejectUnauthorized;
  /** Everything that the handshake learns, and the hooks of this connection. Not for users. */
  negotiation;
  #incoming;
  #connection;
  #started = false;
  #pumping = false;
  #ticketTimer;
  #handshakeTimer;
  #pumpAgain = false;
  #transportEnded = false;
  #pendingWrite;
  #pendingFinal;
  #resetting = false;
  /** Server: whether the program was told of early data. */
  #toldOfEarlyData = false;
  /** Client: what goes with the first flight. */
  #early;
  constructor(socket, options = {}) {
    if (socket && typeof socket.pause !== "function") throw invalidArgType("socket", "Duplex", socket);
    const tlsOptions = checkedOptions(options);
    const { context } = contextOf(tlsOptions);
    super({
      allowHalfOpen: socket ? socket.allowHalfOpen : tlsOptions.allowHalfOpen,
      highWaterMark: tlsOptions.highWaterMark
    });
    this.encrypted = true;
    this.authorizationError = null;
    this._tlsOptions = tlsOptions;
    this.server = tlsOptions.server;
    this._requestCert = !!tlsOptions.requestCert || !tlsOptions.isServer;
    this._rejectUnauthorized = !!tlsOptions.rejectUnauthorized;
    this.negotiation = new Negotiation(context);
    this.negotiation.tracing = tlsOptions.enableTrace ?? traceAll();
    this.#incoming = new Incoming(this, tlsOptions.onread);
    this.on("error", this._tlsError);
    if (!tlsOptions.isServer && tlsOptions.session) this.setSession(tlsOptions.session);
    if (tlsOptions.handshakeTimeout !== void 0 && tlsOptions.handshakeTimeout > 0)
      this.#startHandshakeTimer(tlsOptions.handshakeTimeout);
    if (socket) this.#wrap(socket);
    else this.connecting = true;
    if (tlsOptions.pauseOnConnect) this.pause();
    if (tlsOptions.signal) addAbortSignal(tlsOptions.signal, this);
    if (tlsOptions.isServer) process.nextTick(start, this);
  }
  // ---- the transport ----
  /** Takes a socket that is there already: what it still has to send goes first, what comes from now on is TLS. */
  #wrap(socket) {
    this.adopt(socket);
    if (socket instanceof Socket4) {
      this._parent = socket;
      this.connecting = socket.connecting || socket.pending;
      if (this.connecting) {
        socket.once("connect", () => {
          this.connecting = false;
          this.emit("connect");
        });
      }
      if (!this._tlsOptions.isServer || socket.listenerCount("data") > 0) {
        socket.removeAllListeners("data");
        socket.removeAllListeners("readable");
      }
    }
    socket.on("error", (error) => this.#transportFailed(error));
    this.#own(socket);
  }
  #own(transport) {
    own(transport, this);
    if (transport.destroyed) process.nextTick(() => this.destroy());
  }
  #transportFailed(error) {
    if (error.code === "EPIPE" && !this.writableNeedDrain && this.writableLength === 0) {
      this.destroy();
      return;
    }
    if (this.negotiation.bridged) {
      this.transport?.destroy();
      setImmediate(() => setImmediate(() => this.destroy(error)));
      return;
    }
    if (this._controlReleased) this.destroy(error);
    else this._emitTLSError(error);
  }
  connect(...args) {
    const callback = args.findLast((arg) => typeof arg === "function");
    if (callback !== void 0) this.once("connect", callback);
    if (this.destroyed) return this;
    if (this.transport !== void 0) {
      const { connecting } = this.transport;
      if (connecting) return this;
    }
    const transport = new Socket4(transportOptions(args[0]));
    this.equip(transport);
    this.connecting = true;
    transport.on("error", (error) => this.destroy(error));
    for (const event of ["lookup", "connectionAttempt", "connectionAttemptFailed", "connectionAttemptTimeout"]) {
      transport.on(event, (...values) => {
        if (event === "lookup") this._host = values[3];
        this.emit(event, ...values);
      });
    }
    transport.once("connect", () => {
      this.connecting = false;
      this._unrefTimer();
      this.emit("connect");
      this._start();
      this.emit("ready");
    });
    this.#own(transport);
    this._unrefTimer();
    connectTransport(transport, args);
    return this;
  }
  /** Starts the handshake; for sockets that connect by themselves, once they are connected. */
  _start() {
    if (this.#started) return;
    if (this.connecting) {
      this.once("connect", this._start);
      return;
    }
    const transport = this.transport;
    if (transport === void 0 || this.destroyed) return;
    this.#started = true;
    if (this._tlsOptions.earlyData === true && this.#pendingWrite === void 0) this._tlsOptions.earlyData = void 0;
    const { earlyData } = this._tlsOptions;
    try {
      this.#connection = createConnection(this, () => this.#pump());
    } catch (error) {
      this._hadError = true;
      process.nextTick(() => this.destroy(toNodeError(error)));
      return;
    }
    startReading(transport);
    if (earlyData !== void 0 && !this._tlsOptions.isServer) {
      this.negotiation.drive();
      this.#early = new ClientEarlyData(this.#connection, earlyData, this.#pendingWrite?.chunks ?? []);
      this.#early.send();
    }
    this.#pump();
  }
  // ---- the engine ----
  #pump() {
    const connection = this.#connection;
    if (connection === void 0) return;
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = true;
    const wasSecure = this._secureEstablished;
    try {
      do {
        this.#pumpAgain = false;
        this.negotiation.drive();
        this.negotiation.collectSessions();
        if (connection.connected && !this._secureEstablished && !this.destroyed && this.negotiation.sealing === 0)
          this.#finishHandshake(connection);
        this.#deliver(connection);
      } while (this.#pumpAgain);
    } finally {
      this.#pumping = false;
      if (connection.error !== void 0 && this.negotiation.silent(connection.error)) connection.takeOutgoing();
      if (!wasSecure && this._secureEstablished && this.#mayHoldTickets(connection)) this.#holdTickets(connection);
      else this.#flush(connection);
    }
    if (connection.closed) this.#closed(connection);
    else if (connection.peerClosed) this.#incoming.end();
    else if (!connection.wantsMoreInput) this.#incoming.pause();
    else if (!this.#incoming.full) this.#incoming.resume();
  }
  #finishHandshake(connection) {
    const { info } = connection;
    this.alpnProtocol = info.alpnProtocol ?? false;
    if (this.servername === null) this.servername = info.serverName ?? false;
    if (!this._tlsOptions.isServer && this._tlsOptions.requestOCSP) {
      this.emit("OCSPResponse", info.ocspResponse === void 0 ? null : Buffer.from(info.ocspResponse));
      if (this.destroyed) return;
    }
    this._finishInit();
    this.negotiation.releaseHello();
  }
  _finishInit() {
    if (this.destroyed) return;
    this._secureEstablished = true;
    this.#endHandshakeTimer();
    const early = this.#early;
    early?.repeat();
    this.emit("secure");
    const write = this.#pendingWrite;
    if (write !== void 0 && !this.destroyed) {
      this.#pendingWrite = void 0;
      if (early?.isWrite && early.accepted) {
        this.plaintextWritten += early.size;
        write.done();
      } else {
        this.#encrypt(write.chunks, write.done);
      }
    }
    const final = this.#pendingFinal;
    if (final !== void 0 && !this.destroyed && this.#pendingWrite === void 0) {
      this.#pendingFinal = void 0;
      this._final(final);
    }
  }
  #deliver(connection) {
    this.negotiation.deliverSessions(this);
    for (const chunk of connection.takeApplicationData()) this.#deliverChunk(chunk);
    if (this._tlsOptions.isServer) this.#tellOfEarlyData(connection);
  }
  #deliverChunk(chunk) {
    if (this.destroyed || this.#incoming.ended || chunk.length === 0) return;
    this.plaintextRead += chunk.length;
    this.#incoming.deliver(chunk);
  }
  /**
   * Client: what is written before the handshake starts may go with its first flight (0-RTT), and can then be replayed
   * by who records it. For `handfast/https`.
   */
  _offerEarlyWrites() {
    if (!this.#started) this._tlsOptions.earlyData = true;
  }
  /** Whether the option `earlyData` (client) or the beginning of the data (server) went with the first flight, and was taken. */
  get earlyDataAccepted() {
    const connection = this.#connection;
    if (connection === void 0) return false;
    if (!this._tlsOptions.isServer) return this.#early?.accepted ?? false;
    return connection.connected ? connection.info.earlyData === "accepted" : this.#toldOfEarlyData;
  }
  /** Server: what has come before the handshake is done is early data; the program may answer it at once. */
  #tellOfEarlyData(connection) {
    if (this._secureEstablished || this.#toldOfEarlyData || this.plaintextRead === 0 || !connection.writable) return;
    this.#toldOfEarlyData = true;
    this.server?.emit("earlyData", this);
  }
  /** The engine has closed: with an error, or after both sides' close_notify. */
  #closed(connection) {
    const { error } = connection;
    if (error === void 0 || this._hadError || this.destroyed) {
      this.#incoming.end();
      return;
    }
    if (this.#transportEnded && this._secureEstablished && !(error.code === "ERR_TLS_ALERT_RECEIVED")) {
      this.#incoming.end();
      return;
    }
    if (this.#transportEnded && !this._secureEstablished && isTruncation(error)) {
      this.#incoming.end();
      return;
    }
    this._hadError = true;
    const shown = toNodeError(error);
    if (this._secureEstablished) this._emitTLSError(shown);
    this.destroy(this._secureEstablished ? void 0 : shown);
  }
  /** A server that has just finished a TLS 1.3 handshake has nothing to send but tickets. */
  #mayHoldTickets(connection) {
    return this._tlsOptions.isServer === true && !connection.closed && connection.info.version === 772;
  }
  /** Tickets wait a moment for the first answer, to go out in one write with it; a silent server sends them alone. */
  #holdTickets(connection) {
    this.#ticketTimer = setTimeout(() => this.#flush(connection), ticketDelay);
    this.#ticketTimer.unref();
  }
  #flush(connection, done) {
    if (this.#ticketTimer !== void 0) {
      clearTimeout(this.#ticketTimer);
      this.#ticketTimer = void 0;
    }
    sendOutgoing(connection, this.transport, done);
  }
  // ---- the stream hooks ----
  _read() {
    this.#incoming.drained();
  }
  resume() {
    super.resume();
    this.#incoming.release();
    return this;
  }
  _write(chunk, encoding, done) {
    this.#encrypt([asBytes2(chunk, encoding)], done);
  }
  _writev(chunks, done) {
    this.#encrypt(joinSmall(chunks), done);
  }
  #encrypt(chunks, done) {
    const connection = this.#connection;
    if (connection === void 0 || !(this._secureEstablished || this.#toldOfEarlyData && connection.writable)) {
      this.#pendingWrite = { chunks, done };
      if (!this.#started) this._start();
      return;
    }
    if (connection.closed) {
      done(nodeError("EPIPE", "write EPIPE: the TLS connection is closed"));
      return;
    }
    this._unrefTimer();
    for (const chunk of chunks) this.plaintextWritten += chunk.length;
    encryptAll(connection, this.transport, chunks);
    this.#flush(connection, done);
  }
  _final(done) {
    const connection = this.#connection;
    const transport = this.transport;
    if (transport === void 0 || transport.destroyed) {
      done();
      return;
    }
    if ((connection === void 0 || !this._secureEstablished) && !this.#transportEnded && !connection?.closed) {
      this.#pendingFinal = done;
      if (!this.#started) this._start();
      return;
    }
    if (connection !== void 0 && !connection.closed) {
      connection.closeWrite();
      this.#flush(connection);
    }
    transport.end(() => done());
    if (!this.#incoming.full) this.#incoming.resume();
  }
  destroy(error) {
    if (!this.destroyed) super.setTimeout(0);
    return super.destroy(error);
  }
  _destroy(error, done) {
    this.connecting = false;
    clearTimeout(this.#ticketTimer);
    this.#endHandshakeTimer();
    const hadError = error !== null && error !== void 0;
    const connection = this.#connection;
    const transport = this.transport;
    if (connection !== void 0) {
      if (connection.error !== void 0) this.#flush(connection);
      else connection.takeOutgoing();
      if (!connection.closed) connection.close();
    }
    const write = this.#pendingWrite;
    this.#pendingWrite = void 0;
    this.#pendingFinal = void 0;
    const finish = () => {
      this.dropHandle();
      this.emit("close", hadError);
    };
    if (write !== void 0) write.done(nodeError("ECANCELED", "write ECANCELED", Error, error ?? void 0));
    done(error);
    if (transport === void 0 || transport.closed) {
      process.nextTick(finish);
    } else {
      stopReading(transport);
      transport.once("close", finish);
      closeTransport(transport, this.#resetting);
    }
  }
  resetAndDestroy() {
    this.#resetting = true;
    return this.destroy();
  }
  /** The transport has ended. */
  transportEnded() {
    if (this.#transportEnded) return;
    this.#transportEnded = true;
    const connection = this.#connection;
    if (connection !== void 0 && !connection.closed) {
      connection.receiveEnd();
      this.#pump();
    }
    this.#incoming.end();
    const final = this.#pendingFinal;
    if (final !== void 0) {
      this.#pendingFinal = void 0;
      this._final(final);
    }
  }
  /** The transport has closed. */
  transportClosed() {
    if (this.#transportEnded || this.negotiation.bridged && this.transport?.errored) return;
    const { errored } = this.transport;
    this.destroy(errored ?? void 0);
  }
  /** Bytes of the transport; whether they are nobody else's. */
  transportData(chunk, fresh) {
    const connection = this.#connection;
    if (connection === void 0 || this.destroyed || connection.closed) return;
    if (typeof chunk === "string" || this.transport?.readableObjectMode) {
      this.destroy(nodeError("ERR_STREAM_WRAP", "Stream has StringDecoder set or is in objectMode"));
      return;
    }
    this._unrefTimer();
    connection.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), fresh);
    this.#pump();
  }
  /** For those who answer the engine later. */
  wake() {
    this.#pump();
  }
  /** The engine's connection, once the handshake has started. */
  get connection() {
    return this.#connection;
  }
  // ---- errors before the connection belongs to the program ----
  /** A limit for all of the handshake, not for each pause in it: who sends a byte now and then may not keep it open for ever. */
  #startHandshakeTimer(milliseconds) {
    this.#handshakeTimer = setTimeout(() => this._handleTimeout(), milliseconds);
    this.#handshakeTimer.unref();
  }
  #endHandshakeTimer() {
    if (this.#handshakeTimer === void 0) return;
    clearTimeout(this.#handshakeTimer);
    this.#handshakeTimer = void 0;
  }
  _handleTimeout() {
    this._emitTLSError(nodeError("ERR_TLS_HANDSHAKE_TIMEOUT", "TLS handshake timeout"));
  }
  _emitTLSError(error) {
    const shown = this._tlsError(error);
    if (shown) this.emit("error", shown);
  }
  _tlsError(error) {
    this.emit("_tlsError", error);
    return this._controlReleased ? error : null;
  }
  _releaseControl() {
    if (this._controlReleased) return false;
    this._controlReleased = true;
    this.removeListener("error", this._tlsError);
    return true;
  }
  _destroySSL() {
    this.#connection?.close();
  }
};
function start(socket) {
  socket._start();
}
function isTruncation(error) {
  return error.code === "ERR_TLS_CONNECTION_ENDED";
}

// src/node/tls-connect.ts
var connectOptions = /* @__PURE__ */ Symbol("handfast.connect");
var warnedOfAddress = false;
var warnedOfUnauthorized = false;
function readArguments(args) {
  const callback = args.findLast((arg) => typeof arg === "function");
  const [first, second] = args;
  if (Array.isArray(first)) return readArguments(first);
  let options = {};
  if (typeof first === "object" && first !== null) {
    options = first;
  } else if (typeof first === "string" && !(Number(first) >= 0 && first.trim() !== "")) {
    options = { path: first };
  } else if (first !== void 0 && typeof first !== "function") {
    options = { port: first };
    if (typeof second === "string") options.host = second;
  }
  for (const extra2 of [args[1], args[2]]) {
    if (extra2 !== null && typeof extra2 === "object") {
      Object.assign(options, extra2);
      break;
    }
  }
  return [options, callback];
}
function allowsUnauthorized() {
  const allowed = process.env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
  if (allowed && !warnedOfUnauthorized) {
    warnedOfUnauthorized = true;
    process.emitWarning(
      "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests insecure by disabling certificate verification."
    );
  }
  return allowed;
}
function checkServername(name2) {
  if (isIP3(name2) === 0) return;
  if (nodeMajor2 >= 25) {
    throw invalidArgValue("options.servername", name2, "Setting the TLS ServerName to an IP address is not permitted.");
  }
  if (warnedOfAddress) return;
  warnedOfAddress = true;
  process.emitWarning(
    "Setting the TLS ServerName to an IP address is not permitted by RFC 6066. This will be ignored in a future version.",
    "DeprecationWarning",
    "DEP0123"
  );
}
function connect(...args) {
  const [given, callback] = readArguments(args);
  const options = {
    rejectUnauthorized: !allowsUnauthorized(),
    ciphers: settings.exports.DEFAULT_CIPHERS,
    checkServerIdentity: settings.exports.checkServerIdentity ?? checkServerIdentity,
    minDHSize: 1024,
    ...given
  };
  validateFunction(options.checkServerIdentity, "options.checkServerIdentity");
  validateNumber(options.minDHSize, "options.minDHSize", 1);
  if (options.revocation !== void 0 && !["stapled", "required"].includes(options.revocation))
    throw invalidArgValue("options.revocation", options.revocation, "must be 'stapled' or 'required'");
  if (options.echConfigList !== void 0) validateBuffer(options.echConfigList, "options.echConfigList");
  if (options.servername) checkServername(options.servername);
  const secureContext = options.secureContext || settings.exports.createSecureContext(options);
  const socket = new TLSSocket(options.socket, {
    allowHalfOpen: options.allowHalfOpen,
    pipe: !!options.path,
    secureContext,
    isServer: false,
    requestCert: true,
    rejectUnauthorized: options.rejectUnauthorized !== false,
    session: options.session,
    ALPNProtocols: options.ALPNProtocols,
    requestOCSP: options.requestOCSP,
    revocation: options.revocation,
    enableTrace: options.enableTrace,
    pskCallback: options.pskCallback,
    highWaterMark: options.highWaterMark,
    onread: options.socket ? void 0 : options.onread,
    signal: options.signal,
    earlyData: options.earlyData,
    echConfigList: options.echConfigList,
    echRequired: options.echRequired,
    echGrease: options.echGrease
  });
  options.rejectUnauthorized = options.rejectUnauthorized !== false;
  socket[connectOptions] = options;
  if (callback) socket.once("secureConnect", callback);
  if (!options.socket) {
    if (options.timeout) socket.setTimeout(options.timeout);
    socket.connect(options, socket._start);
  }
  socket._releaseControl();
  if (options.servername) socket.setServername(options.servername);
  socket.on("secure", onSecure);
  socket.prependListener("end", onEnd2);
  if (options.socket) socket._start();
  return socket;
}
function onSecure() {
  const options = this[connectOptions];
  let error = this.negotiation.settleVerdict(this.connection);
  const { resumption: resumption2, peerRawPublicKey } = this.connection.info;
  if (!error && resumption2 !== "externalPsk" && peerRawPublicKey === void 0) {
    const hosted = options.socket;
    const host = options.servername || options.host || hosted?._host || "localhost";
    error = options.checkServerIdentity(host, this.getPeerCertificate(true));
  }
  if (error) {
    this.authorized = false;
    this.authorizationError = error.code || error.message;
    if (options.rejectUnauthorized !== false) {
      this.destroy(error);
      return;
    }
  } else {
    this.authorized = true;
  }
  this.secureConnecting = false;
  this.emit("secureConnect");
  this.negotiation.releaseSessions(this);
  this.removeListener("end", onEnd2);
}
function onEnd2() {
  if (this._hadError) return;
  const { path, host, port, localAddress } = this[connectOptions];
  this._hadError = true;
  const error = connectionReset("Client network socket disconnected before secure TLS connection was established");
  this.destroy(Object.assign(error, { path, host, port, localAddress }));
}

// src/node/tls-server.ts
import { createHash as createHash6 } from "node:crypto";
import { captureRejectionSymbol } from "node:events";
import { Server as NetServer } from "node:net";
import { deprecate } from "node:util";

// src/node/inherit.ts
function inherit(derived, base, name2) {
  Object.setPrototypeOf(derived.prototype, base.prototype);
  Object.setPrototypeOf(derived, base);
  Object.defineProperty(derived, "name", { value: name2 });
}

// src/node/tls-server.ts
var state = /* @__PURE__ */ Symbol("handfast.server");
var errorEmitted = /* @__PURE__ */ Symbol("handfast.errorEmitted");
function initServer(server2, options) {
  server2._contexts = [];
  server2.requestCert = options.requestCert === true;
  server2.rejectUnauthorized = options.rejectUnauthorized !== false;
  server2.ALPNCallback = options.ALPNCallback;
  if (options.ALPNCallback && options.ALPNProtocols) {
    throw nodeError(
      "ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS",
      "The ALPNCallback and ALPNProtocols TLS options are mutually exclusive",
      TypeError
    );
  }
  if (options.sessionTimeout) server2["sessionTimeout"] = options.sessionTimeout;
  if (options.ticketKeys) server2["ticketKeys"] = options.ticketKeys;
  if (options.ALPNProtocols) convertALPNProtocols(options.ALPNProtocols, server2);
  methods.setSecureContext.call(server2, options);
  const handshakeTimeout = options.handshakeTimeout || 12e4;
  validateNumber(handshakeTimeout, "options.handshakeTimeout");
  if (options.SNICallback) validateFunction(options.SNICallback, "options.SNICallback");
  if (options.pskCallback) validateFunction(options.pskCallback, "options.pskCallback");
  if (options.pskIdentityHint) validateString(options.pskIdentityHint, "options.pskIdentityHint");
  server2[state] = {
    handshakeTimeout,
    sniCallback: options.SNICallback || void 0,
    pskCallback: options.pskCallback || void 0,
    pskIdentityHint: options.pskIdentityHint || void 0,
    enableTrace: options.enableTrace
  };
}
function ServerFunction(options, listener) {
  if (!(this instanceof Server))
    return new Server(options, listener);
  const self = this;
  let given = options;
  let onSecure3 = listener;
  if (typeof given === "function") {
    onSecure3 = given;
    given = {};
  } else if (given === void 0 || given === null) {
    given = {};
  } else if (typeof given !== "object") {
    throw invalidArgType("options", "Object", given);
  }
  initServer(self, given);
  callNetServer(self, given);
  useSessions(self, given);
  self.on("connection", onConnection);
  if (onSecure3) self.on("secureConnection", onSecure3);
  return void 0;
}
function useSessions(server2, { sessions, maxEarlyData: maxEarlyData2, replayRecord }) {
  if (replayRecord !== void 0 && replayRecord !== "complete") {
    throw invalidArgValue("options.replayRecord", replayRecord, "must be 'complete' or undefined");
  }
  if (maxEarlyData2 !== void 0) {
    validateInteger(maxEarlyData2, "options.maxEarlyData", 0, 2 ** 32 - 1);
    resumptionOf(server2).allowEarlyData(maxEarlyData2, replayRecord);
  }
  if (sessions !== void 0) resumptionOf(server2).use(sessions);
}
function callNetServer(self, options) {
  NetServer.call(self, options);
}
var Server = ServerFunction;
inherit(Server, NetServer, "Server");
var mixed = /* @__PURE__ */ new WeakSet();
function mixInto(prototype) {
  for (const [name2, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name2, { value, configurable: true, writable: true });
  }
  Object.defineProperty(prototype, captureRejectionSymbol, { value: onRejection, configurable: true, writable: true });
  mixed.add(prototype);
}
Object.defineProperty(Server, Symbol.hasInstance, {
  value(value) {
    if (typeof value !== "object" || value === null) return false;
    for (let at2 = Object.getPrototypeOf(value); at2 !== null; at2 = Object.getPrototypeOf(at2)) {
      if (at2 === this.prototype) return true;
      if (this === Server && mixed.has(at2)) return true;
    }
    return false;
  }
});
function createServer(options, listener) {
  return new Server(options, listener);
}
function onConnection(raw) {
  const server2 = this;
  const { handshakeTimeout, sniCallback, pskCallback, pskIdentityHint, enableTrace } = server2[state];
  const socket = new TLSSocket(raw, {
    secureContext: server2._sharedCreds,
    isServer: true,
    server: server2,
    requestCert: server2.requestCert,
    rejectUnauthorized: server2.rejectUnauthorized,
    handshakeTimeout,
    ALPNProtocols: server2.ALPNProtocols,
    ALPNCallback: server2.ALPNCallback,
    SNICallback: sniCallback,
    enableTrace,
    pauseOnConnect: server2.pauseOnConnect,
    pskCallback,
    pskIdentityHint
  });
  socket.on("secure", onSecure2);
  if (server2.listenerCount("keylog") > 0) socket.on("keylog", onKeylog);
  socket[errorEmitted] = false;
  socket.on("close", onClose2);
  socket.on("_tlsError", onTlsError);
  socket._start();
}
function onSecure2() {
  if (this._requestCert) {
    const error = this.negotiation.settleVerdict(this.connection);
    if (error !== null) {
      this.authorizationError = error.code;
      if (this._rejectUnauthorized) this.destroy();
    } else {
      this.authorized = true;
    }
  }
  if (!this.destroyed && this._releaseControl()) {
    this.secureConnecting = false;
    this._tlsOptions.server.emit("secureConnection", this);
  }
}
function onTlsError(error) {
  if (this._controlReleased || this[errorEmitted]) return;
  this[errorEmitted] = true;
  this._tlsOptions.server.emit("tlsClientError", error, this);
}
function onKeylog(line) {
  this._tlsOptions.server.emit("keylog", line, this);
}
function onClose2(hadError) {
  if (hadError || this._controlReleased || this[errorEmitted]) return;
  this[errorEmitted] = true;
  const reset = connectionReset("socket hang up", this.negotiation.verifyError ?? void 0);
  this._tlsOptions.server.emit("tlsClientError", reset, this);
}
var contextFields = [
  "pfx",
  "key",
  "passphrase",
  "cert",
  "clientCertEngine",
  "ca",
  "minVersion",
  "maxVersion",
  "secureProtocol",
  "crl",
  "ciphers",
  "dhparam"
];
function defaultSessionIdContext() {
  return createHash6("sha1").update(process.argv.join(" ")).digest("hex").slice(0, 32);
}
var methods = {
  setSecureContext(options) {
    validateObject2(options, "options");
    refuseDhParam(options.dhparam || void 0);
    const loose = options;
    for (const field of contextFields) this[field] = loose[field] ? loose[field] : void 0;
    this["sigalgs"] = options.sigalgs;
    this["ecdhCurve"] = options.ecdhCurve;
    this["honorCipherOrder"] = options.honorCipherOrder !== void 0 ? !!options.honorCipherOrder : true;
    this["secureOptions"] = options.secureOptions || void 0;
    this["sessionIdContext"] = options.sessionIdContext || defaultSessionIdContext();
    if (options.sessionTimeout) this["sessionTimeout"] = options.sessionTimeout;
    if (options.ticketKeys) this["ticketKeys"] = options.ticketKeys;
    this["privateKeyIdentifier"] = loose["privateKeyIdentifier"];
    this["privateKeyEngine"] = loose["privateKeyEngine"];
    const made = {
      sign: options.sign,
      signInThreadPool: options.signInThreadPool,
      groups: options.groups,
      identity: options.identity,
      echKeys: options.echKeys,
      rawPublicKeys: options.rawPublicKeys,
      allowPartialTrustChain: options.allowPartialTrustChain,
      certificateCompression: options.certificateCompression
    };
    for (const field of [
      ...contextFields,
      "sigalgs",
      "ecdhCurve",
      "honorCipherOrder",
      "secureOptions",
      "sessionIdContext",
      "sessionTimeout",
      "ticketKeys",
      "privateKeyIdentifier",
      "privateKeyEngine"
    ]) {
      made[field] = this[field];
    }
    this._sharedCreds = settings.exports.createSecureContext(made);
    const { ticketKeys } = this._sharedCreds.context;
    if (ticketKeys !== void 0) resumptionOf(this).setTicketKeys(ticketKeys);
  },
  /** For cluster: what workers of one server share. */
  _getServerData() {
    return { ticketKeys: resumptionOf(this).getTicketKeys().toString("hex") };
  },
  _setServerData(data) {
    resumptionOf(this).setTicketKeys(Buffer.from(data.ticketKeys, "hex"));
  },
  getTicketKeys() {
    return resumptionOf(this).getTicketKeys();
  },
  setTicketKeys(keys) {
    validateBuffer(keys);
    if (keys.byteLength !== 48) {
      throw nodeError("ERR_ASSERTION", "Session ticket keys must be a 48-byte buffer");
    }
    resumptionOf(this).setTicketKeys(Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength));
  },
  setOptions: deprecate(
    function(options) {
      this.requestCert = options.requestCert === true;
      this.rejectUnauthorized = options.rejectUnauthorized !== false;
      const loose = options;
      for (const field of [...contextFields, "sigalgs", "ecdhCurve", "sessionTimeout", "ticketKeys", "secureOptions"]) {
        if (loose[field]) this[field] = loose[field];
      }
      this["honorCipherOrder"] = options.honorCipherOrder !== void 0 ? !!options.honorCipherOrder : true;
      if (options.ALPNProtocols) convertALPNProtocols(options.ALPNProtocols, this);
      this["sessionIdContext"] = options.sessionIdContext || defaultSessionIdContext();
      if (options.pskCallback) this[state].pskCallback = options.pskCallback;
      if (options.pskIdentityHint) this[state].pskIdentityHint = options.pskIdentityHint;
    },
    "Server.prototype.setOptions() is deprecated",
    "DEP0122"
  ),
  addContext(servername, context) {
    if (!servername) {
      throw nodeError("ERR_TLS_REQUIRED_SERVER_NAME", '"servername" is required parameter for Server.addContext');
    }
    const pattern = servername.toLowerCase().replace(/([.^$+?\-\\[\]{}])/g, "\\$1").replaceAll("*", "[^.]*");
    const made = context instanceof SecureContextObject ? context : createSecureContext(context);
    if (!(context instanceof SecureContextObject) && context.requestCert !== void 0) {
      const { requestCert, rejectUnauthorized } = context;
      made.context.clientCertificate = !requestCert ? "none" : rejectUnauthorized === false ? "request" : "require";
    }
    this._contexts.push([new RegExp(`^${pattern}$`), made.context]);
  }
};
function onRejection(error, event, ...args) {
  if (event === "secureConnection") {
    args[0].destroy(error);
    return;
  }
  const inherited = NetServer.prototype[captureRejectionSymbol];
  if (inherited === void 0) throw error;
  inherited.call(this, error, event, ...args);
}
mixInto(Server.prototype);

// src/node/tls.ts
var TLSSocket2 = TLSSocket;
var Server2 = Server;
var SecureContext = new Proxy(SecureContextObject, {
  apply: (target, _self, args) => new target(...args)
});
var PairEnd = class extends Duplex2 {
  other;
  #resume;
  _read() {
    const resume = this.#resume;
    this.#resume = void 0;
    resume?.();
  }
  _write(chunk, _encoding, done) {
    if (chunk.length === 0) {
      process.nextTick(done);
      return;
    }
    this.other.#resume = done;
    this.other.push(chunk);
  }
  _final(done) {
    this.other.on("end", done);
    this.other.push(null);
  }
};
var SecurePair = class extends EventEmitter {
  server;
  credentials;
  encrypted;
  cleartext;
  constructor(context = createSecureContext(), isServer = false, requestCert = !isServer, rejectUnauthorized = false, options = {}) {
    super();
    if (context && !(context instanceof SecureContextObject)) throw invalidContext("context");
    const outside = new PairEnd();
    const inside = new PairEnd();
    outside.other = inside;
    inside.other = outside;
    this.server = options.server;
    this.credentials = context;
    this.encrypted = outside;
    this.cleartext = new TLSSocket(inside, {
      secureContext: this.credentials,
      isServer,
      requestCert,
      rejectUnauthorized,
      ...options
    });
    this.cleartext.once("secure", () => this.emit("secure"));
  }
  destroy() {
    this.cleartext.destroy();
    this.encrypted.destroy();
  }
};
var createSecurePair = deprecate2(
  (...args) => new SecurePair(...args),
  "tls.createSecurePair() is deprecated. Please use tls.TLSSocket instead.",
  "DEP0064"
);
var tls = {
  ...defaults,
  getCiphers,
  get rootCertificates() {
    return rootCertificates2;
  },
  convertALPNProtocols,
  checkServerIdentity,
  createSecureContext,
  SecureContext,
  TLSSocket: TLSSocket2,
  Server: Server2,
  createServer,
  connect,
  createSecurePair,
  getCACertificates,
  getCertificateCompressionAlgorithms,
  createEchKey: createEchKey2,
  setDefaultCACertificates
};
settings.exports = tls;
var tls_default = tls;
var connectTyped = tls.connect;
var createServerTyped = tls.createServer;
var createContextTyped = tls.createSecureContext;
var {
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  DEFAULT_MIN_VERSION,
  DEFAULT_MAX_VERSION,
  CLIENT_RENEG_LIMIT,
  CLIENT_RENEG_WINDOW
} = defaults;

// bench/answer.ts
function answerQuestions(server2) {
  server2.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
    const address = server2.address();
    process.send?.({ port: typeof address === "object" ? address?.port : void 0 });
  });
  process.on("message", (message) => {
    if (message === "usage") {
      const { user, system: system2 } = process.cpuUsage();
      process.send?.({ cpu: user + system2 });
    }
    if (message === "memory") {
      globalThis.gc?.();
      process.send?.({ rss: process.memoryUsage().rss });
    }
  });
  process.on("disconnect", () => process.exit());
}

// bench/server.ts
var jobs = ["echo", "send", "receive"];
var [kind, resumption, keyFile, chainFile] = process.argv.slice(2);
var keyPem = readFileSync3(keyFile, "utf8");
var chainPem = readFileSync3(chainFile, "utf8");
var block2 = new Uint8Array(256 * 1024).fill(7);
function serve(stream) {
  let job;
  let received2 = 0;
  let wanted = 0;
  return (bytes) => {
    if (job === void 0) {
      job = jobs[bytes[0]] ?? "echo";
      wanted = bytes.length >= 5 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(1) : 0;
      bytes = bytes.subarray(job === "echo" ? 1 : 5);
      if (job === "send") return send3(stream, wanted);
    }
    if (job === "echo") {
      if (bytes.length > 0) stream.write(bytes);
      return;
    }
    received2 += bytes.length;
    if (received2 >= wanted) stream.write(Uint8Array.of(1));
  };
}
function send3(stream, left) {
  while (left > 0) {
    const bytes = left >= block2.length ? block2 : block2.subarray(0, left);
    left -= bytes.length;
    if (!stream.write(bytes) && left > 0) {
      const rest = left;
      stream.onDrain(() => send3(stream, rest));
      return;
    }
  }
}
function createSessions(crypto) {
  if (resumption === "none") return void 0;
  const clock2 = { now: Date.now };
  const keyring = new TicketKeyring({ crypto, clock: clock2 });
  const store = new MemoryStore({ clock: clock2 });
  return new ServerSessions({ crypto, keyring, store, tls12Tickets: resumption === "ticket" });
}
function engineServer() {
  const crypto = createNodeCrypto();
  const signer = localSigner(crypto.importPrivateKey(decodePem(keyPem)[0]?.bytes ?? new Uint8Array(0)));
  const sessions = createSessions(crypto);
  const options = {
    crypto,
    credentials: [{ chain: decodePem(chainPem).map(({ bytes }) => bytes), signer, identity: "bench" }],
    groups: ["x25519", "secp256r1"],
    ...sessions && { sessions }
  };
  const host = serverHost(options);
  return createNetServer({ noDelay: true }, (socket) => {
    const connection = new ServerConnection(options);
    const flush = () => {
      const outgoing = connection.takeOutgoing();
      if (outgoing.length === 0) return true;
      if (outgoing.length === 1) return socket.write(outgoing[0]);
      socket.cork();
      let open3 = true;
      for (const bytes of outgoing) open3 = socket.write(bytes);
      socket.uncork();
      return open3;
    };
    const job = serve({
      write(bytes) {
        connection.write(bytes);
        return flush();
      },
      onDrain: (callback) => void socket.once("drain", callback)
    });
    const advance = () => {
      const progress = drive(connection, host, advance);
      for (const bytes of connection.takeApplicationData()) job(bytes);
      flush();
      if (progress.state === "closed" || connection.peerClosed) socket.end();
    };
    socket.on("data", (bytes) => {
      connection.receive(bytes, true);
      advance();
    });
    socket.on("error", () => {
    });
  });
}
async function tlsServer(tls2) {
  const options = {
    key: keyPem,
    cert: chainPem,
    ecdhCurve: "X25519:P-256",
    noDelay: true
  };
  const store = /* @__PURE__ */ new Map();
  const server2 = tls2.createServer(options, (socket) => {
    const job = serve({
      write: (bytes) => socket.write(bytes),
      onDrain: (callback) => void socket.once("drain", callback)
    });
    socket.on("data", job);
    socket.on("error", () => {
    });
  });
  if (resumption === "sessionId") {
    server2.on("newSession", (id, data, done) => {
      store.set(id.toString("hex"), data);
      done();
    });
    server2.on("resumeSession", (id, done) => {
      done(null, store.get(id.toString("hex")) ?? null);
    });
  }
  return server2;
}
var server = kind === "engine" ? engineServer() : await tlsServer(kind === "node" ? nodeTls2 : tls_default);
answerQuestions(server);
/*! Bundled license information:

@noble/curves/utils.js:
  (*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) *)

@noble/post-quantum/utils.js:
@noble/post-quantum/_crystals.js:
@noble/post-quantum/ml-kem.js:
  (*! noble-post-quantum - MIT License (c) 2024 Paul Miller (paulmillr.com) *)
*/
