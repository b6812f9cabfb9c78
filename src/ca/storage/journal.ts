import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { caError } from '../error.ts';
import { syncFolder } from './files.ts';

/** One line of a journal: what happened, and the hash of the line before. */
export type JournalEntry = {
  /** Number of the entry, from 1. */
  readonly n: number;
  /** When it was written, ISO 8601. */
  readonly at: string;
  readonly type: string;
} & { readonly [field: string]: unknown };

/** What is appended; number, time and hash are added. */
export type JournalBody = { readonly type: string } & { readonly [field: string]: unknown };

/** States that the journal had `n` entries of which the last has this hash (hexadecimal SHA-256 of its line). */
export interface JournalHead {
  readonly n: number;
  readonly hash: string;
  readonly at: string;
  /** Base64 of the signature over {@link headText}. */
  readonly signature: string;
}

/** How a journal is read and vouched for. */
export interface JournalOptions {
  /**
   * With heads every durable batch is followed by a signed head in the file `<path>.heads`: a journal that was cut or
   * rewritten no longer fits it. Without, there is the hash chain alone.
   */
  readonly heads?: {
    sign(text: Uint8Array): Uint8Array | Promise<Uint8Array>;
    verify(text: Uint8Array, signature: Uint8Array): boolean;
    /** Is told every head once it is durable: publish it where the holder of this folder can't take it back. */
    readonly witness?: ((head: JournalHead) => void) | undefined;
  };
  readonly now?: () => number;
  /** Called for each entry while the journal is opened, in order. */
  readonly replay: (entry: JournalEntry) => void;
}

/** Hash that the first entry names as its predecessor. */
const genesis = '0'.repeat(64);
const newline = 0x0a;
/** Bytes that are read at once, and the longest line. */
const chunkSize = 1 << 20;
const maxLine = 16 << 20;

/** The bytes that a head's signature covers. The first words keep it apart from every other use of the key. */
export function headText(head: Omit<JournalHead, 'signature'>): Uint8Array {
  return new TextEncoder().encode(`handfast journal head v1\n${head.n}\n${head.hash}\n${head.at}\n`);
}

/**
 * An append-only file of JSON lines in which each line names the hash of the line before it. An append is acknowledged
 * once it is on the disk (`fdatasync`); appends that come in while the disk is busy share the next flush.
 *
 * After a crash the file may end in a torn line, which no caller was told about: it is removed on opening.
 */
export class Journal {
  /** Bytes of a torn last line that were removed on opening. */
  readonly removedBytes: number;
  readonly #file: FileHandle;
  readonly #headFile: FileHandle | undefined;
  readonly #options: JournalOptions;
  readonly #now: () => number;
  #n: number;
  #hash: string;
  #head: JournalHead | undefined;
  #waiting: { lines: string[]; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #running: Promise<void> | undefined;
  #broken: unknown;

  /** Made by {@link openJournal}. */
  constructor(
    file: FileHandle,
    headFile: FileHandle | undefined,
    options: JournalOptions,
    state: { n: number; hash: string; head: JournalHead | undefined; removedBytes: number },
  ) {
    this.#file = file;
    this.#headFile = headFile;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#n = state.n;
    this.#hash = state.hash;
    this.#head = state.head;
    this.removedBytes = state.removedBytes;
  }

  /** Entries that were appended, durable or on their way. */
  get length(): number {
    return this.#n;
  }

  /** The last signed head. */
  get head(): JournalHead | undefined {
    return this.#head;
  }

  /**
   * Appends entries; they stand next to each other in the order given. The promise is kept once they, and the head
   * that covers them, are durable. Throws `ERR_TLS_CA_STORAGE` where the disk failed; the journal takes no more then.
   */
  append(...bodies: readonly JournalBody[]): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#storageError());
    if (bodies.length === 0) return Promise.resolve();
    const lines = bodies.map((body) => {
      const n = this.#n + 1;
      const line = JSON.stringify({ n, at: new Date(this.#now()).toISOString(), ...body, prev: this.#hash });
      this.#n = n;
      this.#hash = hashOf(Buffer.from(line));
      return `${line}\n`;
    });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ lines, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Waits for what is under way and closes the file. */
  async close(): Promise<void> {
    await this.#running;
    this.#broken ??= new Error('it is closed');
    await this.#file.close();
    await this.#headFile?.close();
  }

  async #run(): Promise<void> {
    // One turn of the event loop: what is appended in the same turn shares the flush.
    await undefined;
    while (this.#waiting.length > 0 && this.#broken === undefined) {
      const batch = this.#waiting;
      this.#waiting = [];
      const state = { n: this.#n, hash: this.#hash, at: new Date(this.#now()).toISOString() };
      try {
        await this.#file.appendFile(batch.flatMap(({ lines }) => lines).join(''));
        await this.#file.datasync();
        await this.#writeHead(state);
      } catch (error) {
        // What a failed flush left on the disk is unknown: nothing may be appended behind it before it is read again.
        this.#broken = error;
        for (const { reject } of batch) reject(this.#storageError());
        break;
      }
      for (const { resolve } of batch) resolve();
    }
    for (const { reject } of this.#waiting) reject(this.#storageError());
    this.#waiting = [];
    this.#running = undefined;
  }

  async #writeHead(state: Omit<JournalHead, 'signature'>): Promise<void> {
    const { heads } = this.#options;
    if (heads === undefined || this.#headFile === undefined) return;
    const signature = Buffer.from(await heads.sign(headText(state))).toString('base64');
    const head = { ...state, signature };
    await this.#headFile.appendFile(`${JSON.stringify(head)}\n`);
    await this.#headFile.datasync();
    this.#head = head;
    heads.witness?.(head);
  }

  #storageError(): Error {
    return caError(
      'ERR_TLS_CA_STORAGE',
      'the journal cannot be written; look at the disk, then open it again',
      this.#broken,
    );
  }
}

/**
 * Opens a journal, or begins it, and replays it. The caller holds the folder's lock.
 *
 * Throws `ERR_TLS_CA_LOG` where a line was changed, removed or put in, and (with heads) where lines at the end are
 * missing that a head vouches for.
 */
export async function openJournal(path: string, options: JournalOptions): Promise<Journal> {
  const headFile = options.heads === undefined ? undefined : await open(headsPath(path), 'a+', 0o600);
  const file = await open(path, 'a+', 0o600);
  try {
    const vouched = headFile === undefined ? undefined : await lastHead(headFile, headsPath(path));
    const read = await readChain(file, path, options.replay, vouched);
    checkHead(path, options, read, vouched?.head);
    if (read.removedBytes > 0) {
      await file.truncate(read.end);
      await file.sync();
    }
    if (headFile !== undefined && vouched !== undefined && vouched.removedBytes > 0) {
      await headFile.truncate(vouched.end);
      await headFile.sync();
    }
    await syncFolder(dirname(path));
    return new Journal(file, headFile, options, { ...read, head: vouched?.head });
  } catch (error) {
    await file.close();
    await headFile?.close();
    throw error;
  }
}

/**
 * Checks a journal without writing: the chain of hashes, the last head, and a head that was noted elsewhere.
 * @returns the number of entries. Throws `ERR_TLS_CA_LOG`.
 */
export async function checkJournal(
  path: string,
  options: Pick<JournalOptions, 'heads' | 'replay'> & { readonly noted?: JournalHead | undefined },
): Promise<{ entries: number; head: JournalHead | undefined }> {
  const { replay } = options;
  for (const noted of [undefined, options.noted]) {
    const headFile = await open(headsPath(path), 'r').catch(() => undefined);
    const file = await open(path, 'r');
    try {
      const own = headFile === undefined ? undefined : await lastHead(headFile, headsPath(path));
      if (options.heads !== undefined && own?.head === undefined) {
        throw caError('ERR_TLS_CA_LOG', `${headsPath(path)} has no signed head: it was removed or cut`);
      }
      const head = noted ?? own?.head;
      const vouched = head === undefined ? undefined : { head, end: 0, removedBytes: 0 };
      const read = await readChain(file, path, replay, vouched);
      checkHead(path, options, read, head);
      if (noted !== undefined || options.noted === undefined) return { entries: read.n, head: own?.head };
    } finally {
      await file.close();
      await headFile?.close();
    }
  }
  throw caError('ERR_TLS_CA_LOG', `${path} could not be checked`);
}

interface ReadChain {
  readonly n: number;
  readonly hash: string;
  readonly end: number;
  readonly removedBytes: number;
  /** Hash of the entry that the head names. */
  readonly hashAtHead: string | undefined;
}

async function readChain(
  file: FileHandle,
  path: string,
  replay: (entry: JournalEntry) => void,
  vouched: { readonly head: JournalHead | undefined } | undefined,
): Promise<ReadChain> {
  let n = 0;
  let hash = genesis;
  let hashAtHead = vouched?.head?.n === 0 ? genesis : undefined;
  const { end, size } = await readLines(file, path, (line) => {
    const entry = parseEntry(line, path, n + 1, hash);
    if (entry instanceof Error) {
      // Behind the last head nothing was acknowledged: a write that a power cut tore is removed, as a torn line is.
      if (vouched?.head === undefined || n < vouched.head.n) throw entry;
      return false;
    }
    n++;
    hash = hashOf(line);
    if (n === vouched?.head?.n) hashAtHead = hash;
    replay(entry);
    return true;
  });
  return { n, hash, end, removedBytes: size - end, hashAtHead };
}

function parseEntry(line: Uint8Array, path: string, n: number, previous: string): JournalEntry | Error {
  let entry: (JournalEntry & { prev?: unknown }) | undefined;
  try {
    entry = JSON.parse(Buffer.from(line).toString()) as JournalEntry;
  } catch {
    // Below.
  }
  if (entry === null || typeof entry !== 'object' || typeof entry.type !== 'string') {
    return caError('ERR_TLS_CA_LOG', `${path}, line ${n}: it is no entry of this journal`);
  }
  if (entry.prev !== previous || entry.n !== n) {
    return caError(
      'ERR_TLS_CA_LOG',
      `${path}, line ${n}: it does not continue line ${n - 1}. A line was changed, removed or put in; compare with a copy`,
    );
  }
  return entry;
}

function checkHead(path: string, options: JournalOptions, read: ReadChain, head: JournalHead | undefined): void {
  if (options.heads === undefined) return;
  if (head === undefined) {
    // The first head is written right after the first batch: one batch may stand without a head after a crash, but a
    // log that has been in use for long has lost its heads.
    if (read.n > 8)
      throw caError(
        'ERR_TLS_CA_LOG',
        `${path} has ${read.n} entries but no signed head: ${headsPath(path)} was removed`,
      );
    return;
  }
  if (!options.heads.verify(headText(head), Buffer.from(head.signature, 'base64'))) {
    throw caError('ERR_TLS_CA_LOG', `the signature of the last head in ${headsPath(path)} is wrong`);
  }
  if (read.n < head.n) {
    throw caError(
      'ERR_TLS_CA_LOG',
      `${path} was cut: it has ${read.n} entries, where its signed head vouches for ${head.n}`,
    );
  }
  if (read.hashAtHead !== head.hash) {
    throw caError(
      'ERR_TLS_CA_LOG',
      `${path} was rewritten: entry ${head.n} is not the one that its signed head vouches for`,
    );
  }
}

async function lastHead(file: FileHandle, path: string) {
  let last: Uint8Array | undefined;
  const { end, size } = await readLines(file, path, (line) => {
    last = line;
    return true;
  });
  if (last === undefined) return { head: undefined, end, removedBytes: size - end };
  try {
    const head = JSON.parse(Buffer.from(last).toString()) as JournalHead;
    return { head, end, removedBytes: size - end };
  } catch {
    throw caError('ERR_TLS_CA_LOG', `the last line of ${path} is no head`);
  }
}

/** Reads whole lines until `take` says stop; `end` is the offset behind the last one that it took. */
async function readLines(
  file: FileHandle,
  path: string,
  take: (line: Uint8Array) => boolean,
): Promise<{ end: number; size: number }> {
  let rest: Uint8Array = new Uint8Array(0);
  let size = 0;
  let end = 0;
  for (;;) {
    const chunk = new Uint8Array(chunkSize);
    const { bytesRead } = await file.read(chunk, 0, chunkSize, size);
    if (bytesRead === 0) return { end, size };
    size += bytesRead;
    const bytes =
      rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let at = 0;
    for (let stop = bytes.indexOf(newline); stop >= 0; stop = bytes.indexOf(newline, at)) {
      if (!take(bytes.subarray(at, stop))) return { end, size: (await file.stat()).size };
      end += stop + 1 - at;
      at = stop + 1;
    }
    rest = bytes.subarray(at);
    if (rest.length > maxLine) throw caError('ERR_TLS_CA_LOG', `${path} has a line of more than ${maxLine} bytes`);
  }
}

const headsPath = (path: string): string => `${path}.heads`;

function hashOf(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}
