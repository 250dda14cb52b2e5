// A message with its icon and its word, so that colour is never alone.

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon";

type Tone = "good" | "bad" | "warn" | "plain";
const ICONS: Record<Tone, IconName> = { good: "check", bad: "stop", warn: "warn", plain: "info" };

export function Notice({ tone = "plain", title, children, action, role }: {
  tone?: Tone;
  title?: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
  role?: "alert" | "status";
}) {
  return (
    <div class={`notice ${tone}`} role={role}>
      <Icon name={ICONS[tone]} />
      <div>
        {title && <strong>{title} </strong>}
        {children}
      </div>
      {action}
    </div>
  );
}

export const Chip = ({ tone = "", icon, children }: { tone?: string; icon: IconName; children: ComponentChildren }) => (
  <span class={`chip ${tone}`}>
    <Icon name={icon} />
    {children}
  </span>
);

/** Stands where something is still to come, as large as that will be. */
export const Skeleton = ({ lines = 4 }: { lines?: number }) => (
  <div class="skeleton" aria-hidden="true">
    {Array.from({ length: lines }, (_, at) => <i key={at} />)}
  </div>
);

export const PHASES: Record<string, { word: string; tone: string; icon: IconName }> = {
  progressing: { word: "Progressing", tone: "canary", icon: "play" },
  paused: { word: "Paused", tone: "warn", icon: "pause" },
  baking: { word: "Baking at 100 %", tone: "canary", icon: "bake" },
  completed: { word: "Completed", tone: "good", icon: "check" },
  "rolled-back": { word: "Rolled back", tone: "bad", icon: "back" },
  aborted: { word: "Aborted", tone: "bad", icon: "cross" },
};

export function PhaseChip({ phase }: { phase: string }) {
  const { word, tone, icon } = PHASES[phase] ?? { word: phase, tone: "", icon: "none" };
  return <Chip tone={tone} icon={icon}>{word}</Chip>;
}
