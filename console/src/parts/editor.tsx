// A document with numbered lines, of which one can be marked.

import { useEffect, useRef } from "preact/hooks";

interface Props {
  label: string;
  text: string;
  /** The line that is marked, counted from 0. */
  mark?: number;
  /** Id of the element that says what is wrong. */
  describedBy: string;
  change: (text: string) => void;
}

export function Editor({ label, text, mark, describedBy, change }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const marked = useRef<HTMLLIElement>(null);
  const lines = text.split("\n");
  useEffect(() => {
    const [line, box] = [marked.current, frame.current];
    if (!line || !box) return;
    const isShown = line.offsetTop >= box.scrollTop && line.offsetTop + line.offsetHeight <= box.scrollTop + box.clientHeight;
    if (!isShown) box.scrollTop = line.offsetTop - box.clientHeight / 2;
  }, [mark]);
  return (
    <div class="editor" ref={frame}>
      <ol aria-hidden="true">
        {lines.map((_, line) => (
          <li key={line} ref={line === mark ? marked : undefined} class={line === mark ? "marked" : ""}>{line + 1}</li>
        ))}
      </ol>
      <textarea
        aria-label={label} aria-invalid={mark !== undefined} aria-describedby={describedBy} spellcheck={false} autocapitalize="off" wrap="off"
        rows={lines.length} value={text} onInput={(event) => change(event.currentTarget.value)}
      />
    </div>
  );
}
