// What a letter offers stands behind the '#': it is said to the gateway alone, and once.
const [purpose, token] = location.hash.slice(1).split("=");
history.replaceState(null, "", location.pathname);
const offers = {
  verify: ["This is my address", "/v1/auth/verify", "password"],
  reset: ["Choose a new password", "/v1/auth/reset", "new"],
  change: ["This is my new address", "/v1/auth/mail/confirm", "password"],
};
const told = {
  204: "Done.",
  401: "The password is wrong.",
  409: "Another account has this address by now.",
  410: "This letter holds no more: have another sent.",
  422: "This password is not taken: 15 characters at least, and none that is guessed first.",
};
const part = (id) => document.getElementById(id);
const offer = offers[purpose];

part("what").textContent = offer ? offer[0] : "This link is not whole";
part("answer").hidden = !offer;
part("answer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ token, [offer[2]]: part("password").value });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(offer[1], { method: "POST", headers, body }).catch(() => null);
  part("said").textContent = told[answer?.status] ?? "Not at the moment; try again later.";
  part("answer").hidden = [204, 409, 410].includes(answer?.status);
});
