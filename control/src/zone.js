// The runtime's time zone database, which is kept up to date by whoever runs the runtime.

/** Making one of these takes a while, and a rollout asks for one zone again and again. */
const formats = new Map();

/** Minutes that a zone is ahead of UTC at a moment (ms since the Unix epoch), or undefined where there is no such zone. */
export function utcOffset(zone, at) {
  try {
    if (!formats.has(zone)) {
      formats.set(zone, new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }));
    }
    const name = formats.get(zone).formatToParts(at).find(({ type }) => type === "timeZoneName").value;
    const [, sign, hours, minutes] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name);
    return sign ? Number(`${sign}${Number(hours) * 60 + Number(minutes)}`) : 0;
  } catch {
    return undefined;
  }
}
