// The page's own server, and nothing else.

const token = document.querySelector("meta[name=sandbox-token]").content;

/** Gets JSON. */
export async function get(path, signal) {
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.json();
}

/** Posts an act; the answer says `ok`, and `error` in words where it is not. */
export async function post(act, body) {
  try {
    const answer = await fetch(`/api/${act}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Sandbox-Token": token },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "The sandbox does not answer. Is it still running?" };
  }
}
