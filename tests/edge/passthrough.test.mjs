// Requests and responses arrive as without Serin: status, headers, cookies, bodies to the byte, and `cf`.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { NAVIGATION } from "./harness/client.mjs";
import { CF_HEADER, startSerin } from "./harness/workerd.mjs";

const SPLIT = { "canary-state": { enabled: true, percentage: 50 } };
/** A plain request, and a first visit, for which the response is rebuilt. */
const WAYS = { direct: {}, rebuilt: NAVIGATION };

for (const [way, headers] of Object.entries(WAYS)) {
  for (const [variant, percentage] of Object.entries({ stable: 0, canary: 100 })) {
    const start = (t) => startSerin(t, { kv: { "canary-state": { enabled: true, percentage } } });
    const own = way === "rebuilt" ? 1 : 0;

    test(`redirects are passed on, not followed (${variant}, ${way})`, async (t) => {
      const serin = await start(t);
      for (const status of [301, 302, 303, 307, 308]) {
        const answer = await serin.request(`/?both=redirect:${status}`, { headers });
        assert.equal(answer.status, status);
        assert.equal(answer.headers.location, "/elsewhere?from=variant");
        assert.equal(answer.headers["x-variant"], variant);
      }
      assert.equal((await serin.journal()).length, 5);
    });

    test(`several Set-Cookie stay apart and in order (${variant}, ${way})`, async (t) => {
      const serin = await start(t);
      const { cookies } = await serin.request("/?both=cookies", { headers });
      assert.deepEqual(cookies.slice(0, 3), [
        "first=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
        "second=2; HttpOnly",
        "first=3; Path=/other",
      ]);
      assert.equal(cookies.length, 3 + own);
      if (own) assert.match(cookies[3], /^__Host-serin=/);
    });

    test(`responses without a body stay without one (${variant}, ${way})`, async (t) => {
      const serin = await start(t);
      for (const status of [204, 304]) {
        const answer = await serin.request(`/?both=status:${status}`, { headers });
        assert.equal(answer.status, status);
        assert.equal(answer.body.length, 0);
        assert.equal(answer.headers.etag, '"v1"');
        assert.equal(answer.cookies.length, own);
      }
      const head = await serin.request("/?both=echo", { method: "HEAD", headers });
      assert.equal(head.status, 200);
      assert.equal(head.body.length, 0);
      assert.equal(head.headers["x-variant"], variant);
    });

    test(`compressed bodies pass byte for byte (${variant}, ${way})`, async (t) => {
      const serin = await start(t);
      const plain = Buffer.from("a line that compresses well, again and again\n".repeat(50));
      const encodings = { gzip: gzipSync(plain, { level: 9 }), br: brotliCompressSync(plain) };
      for (const [encoding, bytes] of Object.entries(encodings)) {
        const path = `/?both=compressed:${encoding}&bytes=${bytes.toString("base64url")}`;
        const answer = await serin.request(path, { headers: { ...headers, "accept-encoding": "gzip, br" } });
        assert.equal(answer.headers["content-encoding"], encoding);
        assert.ok(answer.body.equals(bytes), `${encoding}: ${answer.body.length} bytes of ${bytes.length}`);
      }
    });
  }
}

test("the request arrives as it was sent: method, URL, headers and body", async (t) => {
  const serin = await startSerin(t, { kv: SPLIT });
  const body = randomBytes(100_000);
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    const path = "/a%20b/%C3%A9/%2F..;x=1/?q=a+b&q=%20&both=echo&empty=";
    const headers = {
      host: "shop.example:8443",
      "X-Mixed-Case": "Value",
      "x-list": "a, b",
      cookie: "a=1; b=2; __Host-serin=00112233445566778899aabbccddeeff",
      authorization: "Bearer abc",
      "content-type": "application/octet-stream",
    };
    const echo = (await serin.request(path, { method, headers, body })).json;
    assert.equal(echo.method, method);
    assert.equal(echo.url, `http://shop.example:8443${path}`);
    assert.equal(echo.length, body.length);
    assert.equal(echo.sha256, createHash("sha256").update(body).digest("hex"));
    const arrived = Object.fromEntries(echo.headers);
    for (const [name, value] of Object.entries(headers)) assert.equal(arrived[name.toLowerCase()], value, name);
  }
});

test("the status text and unusual headers of a response are kept, also if a cookie is added", async (t) => {
  const serin = await startSerin(t, { kv: SPLIT });
  for (const headers of Object.values(WAYS)) {
    const answer = await serin.request("/?both=status:418", { headers });
    assert.equal(answer.status, 418);
    assert.equal(answer.statusText, "I'm a teapot");
    assert.equal(answer.headers.etag, '"v1"');
  }
});

test("cf arrives at the variant, also if the request is rebuilt", async (t) => {
  const serin = await startSerin(t, { kv: SPLIT });
  const cf = { country: "NZ", colo: "AKL", asn: 64512, botManagement: { score: 99 } };
  for (const headers of [{}, { "serin-override": "x" }, NAVIGATION]) {
    const echo = (await serin.request("/", { headers: { ...headers, [CF_HEADER]: JSON.stringify(cf) } })).json;
    assert.deepEqual(echo.cf, cf);
  }
});

test("headers with a meaning for Serin or the platform never arrive, in any case, once or twice", async (t) => {
  const serin = await startSerin(t, { kv: SPLIT });
  const reserved = [
    "serin-override",
    "Serin-Override",
    "serin_override",
    "Cloudflare-Workers-Version-Overrides",
    "cloudflare-workers-version-key",
    "CLOUDFLARE-WORKERS-VERSION-KEY",
  ];
  const body = "the body stays";
  for (const name of reserved) {
    for (const method of ["GET", "POST"]) {
      const headers = ["Host", "shop.example", name, "one", "X-Kept", "yes", name, "two", "Serinette", "kept too"];
      const echo = (await serin.request("/", { method, headers, body: method === "POST" ? body : undefined })).json;
      const names = echo.headers.map(([header]) => header);
      assert.ok(!names.includes(name.toLowerCase()), `${name} arrived with a ${method}`);
      assert.ok(names.includes("x-kept") && names.includes("serinette"), `${name} took others along`);
      assert.equal(echo.length, method === "POST" ? body.length : 0);
    }
  }
});

test("a plain response contains nothing of Serin's", async (t) => {
  const serin = await startSerin(t, { kv: SPLIT });
  const { headers } = await serin.request("/?both=status:200");
  assert.deepEqual(Object.keys(headers).filter((name) => name.includes("serin") || name === "set-cookie"), []);
});
