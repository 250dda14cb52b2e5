// `/health`: the checks run side by side, each against its deadline; what they mean, Rust says.
import { within } from "./behind.js";
import { Part, controller_name, rust } from "./instance.js";
import { flush } from "./observation.js";
import { readPolicy } from "./policy.js";

/** Each check's deadline; the whole answers within a second. */
const DEADLINE_MS = 800;

/** Answers `/health`. */
export async function health(request, env, isDetailed) {
  const url = `https://${new URL(request.url).hostname}/health`;
  const found = await Promise.all([
    check(Part.Kv, trouble(readPolicy(env))),
    check(Part.Stable, visit(env.STABLE, url)),
    check(Part.Canary, visit(env.CANARY, url)),
    check(Part.Controller, standing(env.ROLLOUT)),
    check(Part.Metrics, trouble(flush(env))),
  ]);
  for (const { part, status, trouble, ms } of found) rust().checked(part, status, trouble, ms);
  return rust().report(isDetailed);
}

/** A check gives the status of the part's answer, 0 if there is no such part, and what trouble it has. */
async function check(part, finding) {
  const begun = Date.now();
  const { status = 0, trouble } = await within(DEADLINE_MS, finding).catch((error) => ({ trouble: String(error) }));
  return { part, status, trouble, ms: Date.now() - begun };
}

async function trouble(work) {
  return { trouble: await work };
}

async function visit(variant, url) {
  if (!variant) return {};
  try {
    return { status: (await variant.fetch(url)).status };
  } catch {
    // The text may hold the variant's secrets; it is in the variant's own log.
    return { trouble: "threw an exception" };
  }
}

/** What the controller says of itself: `null`, or what is wrong. */
async function standing(objects) {
  if (!objects) return {};
  const controller = objects.get(objects.idFromName(controller_name()));
  const response = await controller.fetch("https://controller/standing");
  const trouble = await response.json().catch(() => undefined);
  return { status: response.status, trouble: (response.status === 200 && trouble) || undefined };
}
