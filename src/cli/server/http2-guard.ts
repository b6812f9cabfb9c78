/** Types of frames (RFC 9113, Section 6). */
const frameTypes = { data: 0, headers: 1, reset: 3, goaway: 7 } as const;

/** Frames that move nothing, which a client may send at once; and how many more each second. */
const idleFrames = { burst: 10_000, perSecond: 100 } as const;
/** What each request or piece of a body, and each 4 KB of an answer, allows of them. */
const perUsefulFrame = 8;
/** Requests that a client may give up at once, and each second: as nghttp2, which then says GOAWAY and stays. */
const resets = { burst: 1200, perSecond: 33 } as const;

/**
 * Watches what goes over a connection of HTTP/2 frame by frame. nghttp2 bounds what would cost memory; but PING, SETTINGS,
 * PRIORITY, WINDOW_UPDATE and unknown frames it takes for ever (RFC 9113, Section 10.5: "can be abused to cause a peer to
 * expend additional processing resources"), and who was told GOAWAY for an error may keep the connection.
 */
export class Http2Guard {
  readonly #in = new FrameScanner();
  readonly #out = new FrameScanner();
  readonly #now: () => number;
  readonly #end: (why: string) => void;
  #idleLeft: number = idleFrames.burst;
  #resetsLeft: number = resets.burst;
  #refilled: number;
  #ended = false;

  /** @param end ends the connection; called once. */
  constructor(end: (why: string) => void, now: () => number = () => performance.now()) {
    this.#end = end;
    this.#now = now;
    this.#refilled = now();
  }

  received(bytes: Uint8Array): void {
    this.#in.scan(bytes, (type, length) => {
      if (type === frameTypes.headers || (type === frameTypes.data && length > 0)) this.#useful();
      else if (type === frameTypes.reset) {
        if (--this.#resetsLeft < 0) this.#refill('requests that are given up');
      } else if (--this.#idleLeft < 0) this.#refill('frames that move nothing');
    });
  }

  sent(bytes: Uint8Array): void {
    if (bytes.length > 4096) this.#useful(bytes.length >> 12);
    this.#out.scan(bytes, (type, _, code) => {
      if (type === frameTypes.goaway && code !== 0) this.#finish('what is against the rules');
    });
  }

  /** Bytes that the client sends before its first frame. */
  skip(length: number): void {
    this.#in.skip(length);
  }

  #useful(pieces = 1): void {
    this.#idleLeft = Math.min(idleFrames.burst, this.#idleLeft + pieces * perUsefulFrame);
  }

  #refill(what: string): void {
    const seconds = (this.#now() - this.#refilled) / 1000;
    this.#refilled = this.#now();
    this.#idleLeft = Math.min(idleFrames.burst, this.#idleLeft + seconds * idleFrames.perSecond);
    this.#resetsLeft = Math.min(resets.burst, this.#resetsLeft + seconds * resets.perSecond);
    if (this.#idleLeft < 0 || this.#resetsLeft < 0) this.#finish(`too many ${what}`);
  }

  #finish(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end(why);
  }
}

/** Finds the frames in bytes that come in any pieces. */
class FrameScanner {
  /** The head of the frame, and of GOAWAY the eight bytes with its code. */
  readonly #head = new Uint8Array(17);
  #filled = 0;
  #wanted = 9;
  #left = 0;

  skip(length: number): void {
    this.#left += length;
  }

  scan(bytes: Uint8Array, found: (type: number, length: number, code: number) => void): void {
    const head = this.#head;
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        at += skipped;
        this.#left -= skipped;
        continue;
      }
      head[this.#filled++] = bytes[at++] as number;
      if (this.#filled < this.#wanted) continue;
      const [a, b, c, type] = head as unknown as [number, number, number, number];
      const length = (a << 16) | (b << 8) | c;
      if (type === frameTypes.goaway && this.#wanted === 9 && length >= 8) {
        this.#wanted = 17;
        continue;
      }
      const code = this.#wanted === 17 ? new DataView(head.buffer).getUint32(13) : 0;
      this.#left = length - (this.#wanted - 9);
      this.#filled = 0;
      this.#wanted = 9;
      found(type, length, code);
    }
  }
}
