// Writes the report of a release as markdown for the job's summary: the result and the time of each stage, from GitHub's API.
// Needs Node alone. On a laptop, set GITHUB_REPOSITORY, GITHUB_RUN_ID and GITHUB_TOKEN of the run.

const { GITHUB_API_URL = "https://api.github.com", GITHUB_REPOSITORY, GITHUB_RUN_ID, GITHUB_TOKEN, GITHUB_JOB } = process.env;
const attempt = process.env.GITHUB_RUN_ATTEMPT ?? 1;

const url = `${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}/attempts/${attempt}/jobs?per_page=100`;
const headers = { accept: "application/vnd.github+json", authorization: `Bearer ${GITHUB_TOKEN}` };
const answer = await fetch(url, { headers });
if (!answer.ok) {
  console.error(`report: ${url} answered ${answer.status}: ${await answer.text()}`);
  process.exit(1);
}
const stages = (await answer.json()).jobs.filter(({ name }) => name !== GITHUB_JOB);

console.log("| stage | result | time |\n| --- | --- | --- |");
for (const { name, conclusion, started_at: began, completed_at: ended } of stages) {
  console.log(`| ${name} | ${conclusion ?? "running"} | ${time(conclusion, began, ended)} |`);
}
const stopped = stages.filter(({ conclusion }) => conclusion === "failure").map(({ name }) => name);
console.log(`\n${stopped.length === 0 ? "No stage failed." : `Stopped at ${stopped.join(", ")}.`}`);

function time(conclusion, began, ended) {
  if (!began || !ended || conclusion === "skipped") return "–";
  const seconds = Math.round((Date.parse(ended) - Date.parse(began)) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
