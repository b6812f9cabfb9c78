/** Tells an observer of an event. What an observer throws is no reason to fail what it observes. */
export function tell<Event>(observe: ((event: Event) => void) | undefined, event: Event): void {
  try {
    observe?.(event);
  } catch {
    // It is there for metrics and consoles: keys have to rotate, and handshakes to go on, without them.
  }
}
