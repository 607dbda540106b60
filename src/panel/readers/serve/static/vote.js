// Community votes: fetches each tool's share and sends votes without leaving the page.
//
// The tool is named by the id of its votes: its slug, unless it had another one before.
//
// <div data-community="id">
//   <span data-community-share>—</span> <span data-community-votes></span>
//   <form method="post" action="/vote">
//     <input type="hidden" name="tool" value="id"> <input type="hidden" name="next" value="/…">
//     <button name="vote" value="ship">Ship</button> <button name="vote" value="skip">Skip</button>
//   </form>
//   <span data-community-status role="status"></span>
// </div>
//
// Without this script the form works by itself and returns to the page.
"use strict";
(() => {
  const percent = (value) => {
    if (value === null) return "—";
    if (value > 0 && value <= 0.5) return "<1 %";
    if (value >= 99.5 && value < 100) return ">99 %";
    return `${Math.round(value)} %`;
  };

  const put = (box, name, text) => {
    const place = box.querySelector(`[${name}]`);
    if (place) place.textContent = text;
  };

  const show = (id, share) => {
    for (const box of document.querySelectorAll("[data-community]")) {
      if (box.dataset.community !== id) continue;
      put(box, "data-community-share", percent(share.ship_percent));
      const span = share.interval
        ? `, 95 % interval ${Math.round(share.interval[0])}–${Math.round(share.interval[1])} %`
        : "";
      put(box, "data-community-votes", share.n ? `${share.ships} of ${share.n} ship${span}` : "no votes");
      if (!share.vote) continue;
      for (const button of box.querySelectorAll("button[name=vote]")) {
        button.setAttribute("aria-pressed", String(button.value === share.vote));
      }
    }
  };

  const send = async (box, vote) => {
    const id = box.dataset.community;
    put(box, "data-community-status", "Sending …");
    try {
      const answer = await fetch("/api/vote", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ tool: id, vote }),
      });
      const share = await answer.json();
      if (!answer.ok) throw new Error(share.error);
      show(id, share);
      put(box, "data-community-status", `Your vote: ${vote}. You can change it.`);
    } catch (error) {
      put(box, "data-community-status", `Not counted. ${error.message}`);
    }
  };

  const load = async (id) => {
    try {
      const answer = await fetch(`/api/votes/${encodeURIComponent(id)}.json`);
      if (answer.ok) show(id, await answer.json());
    } catch {
      // The page keeps the shares from when it was published.
    }
  };

  const boxes = [...document.querySelectorAll("[data-community]")];
  for (const box of boxes) {
    box.querySelector("form")?.addEventListener("submit", (event) => {
      const vote = event.submitter?.value;
      if (vote !== "ship" && vote !== "skip") return;
      event.preventDefault();
      send(box, vote);
    });
  }
  for (const id of new Set(boxes.map((box) => box.dataset.community))) load(id);
})();
