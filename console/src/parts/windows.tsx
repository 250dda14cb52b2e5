// The form of a plan's windows: when it takes no step.

import type { Freeze } from "../types";

export interface WindowsForm { weekend: boolean; hours: string; dates: string; timeZone: string }

export const NO_WINDOWS: WindowsForm = { weekend: false, hours: "", dates: "", timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone };

export function freezeOf({ weekend, hours, dates, timeZone }: WindowsForm): Freeze | undefined {
  const list = (text: string) => text.split(/[\s,]+/).filter(Boolean);
  if (!weekend && list(hours).length + list(dates).length === 0) return undefined;
  return { timeZone: timeZone.trim(), ...(weekend && { days: ["sat", "sun"] }), hours: list(hours), dates: list(dates) };
}

export function Windows({ form, isWrong, change }: { form: WindowsForm; isWrong?: boolean; change: (form: WindowsForm) => void }) {
  const text = (name: "hours" | "dates" | "timeZone", label: string, placeholder: string) => (
    <label class="field">
      {label}
      <input value={form[name]} placeholder={placeholder} aria-invalid={isWrong} autocapitalize="off" spellcheck={false} onInput={(event) => change({ ...form, [name]: event.currentTarget.value })} />
    </label>
  );
  return (
    <details class="windows" open={freezeOf(form) !== undefined}>
      <summary>Windows in which no step is taken</summary>
      <div class="form">
        <label class="check"><input type="checkbox" checked={form.weekend} onChange={(event) => change({ ...form, weekend: event.currentTarget.checked })} />Saturday and Sunday</label>
        <div class="form-row">
          {text("hours", "Hours of every day", "22:00-06:00")}
          {text("dates", "Dates", "2026-12-24..2027-01-02")}
          {text("timeZone", "Time zone of the windows", "Europe/Berlin")}
        </div>
      </div>
    </details>
  );
}
