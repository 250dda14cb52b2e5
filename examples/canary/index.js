// The example canary. Its response names the variant, so that curl shows which one served. The header `x-break` makes it fail, to try a
// rollback: `errors`, `slow`, `hang` or `crash`.
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return Response.json({ status: "ok", version: "1.1.0" });
    switch (request.headers.get("x-break")) {
      case "errors":
        return Response.json({ error: "broken on request" }, { status: 500 });
      case "slow":
        await scheduler.wait(200);
        break;
      case "hang":
        await scheduler.wait(60_000);
        break;
      case "crash":
        throw new Error("broken on request");
    }
    return Response.json({ served_by: "canary", version: "1.1.0", path: pathname });
  },
};
