/** Changes to DER, for the fuzzers and the differential tests of src/pki. */
import { concat } from '../../src/bytes/bytes.ts';
import { der } from '../../src/pki/der/writer.ts';

type Random = (below: number) => number;

interface Element {
  tag: number;
  content: Element[] | Uint8Array;
}

/** DER as a tree, as far as it looks like one. OCTET and BIT STRINGs that hold DER are opened. */
function toTree(bytes: Uint8Array, depth = 0): Element[] | undefined {
  const list: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] as number;
    let length = bytes[at + 1] ?? 0x80;
    at += 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 3) return undefined;
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + (bytes[at + i] ?? 0);
      at += size;
    }
    if (at + length > bytes.length) return undefined;
    const content = bytes.subarray(at, at + length);
    const inner =
      depth < 16 && ((tag & 0x20) !== 0 || tag === 4) && length > 0 ? toTree(content, depth + 1) : undefined;
    list.push({ tag, content: inner ?? content });
    at += length;
  }
  return list;
}

function fromTree(list: readonly Element[]): Uint8Array {
  return concat(
    ...list.map(({ tag, content }) => der(tag, content instanceof Uint8Array ? content : fromTree(content))),
  );
}

/** One element removed, doubled, repeated, moved, emptied or given another tag, with the lengths around it right again. */
export function mutateTree(bytes: Uint8Array, random: Random): Uint8Array {
  const tree = toTree(bytes);
  if (tree === undefined) return mutateBytes(bytes, random);
  const places: { list: Element[]; index: number }[] = [];
  const visit = (list: Element[]): void => {
    for (const [index, element] of list.entries()) {
      places.push({ list, index });
      if (!(element.content instanceof Uint8Array)) visit(element.content);
    }
  };
  visit(tree);
  if (places.length === 0) return mutateBytes(bytes, random);
  const { list, index } = places[random(places.length)] as (typeof places)[number];
  const element = list[index] as Element;
  const other = places[random(places.length)] as (typeof places)[number];
  switch (random(7)) {
    case 0:
      list.splice(index, 1);
      break;
    case 1:
      list.splice(index, 0, element);
      break;
    case 2:
      list[index] = structuredClone(other.list[other.index] as Element);
      break;
    case 3:
      list[index] = { ...element, tag: random(256) };
      break;
    case 4:
      list[index] = { ...element, content: new Uint8Array(0) };
      break;
    case 5: {
      const body = element.content instanceof Uint8Array ? element.content : fromTree(element.content);
      list[index] = {
        ...element,
        content:
          body.length > 0 ? mutateBytes(body, random) : Uint8Array.from({ length: random(40) }, () => random(256)),
      };
      break;
    }
    default: {
      const many = 1 + random(60);
      list.splice(index, 0, ...Array.from({ length: many }, () => element));
    }
  }
  return fromTree(tree);
}

/** One to four bytes changed, removed or doubled, or the end cut off. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const out = [...bytes];
  for (let i = 1 + random(4); i > 0 && out.length > 0; i--) {
    const at = random(out.length);
    const kind = random(8);
    if (kind === 0) out.splice(at, 1 + random(8));
    else if (kind === 1) out.splice(at, 0, ...out.slice(at, at + 1 + random(8)));
    else if (kind === 2) out.length = at;
    else if (kind < 5) out[at] = (out[at] as number) ^ (1 << random(8));
    else out[at] = [0, 1, 0x7f, 0x80, 0xff, 0x30, random(256)][random(7)] as number;
  }
  return Uint8Array.from(out);
}
