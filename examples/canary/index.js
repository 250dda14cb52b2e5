// The version on trial. It answers with its name, so that curl shows who served.
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return Response.json({ status: "ok", version: "1.1.0" });
    return Response.json({ served_by: "canary", version: "1.1.0", path: pathname });
  },
};
