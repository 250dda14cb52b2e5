// Serin's work around a request to the canary, written by hand: a deadline for the head of the answer, with a timer of its own that
// the answer clears, and stable's answer to a GET that the canary failed.

const DEADLINE_MS = 15_000;

export async function guard(side, request, env) {
  if (side !== "CANARY") return env[side].fetch(request);
  const mayRepeat = request.method === "GET" && request.body === null;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("late")), DEADLINE_MS);
  });
  try {
    const answer = await Promise.race([env.CANARY.fetch(request), late]);
    if (answer.status < 500 || !mayRepeat) return answer;
  } catch {
    if (!mayRepeat) return new Response("The canary did not answer", { status: 502 });
  } finally {
    clearTimeout(timer);
  }
  return env.STABLE.fetch(request);
}
