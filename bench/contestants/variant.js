// The Worker behind every contestant. It names its variant, so that a contestant that serves the wrong one is
// found out before it is measured.
const PADDING = "<p>An article of a shop, of the length of a small page.</p>\n".repeat(16);

export default {
  fetch(request, env) {
    const headers = {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "private, max-age=0",
      "ETag": '"5f1c-bench"',
      "X-Side": env.SIDE,
    };
    // For clients that leave in the middle: a first piece, and never an end.
    if (request.url.endsWith("/endless")) return new Response(endless(), { headers });
    return new Response(PADDING, { status: env.STATUS, headers });
  },
};

function endless() {
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(new TextEncoder().encode(PADDING));
      await scheduler.wait(1_000);
    },
  });
}
