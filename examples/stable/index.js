// The example stable Worker. Its response names the variant, so that curl shows which one served.
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return Response.json({ status: "ok", version: "1.0.0" });
    return Response.json({ served_by: "stable", version: "1.0.0", path: pathname });
  },
};
