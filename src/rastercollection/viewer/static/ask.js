// Questions to the page's own server.

/** The JSON that it answers; an error says what it said. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer.json();
  throw new Error(await reasonOf(answer));
}

/** What an answer that is an error says. */
export async function reasonOf(answer) {
  const text = await answer.text();
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : `the server answered ${answer.status}`;
  } catch {
    return text.slice(0, 300) || `the server answered ${answer.status}`;
  }
}
