// Where in a document something is wrong: the line of a syntax error, and the line of a field that the splitter refuses.

import { parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";

export interface Fault {
  /** Line of the document, counted from 0. */
  line: number;
  message: string;
}

/** The first error of a text that is not JSON. */
export function syntaxFault(text: string): Fault | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const [first] = read(text).errors;
    if (!first) return { line: 0, message: String(error) };
    const words = printParseErrorCode(first.error).replace(/[A-Z]/g, (letter, at: number) => (at === 0 ? letter : ` ${letter.toLowerCase()}`));
    return { line: lineAt(text, first.offset), message: `${words}, line ${lineAt(text, first.offset) + 1}.` };
  }
}

/** The line of a field such as `rules[2].match.asn[0]`; of its parent where the field is missing. */
export function lineOf(text: string, field: string): number {
  const { root } = read(text);
  return root ? lineAt(text, find(root, field).offset) : 0;
}

function read(text: string): { root?: Node; errors: ParseError[] } {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  return { root, errors };
}

const lineAt = (text: string, offset: number) => text.slice(0, offset).split("\n").length - 1;

/** Names of fields may contain dots, so that the longest name counts. */
function find(node: Node, path: string): Node {
  const element = /^\[(\d+)\](.*)$/.exec(path);
  if (element && node.type === "array") {
    const child = node.children?.[Number(element[1])];
    return child ? find(child, element[2] ?? "") : node;
  }
  if (node.type !== "object") return node;
  const rest = path.replace(/^\./, "");
  const isNamed = (name: unknown) => typeof name === "string" && name !== "" && rest.startsWith(name) && /^(\.|\[|$)/.test(rest.slice(name.length));
  const named = (node.children ?? []).filter(({ children }) => isNamed(children?.[0]?.value));
  const [property] = named.toSorted((one, other) => String(other.children?.[0]?.value).length - String(one.children?.[0]?.value).length);
  const [key, value] = property?.children ?? [];
  if (!property || !key || !value) return node;
  const found = find(value, rest.slice(String(key.value).length));
  return found === value ? property : found;
}
