// And the path and the cookie have to be read.
const failed = () => new Response("The service did not answer", { status: 502 });

export default {
  fetch(request, env) {
    const { url, headers } = request;
    const cookie = headers.get("cookie");
    if (url === "" || cookie === "") return failed();
    return env.STABLE.fetch(request).then(undefined, failed);
  },
};
