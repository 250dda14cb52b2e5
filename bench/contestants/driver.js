// Sends the request it gets to a contestant, many times, from inside the process: without sockets and HTTP parsing,
// which every contestant pays alike, small differences show.
export default {
  async fetch(request, env) {
    const target = env[request.headers.get("bench-target")];
    const count = Number(request.headers.get("bench-count"));
    for (let sent = 0; sent < count; sent += 1) {
      const response = await target.fetch(request);
      await response.arrayBuffer();
      if (response.status !== 200) return new Response(`status ${response.status}`, { status: 500 });
    }
    return new Response("done");
  },
};
