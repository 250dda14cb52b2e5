// A day with the page open, in minutes: the page's timers run faster, and its clock goes on by what each of them stands for. Everything else
// is real: the browser, the splitter, each poll and each drawing.

/** How much faster the page's timers run. */
const FACTOR = 400;

/** Makes the timers of the window's pages fast, and counts their polls. Call it before the page is opened. */
export async function hurry(context) {
  await context.addInitScript((factor) => {
    const { setTimeout: later, setInterval: often, fetch: send } = window;
    const now = Date.now.bind(Date);
    let ahead = 0;
    window.polls = 0;
    Date.now = () => now() + ahead;
    // Short timers are the framework's, which paints by them. Intervals do not move the clock, because they run beside the polls.
    window.setTimeout = (run, ms = 0, ...rest) => {
      if (ms < 1_000) return later(run, ms, ...rest);
      return later(() => {
        ahead += ms * (1 - 1 / factor);
        run(...rest);
      }, ms / factor);
    };
    window.setInterval = (run, ms = 0, ...rest) => often(run, (10 * ms) / factor, ...rest);
    window.fetch = (path, init) => {
      if (path === "status") window.polls += 1;
      return send(path, init);
    };
  }, FACTOR);
}

/** Waits for so many polls since the page was opened. */
export const polled = (page, polls) => page.waitForFunction((polls) => window.polls >= polls, polls, { timeout: 0, polling: 250 });

/** What the page holds after a garbage collection: its heap in bytes, nodes and listeners. */
export async function held(devtools) {
  for (let round = 0; round < 2; round += 1) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
  return { heap: usedSize, nodes, listeners: jsEventListeners };
}
