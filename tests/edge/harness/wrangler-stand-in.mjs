#!/usr/bin/env node
// A stand-in for wrangler, for an account on this machine (account.mjs). It supports the calls of `serin`, and uses wrangler's own reader
// of configurations. An unknown argument is an error. SERIN_TEST_ACCOUNT is the address of the account.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

const text = { type: "string" };
const flag = { type: "boolean" };
const CONFIG = { config: text, env: text };
const KV = { ...CONFIG, binding: text, local: flag, remote: flag, "persist-to": text };
const COMMANDS = [
  { words: ["deploy"], options: { ...CONFIG, name: text }, run: deploy },
  { words: ["delete"], options: { ...CONFIG, name: text, force: flag }, run: remove },
  { words: ["versions", "view", "KEY"], options: { ...CONFIG, json: flag }, run: view },
  { words: ["kv", "key", "get", "KEY"], options: { ...KV, text: flag }, run: get },
  { words: ["kv", "key", "put", "KEY"], options: { ...KV, path: text }, run: put },
];

const args = process.argv.slice(2);
const { store } = await (await account("POST", "/calls", args)).json();
const command = COMMANDS.find(({ words }) => words.every((word, n) => word === "KEY" || args[n] === word));
assert.ok(command, `unknown command: ${args.join(" ")}`);
const { values, positionals } = parseArgs({ args, options: command.options, strict: true, allowPositionals: true });
assert.equal(positionals.length, command.words.length, `too many words: ${positionals}`);
await command.run(values, positionals);

function account(method, path, body) {
  return fetch(`${process.env.SERIN_TEST_ACCOUNT}${path}`, { method, body: body && JSON.stringify(body) });
}

async function read({ config, env, name }) {
  assert.ok(config, "--config is missing");
  const { unstable_readConfig } = await import("wrangler");
  const read = unstable_readConfig({ config, env });
  return { ...read, name: name ?? read.name };
}

async function deploy(options) {
  const { name, main, compatibility_date, routes, triggers } = await read(options);
  if (name.endsWith("-canary")) assert.deepEqual([routes ?? [], triggers.crons ?? []], [[], []], "it takes what stable's is");
  const body = { source: await readFile(main, "utf8"), compatibilityDate: compatibility_date };
  const answer = await account("PUT", `/workers/${name}`, body);
  if (!answer.ok) fail(`${name} was not deployed: ${await answer.text()}`);
  console.log(`Deployed ${name}`);
}

async function remove(options) {
  const { name } = await read(options);
  // Without the option wrangler asks for confirmation, because the splitter is bound to the Worker.
  assert.ok(options.force, "--force is missing");
  const answer = await account("DELETE", `/workers/${name}`);
  if (answer.status === 404) fail("This Worker does not exist on your account. [code: 10007]");
  assert.ok(answer.ok, answer.status);
  console.log(`Successfully deleted ${name}`);
}

/** The part of a version that `serin` reads. */
async function view(options, [, , version]) {
  assert.equal((await read(options)).name, "serin");
  assert.ok(options.json, "--json is missing");
  const answer = await account("GET", `/versions/${version}`);
  if (answer.status === 404) fail("This version does not exist on your account. [code: 10007]");
  console.log(await answer.text());
}

function address({ binding, local, remote }, key) {
  assert.equal(binding, "CANARY_STATE");
  assert.ok(local && !remote, "the store of a test is local");
  return `http://127.0.0.1:${store}/${encodeURIComponent(key)}`;
}

async function get(options, [, , , key]) {
  const answer = await fetch(address(options, key));
  assert.ok(answer.ok || answer.status === 404, answer.status);
  process.stdout.write(answer.ok ? await answer.text() : "Value not found");
}

async function put(options, [, , , key]) {
  const answer = await fetch(address(options, key), { method: "PUT", body: await readFile(options.path, "utf8") });
  assert.ok(answer.ok, answer.status);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
