// And no header that means something to Serin may reach a variant.
import { hasReserved } from "./reserved.js";

const failed = () => new Response("The service did not answer", { status: 502 });

export default {
  fetch(request, env) {
    const { url, headers } = request;
    const cookie = headers.get("cookie");
    if (url === "" || cookie === "") return failed();
    if (hasReserved(headers)) return failed();
    return env.STABLE.fetch(request).then(undefined, failed);
  },
};
