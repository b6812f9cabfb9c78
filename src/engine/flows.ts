import { zeroize } from '../bytes/bytes.ts';
import type { Expectation, Flow, Wait } from '../handshake/flow.ts';
import type { HostRequest } from '../handshake/host.ts';
import type { HandshakeType } from '../wire/handshake-type.ts';

/** A flow that runs: what it waits for, and in the end what it returned. */
export interface Task {
  readonly flow: Flow<unknown>;
  wait: Wait | undefined;
  /** The id under which the host was asked for what it waits for. */
  asked: number | undefined;
  done: boolean;
  result: unknown;
}

/** A request of a flow, under the id that its answer names. */
export interface AskedRequest {
  readonly id: number;
  readonly request: HostRequest;
}

/**
 * The flows of one connection: the handshake, and afterwards one for each exchange that is still open. It resumes them
 * and keeps what each waits for; which message goes to which is the connection's to decide.
 */
export class Flows {
  #tasks: Task[] = [];
  #nextRequest = 1;
  #ended = false;

  /** How many flows wait for the host. */
  get waitingForHost(): number {
    let count = 0;
    for (const task of this.#tasks) if (task.wait?.for === 'host') count++;
    return count;
  }

  /** Starts a flow, and runs it until it waits. */
  begin(flow: Flow<unknown>): Task {
    const task: Task = { flow, wait: undefined, asked: undefined, done: false, result: undefined };
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
  resume(task: Task, value: unknown): void {
    this.#step(task, task.flow.next(value));
  }

  /** Lets a flow fail where it waits. */
  resumeWithError(task: Task, error: unknown): void {
    this.#step(task, task.flow.throw(error));
  }

  /** The next request that the host was not asked yet; from now on it counts as asked. */
  nextRequest(): AskedRequest | undefined {
    for (const task of this.#tasks) {
      if (task.wait?.for !== 'host' || task.asked !== undefined) continue;
      task.asked = this.#nextRequest++;
      return { id: task.asked, request: task.wait.request };
    }
    return undefined;
  }

  /** The flow whose request has this id. */
  asking(id: number): Task | undefined {
    for (const task of this.#tasks) if (task.asked === id) return task;
    return undefined;
  }

  /** The flow that waits for a message of this type. */
  waitingFor(type: HandshakeType): Task | undefined {
    for (const task of this.#tasks) if (waitsFor(task, type)) return task;
    return undefined;
  }

  /** A flow that goes on without the message that it would take. */
  waitingForOptional(): Task | undefined {
    for (const task of this.#tasks) if (task.wait?.for === 'message' && task.wait.optional) return task;
    return undefined;
  }

  /** A flow whose peer is inside a sequence of messages: it waits for another one than a Certificate, which begins one. */
  insideSequence(): Task | undefined {
    for (const task of this.#tasks) {
      if (task.wait?.for === 'message' && !task.wait.expected.includes('certificate')) return task;
    }
    return undefined;
  }

  /** Ends all flows: each runs what it has to clean up. */
  end(): void {
    this.#ended = true;
    for (const { flow, wait, asked } of this.#tasks.splice(0)) {
      if (wait?.for === 'host' && asked === undefined) wipeSession(wait.request);
      try {
        flow.return(undefined);
      } catch {
        // A flow that is running can't be ended from inside; it ends by the error that it throws.
      }
    }
  }

  /** Takes note of where a flow has stopped. */
  #step(task: Task, { done, value }: IteratorResult<Wait, unknown>): void {
    // The program may have closed the connection inside the flow, which then just runs out.
    if (this.#ended) return;
    task.asked = undefined;
    if (!done) {
      task.wait = value as Wait;
      return;
    }
    task.wait = undefined;
    task.done = true;
    task.result = value;
    this.#remove(task);
  }

  #remove(task: Task): void {
    // A new array: an idle connection shall not keep the room of a busy one.
    this.#tasks = this.#tasks.filter((other) => other !== task);
  }
}

/** A session that the host was not asked yet to keep: nobody else wipes its secret. */
function wipeSession(request: HostRequest): void {
  if (request.name === 'sealTicket' || request.name === 'storeSession') zeroize(request.input.state.secret);
}

/** Whether a flow waits for this message. */
export function waitsFor(task: Task, expectation: Expectation): boolean {
  return task.wait?.for === 'message' && task.wait.expected.includes(expectation);
}
