#!/usr/bin/env node
// A stand-in for wrangler, for an account on this machine (account.mjs). It supports the calls of `serin`. The account reads configurations
// with wrangler's own reader, because loading wrangler for each call takes seconds. An unknown argument is an error. SERIN_TEST_ACCOUNT is
// the address of the account.

import assert from "node:assert/strict";
import { appendFile, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const text = { type: "string" };
const flag = { type: "boolean" };
const CONFIG = { config: text, env: text };
const KV = { ...CONFIG, binding: text, local: flag, remote: flag, "persist-to": text };
const COMMANDS = [
  { words: ["deploy"], options: { ...CONFIG, name: text }, run: deploy },
  { words: ["delete"], options: { ...CONFIG, name: text, force: flag }, run: remove },
  { words: ["versions", "view", "KEY"], options: { ...CONFIG, json: flag }, run: view },
  { words: ["versions", "upload"], options: { ...CONFIG, name: text }, run: upload },
  { words: ["versions", "deploy"], options: { ...CONFIG, name: text, yes: flag }, run: deployVersions, more: true },
  { words: ["deployments", "status"], options: { ...CONFIG, name: text, json: flag }, run: status },
  { words: ["kv", "key", "get", "KEY"], options: { ...KV, text: flag }, run: get },
  { words: ["kv", "key", "put", "KEY"], options: { ...KV, path: text }, run: put },
];

const args = process.argv.slice(2);
const { store } = await (await account("POST", "/calls", args)).json();
const command = COMMANDS.find(({ words }) => words.every((word, n) => word === "KEY" || args[n] === word));
assert.ok(command, `unknown command: ${args.join(" ")}`);
const { values, positionals } = parseArgs({ args, options: command.options, strict: true, allowPositionals: true });
assert.ok(command.more || positionals.length === command.words.length, `too many words: ${positionals}`);
await command.run(values, positionals);

function account(method, path, body) {
  return fetch(`${process.env.SERIN_TEST_ACCOUNT}${path}`, { method, body: body && JSON.stringify(body) });
}

async function read({ config, env, name }) {
  assert.ok(config, "--config is missing");
  const answer = await account("POST", "/configurations", { config: resolve(config), env });
  if (!answer.ok) fail((await answer.json()).error);
  const read = await answer.json();
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

async function upload(options) {
  const { name, main, compatibility_date } = await read(options);
  const body = { source: await readFile(main, "utf8"), compatibilityDate: compatibility_date };
  const answer = await account("POST", `/workers/${name}/versions`, body);
  if (!answer.ok) fail(`no version of ${name} was uploaded: ${await answer.text()}`);
  const { id } = await answer.json();
  console.log("Worker Version ID:", id);
  await report({ type: "version-upload", version: 1, worker_name: name, version_id: id });
}

async function deployVersions(options, [, , ...specs]) {
  const { name } = await read(options);
  // Without the option wrangler asks for the percentages and a message.
  assert.ok(options.yes, "--yes is missing");
  const versions = specs.map((spec) => {
    const [, version_id, percentage] = /^([0-9a-f-]{36})@(\d+)$/.exec(spec) ?? assert.fail(`no version and percentage: ${spec}`);
    return { version_id, percentage: Number(percentage) };
  });
  assert.equal(versions.reduce((sum, { percentage }) => sum + percentage, 0), 100, "the percentages must total 100");
  assert.ok(versions.length <= 2, "at most two versions");
  const answer = await account("PUT", `/workers/${name}/deployment`, versions);
  if (!answer.ok) fail(`${name} was not deployed: ${await answer.text()}`);
  await report({ type: "version-deploy", version: 1, worker_name: name });
}

async function status(options) {
  const { name } = await read(options);
  assert.ok(options.json, "--json is missing");
  const answer = await account("GET", `/workers/${name}/deployment`);
  if (!answer.ok) fail("This Worker does not exist on your account. [code: 10007]");
  console.log(JSON.stringify(await answer.json(), null, 2));
}

/** What wrangler appends to the file that the variable names. */
async function report(entry) {
  const file = process.env.WRANGLER_OUTPUT_FILE_PATH;
  if (file) await appendFile(file, `${JSON.stringify(entry)}\n`);
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
