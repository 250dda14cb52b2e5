// A real browser: an installed Chrome or Chromium where there is one, and otherwise the one in npm's package, which needs no download.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const INSTALLED = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Starts the browser for a test file. */
export async function startBrowser(t) {
  const browser = await chromium.launch(await program());
  t?.after(() => browser.close());
  return browser;
}

async function program() {
  const given = process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const installed = given ?? INSTALLED.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  // The package's own arguments switch off web security, which these tests are about.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  if (installed) return { executablePath: installed, args };
  const { default: packaged } = await import("@sparticuz/chromium");
  return { executablePath: await packaged.executablePath(), args };
}

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };

/** Opens a private window. What the page complains of is in `complaints`. */
export async function openWindow(browser, serin, { viewport = DESKTOP, ...options } = {}) {
  const context = await browser.newContext({ viewport, baseURL: `http://localhost:${serin.port}`, timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...options });
  const complaints = [];
  const page = await newPage(context, complaints);
  return { context, page, complaints };
}

/** A page whose errors, refused loads and violations of its policy are kept. */
export async function newPage(context, complaints) {
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // An answer that is an error is logged by the browser, and shown by the page.
    if (message.type() === "error" && !/the server responded with a status of/.test(message.text())) complaints.push(message.text());
  });
  return page;
}

/** Signs in on the page. */
export async function signIn(page, token, name = "ada") {
  await page.goto("/__serin/");
  await page.getByLabel("Token").fill(token);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
}
