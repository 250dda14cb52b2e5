// The kill switches, and the banners of those that are on.

import { time } from "../format";
import type { AuditRow, Status, Switch } from "../types";
import type { Change } from "./confirm";
import { Notice } from "./notice";

export const SWITCHES = [
  { name: "disable_canary", title: "Disable the canary", state: "The canary is disabled", effect: "All visitors get stable. The rollout stays at its step.", cleared: "the canary gets its share of visitors again" },
  { name: "disable_writes", title: "Disable writes", state: "Writes are disabled", effect: "Requests other than GET, HEAD and OPTIONS get 503.", cleared: "visitors can write again" },
  { name: "maintenance", title: "Maintenance", state: "Maintenance", effect: "Every request gets 503.", cleared: "visitors are served again" },
] as const;

export function SwitchBanners({ switches, audit, ask }: { switches: Status["switches"]; audit: AuditRow[]; ask?: (change: Change) => void }) {
  return (
    <>
      {SWITCHES.map(({ name, state, effect, cleared }) => {
        const setting = switches[name];
        return setting?.on && (
          <Notice key={name} tone={name === "maintenance" ? "bad" : "warn"} title={`${state}.`} role="alert" action={ask && <button class="button" onClick={() => ask(clear(name, cleared))}>Clear…</button>}>
            {effect} <span class="muted">{switchStory(name, setting, audit)}</span>
          </Notice>
        );
      })}
    </>
  );
}

/** Why, by whom, since when and until when a switch is on. */
export function switchStory(name: string, { reason, since, until, heldBy }: Switch, audit: AuditRow[]): string {
  const actor = since && audit.find(({ key }) => key === `ops:${name}`)?.actor;
  const by = heldBy === "kv" && !since ? "turned on in KV by hand" : since ? `${actor ? `${actor}, since` : "since"} ${time(since)}` : "on";
  return [reason && reason !== actor && `“${reason}”`, by, until ? `until ${time(until)}` : "until it is cleared"].filter(Boolean).join(", ");
}

const clear = (name: string, cleared: string): Change => ({
  title: `Clear ${name}?`,
  effect: <p>Without this switch {cleared}, within seconds in busy locations and within a minute everywhere.</p>,
  verb: "Clear the switch",
  method: "PUT",
  path: `switches/${name}`,
  body: { on: false },
});
