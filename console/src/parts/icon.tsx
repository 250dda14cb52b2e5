// Icons: strokes of the text's colour. Each stands beside a word, so none has a name of its own.

const PATHS = {
  play: "M7 4.500v15l12-7.500z",
  pause: "M8 5v14M16 5v14",
  check: "M4.500 12.500l5 5 10-11",
  back: "M9 6l-5 5 5 5M4 11h9a6 6 0 0 1 6 6v1",
  cross: "M6 6l12 12M18 6L6 18",
  stop: "M8 3h8l5 5v8l-5 5H8l-5-5V8zM8.500 12h7",
  warn: "M12 3.500l9.500 17h-19zM12 10v4.500M12 17.500v.1",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.500 2",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  bake: "M5 10h14v8a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2zM9 6.500V4M12 6.500V3M15 6.500V4",
  none: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.500M12 7.500v.1",
  offline: "M4 4l16 16M8.500 15.500a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4-2.400M12 19.500v.1M15 9.600a10 10 0 0 1 4 2.400",
  ring: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  next: "M5 5l8 7-8 7zM18 5v14",
  out: "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.200" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
