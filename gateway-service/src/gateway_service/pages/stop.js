// The link itself says for whom; only this button asks for it.
const part = (id) => document.getElementById(id);

part("stop").addEventListener("click", async () => {
  const answer = await fetch(location.href, { method: "POST" }).catch(() => null);
  const told = { 204: "Done: no more letters.", 410: "This link is not whole.", 422: "This link is not whole." };
  part("said").textContent = told[answer?.status] ?? "Not at the moment; try again later.";
  part("stop").hidden = answer?.status === 204;
});
