// One journal, named behind the '#': what it asks, and its files. The token lives as long as the page.
const journal = location.hash.slice(1);
const part = (id) => document.getElementById(id);
const STATUS = {
  running: "It is being made",
  waiting: "It waits",
  completed: "It is done",
  failed: "It could not be finished",
  cancelled: "It was cancelled",
};
let token = "";

async function ask(path, method = "GET", body = undefined) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  return fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
}

function say(words) {
  part("said").textContent = words;
}

function made(kind, ...parts) {
  const one = document.createElement(kind);
  one.append(...parts);
  return one;
}

function button(label, more, act) {
  const one = made("button", label, ...(more ? [made("small", more)] : []));
  one.addEventListener("click", act);
  return one;
}

async function show() {
  if (!journal) return say("This link names no journal: take the one in the letter.");
  const answer = await ask(`/v1/journals/${encodeURIComponent(journal)}`);
  if (!answer?.ok) return say("You have no such journal, or not at the moment.");
  const state = await answer.json();
  part("what").textContent = state.title ?? state.theme;
  const what = state.open_decisions.length ? "It waits for you" : STATUS[state.status];
  say(`${what}: ${state.percent} %. ${state.trouble?.detail ?? ""}`);
  part("asked").replaceChildren(...state.open_decisions.map(question));
  const shelf = await ask(`/v1/journals/${state.id}/artifacts`);
  part("files").replaceChildren(...(shelf?.ok ? (await shelf.json()).items.map(file) : []));
}

function question(decision) {
  const simple = decision.options.filter((option) => option.id !== "changes"); // it wants notes
  const unasked = decision.options.find((option) => option.id === decision.default);
  const until = new Date(decision.deadline).toLocaleString();
  return made("section",
    made("h2", decision.question),
    ...simple.map((option) =>
      button(option.label, option.detail, () => decide(decision, option.id))),
    made("small", `Without an answer, on ${until}: ${unasked?.label ?? decision.default}.`));
}

async function decide(decision, option) {
  const choice = { option };
  if (option === "own") choice.text = prompt(decision.question);
  if (choice.text === null) return; // thought better of it
  const body = { rev: decision.rev, choice };
  const path = `/v1/journals/${journal}/decisions/${decision.id}`;
  const answer = await ask(path, "POST", body);
  if (answer?.status === 422) return say("It cannot be answered like this.");
  await show();
  if (!answer?.ok) say(answer ? "It was answered already." : "Not at the moment; try again later.");
}

function file(asset) {
  return made("li", button(asset.name, size(asset.bytes), async () => {
    const answer = await ask(asset.href);
    if (!answer?.ok) return say("Not at the moment; try again later.");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = asset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  }));
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function come(answer) {
  token = (await answer.json()).access_token;
  part("door").hidden = part("others").hidden = true;
  say("");
  await show();
}

async function leave(provider) {
  const answer = await ask(`/v1/auth/oidc/${provider}/start`, "POST", { next: `/journal?back#${journal}` });
  if (!answer?.ok) return say("Not at the moment; try again later.");
  location.assign((await answer.json()).url);
}

async function comeBack(proof) {
  const answer = await ask("/v1/auth/oidc/login", "POST", proof);
  if (answer?.ok) return come(answer);
  const { code } = (await answer?.json()) ?? {};
  if (code === "account_exists") return say("You have an account: sign in with its password.");
  if (code !== "second_factor_needed" && code !== "wrong_second_factor") return say("That did not work. Try again.");
  const typed = prompt("The code of your authenticator");
  return typed ? comeBack({ code: typed }) : say("A code is needed.");
}

ask("/v1/auth/oidc/providers").then(async (answer) => {
  const { items } = answer?.ok ? await answer.json() : { items: [] };
  part("others").replaceChildren(...items.map((each) =>
    button(`Sign in with ${each.title}`, "", () => leave(each.name))));
});

if (location.search === "?back") {
  history.replaceState(null, "", location.pathname + location.hash);
  comeBack({});
}

part("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  const who = { email: part("email").value, password: part("password").value };
  if (part("code").value) who.code = part("code").value;
  const answer = await ask("/v1/auth/login", "POST", who);
  if (!answer?.ok) return say(answer?.status === 401 ? "That is not right." : "Not at the moment; try again later.");
  await come(answer);
});
