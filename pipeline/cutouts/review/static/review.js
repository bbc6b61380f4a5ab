"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const { prefix, gate, token, decidable, held, waiting, bad: badAlone } = find("#review").dataset;
  const here = `${prefix}/gate/${gate}`, tiles = all(".tile"), viewer = find("#viewer"), reasons = find("#reasons");
  const kept = `cutouts.review.${gate}`, backgrounds = ["check", "white", "black", "grey"];
  let at = -1, from = -1, on = "check", loading = 0;

  // Marks are kept by the browser until they are sent: over pages, and if the window is closed.
  // A mark is {row: {good, why, alone}}, `alone` if the gate objects to this image alone. For undo, `past` has what each change replaced, null if nothing.
  let marks, past;
  const read = () => {
    ({ marks = {}, past = [] } = JSON.parse(localStorage.getItem(kept) || "{}"));
    past = past.filter(one => typeof one === "object");
  };
  read();
  const keep = () => {
    for (past = past.slice(-50); ; past = past.slice(Math.ceil(past.length / 2))) {
      try { return localStorage.setItem(kept, JSON.stringify({ marks, past })); } catch {
        if (!past.length) return find("#problem").textContent = "The browser cannot keep so many marks: send these before you open another page.";
      }
    }
  };
  const apply = made => { for (const row of Object.keys(made)) if (made[row]) marks[row] = made[row]; else delete marks[row]; keep(); show(); };
  const change = made => { past.push(Object.fromEntries(Object.keys(made).map(row => [row, marks[row] || null]))); apply(made); };
  const undo = () => { if (past.length) apply(past.pop()); };

  const number = value => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const show = () => {
    for (const tile of tiles) {
      const mark = marks[tile.dataset.row];
      if (mark) tile.dataset.mark = mark.good ? "good" : "bad"; else delete tile.dataset.mark;
      if (!tile.dataset.own) tile.dataset.own = find(".why", tile).textContent;
      find(".why", tile).textContent = mark && !mark.good ? mark.why : tile.dataset.own;
      find(".open", tile).setAttribute("aria-label", `${tile.dataset.name}: ${mark ? `${mark.good ? "approved" : "rejected"} by you, ` : ""}open`);
    }
    if (!decidable) return;
    const shown = at < 0 ? {} : tiles[at].dataset;
    all("[data-mark]", viewer).forEach(button => {
      button.setAttribute("aria-pressed", String(button.dataset.mark === shown.mark));
      button.disabled = !("waits" in shown);
    });
    const given = Object.values(marks), good = given.filter(mark => mark.good), bad = given.filter(mark => !mark.good);
    const released = good.filter(mark => mark.alone).length, taken = bad.filter(mark => !mark.alone).length;
    const published = held ? waiting - badAlone + released - taken : released;
    find("#tally").textContent = `${number(good.length)} approved and ${number(bad.length)} rejected by you: ${number(published)} of ${number(waiting)} would be published, ${number(waiting - published)} kept back`;
    find("#undo").disabled = !past.length;
    if (!held) find("[name=action][value=release]").disabled = !given.length;
  };

  let everything = null;  // the images of all pages, once they are selected: {alone: [row], others: [row]}
  const select = chosen => {
    everything = chosen;
    find("#everything")?.setAttribute("aria-pressed", String(!!chosen));
    find("#of-everything")?.toggleAttribute("hidden", !chosen);
    tiles.forEach(tile => tile.classList.toggle("selected", !!chosen && "waits" in tile.dataset));
  };
  const selectEverything = async () => {
    if (everything) return select(null);
    const answer = await fetch(`${here}/waiting`);
    if (answer.ok) select(await answer.json());
  };

  const move = (to, extend = false) => {
    if (!tiles.length) return;
    select(null);
    if (to >= tiles.length) return turn("next");
    if (to < 0) return turn("prev");
    if (!extend) from = to; else if (from < 0) from = Math.max(at, 0);
    at = to;
    tiles.forEach((tile, index) => {
      tile.classList.toggle("current", index === at);
      tile.classList.toggle("selected", from !== at && index >= Math.min(from, at) && index <= Math.max(from, at));
    });
    tiles[at].scrollIntoView({ block: "nearest" });
    if (viewer.open) open(at); else find(".open", tiles[at]).focus({ preventScroll: true });
  };
  const turn = rel => { const link = find(`a[rel=${rel}]`); if (link) location.href = `${link.href}#${rel === "prev" ? "last" : "first"}`; };
  const chosen = () => tiles.slice(Math.min(from, at), Math.max(from, at) + 1).filter(tile => "waits" in tile.dataset);
  const mark = (good, why = "") => {
    if (everything) {
      const { alone, others } = everything;
      change(Object.fromEntries([...alone, ...others].map((row, index) => [row, { good, why, alone: index < alone.length }])));
      return select(null);
    }
    const meant = chosen(), last = Math.max(from, at);
    if (!meant.length) return;
    change(Object.fromEntries(meant.map(tile => [tile.dataset.row, { good, why, alone: "bad" in tile.dataset }])));
    move(last + 1 < tiles.length || find("a[rel=next]") ? last + 1 : last);
  };
  const reject = () => {
    if (!everything && !chosen().length) return;
    reasons.returnValue = "-";
    find("[name=other]", reasons).value = "";
    reasons.showModal();
  };

  const because = why => { reasons.close(); mark(false, why); };

  const picture = (row, kind) => `${here}/picture/${row}/${kind}`;
  const load = (image, source) => { image.classList.remove("gone"); image.src = source; };
  const open = async index => {
    const tile = tiles[index], row = tile.dataset.row, mine = ++loading;
    find("#viewer-name").textContent = tile.dataset.name;
    show();
    for (const [id, kind] of [["view-before", "before"], ["view-cut", "cutout"], ["over-before", "doubt"], ["over-cut", "doubt"], ["edges-before", "edges-before"], ["edges-cut", "edges"]])
      tile.dataset.cut ? load(find(`#${id}`), picture(row, kind)) : find(`#${id}`).classList.add("gone");
    paint();
    if (!viewer.open) viewer.showModal();
    const answer = await fetch(`${here}/image/${row}`);
    if (mine === loading && answer.ok) find("#about").innerHTML = await answer.text();
  };
  const paint = () => {
    find("#view-stage").className = `stage on-${on}`;
    find("#edges-cut").className = `on-${on}`;
    all("[data-on]").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.on === on)));
  };
  const full = () => viewer.classList.toggle("full");
  const doubt = () => find("[data-doubt]").setAttribute("aria-pressed", String(!viewer.classList.toggle("no-doubt")));

  const send = async (path, body) => {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Cutouts-Token": token }, body: JSON.stringify(body) });
    const said = await answer.json().catch(() => ({ problem: `the server answered ${answer.status}` }));
    if (!answer.ok) throw new Error(said.problem);
    return said;
  };
  const decide = async (action, why) => {
    const rows = Object.keys(marks), bad = {}, good = [];
    for (const row of rows) if (marks[row].good) good.push(Number(row)); else bad[row] = marks[row].why;
    const buttons = all("#decide button");
    buttons.forEach(button => { button.disabled = true; });
    find("#problem").textContent = "";
    find("#tally").textContent = "Working…";
    try {
      const said = await send(`${here}/decide`, { action, why, good: action === "reject" ? [] : good, bad: action === "reject" ? {} : bad });
      localStorage.removeItem(kept);
      location.href = said.url;
    } catch (error) {
      buttons.forEach(button => { button.disabled = false; });
      show();
      find("#problem").textContent = error.message;
    }
  };
  const another = async button => {
    const figure = find(".other"), box = find("[data-other]"), row = tiles[at].dataset.row;
    button.disabled = true;
    find("figcaption", figure).textContent = `cutting with ${button.dataset.network}…`;
    figure.hidden = false;
    const answer = await fetch(`${here}/image/${row}/other`, { method: "POST", headers: { "Content-Type": "application/json", "X-Cutouts-Token": token }, body: JSON.stringify({ network: button.dataset.network }) });
    button.disabled = false;
    if (!answer.ok) { find("figcaption", figure).textContent = (await answer.json()).problem; return; }
    const image = new Image();
    image.alt = `cut by ${button.dataset.network}`;
    image.src = URL.createObjectURL(await answer.blob());
    box.className = `stage on-${on}`;
    box.replaceChildren(image);
    find("figcaption", figure).textContent = `by ${button.dataset.network}`;
  };

  document.addEventListener("error", event => event.target.tagName === "IMG" && event.target.classList.add("gone"), true);
  document.addEventListener("click", event => {
    const button = event.target.closest("button"), tile = event.target.closest(".tile");
    if (tile) {
      const index = tiles.indexOf(tile);
      if (event.shiftKey) { event.preventDefault(); move(index, true); } else { move(index); if (button) open(index); }
    } else if (!button) { if (event.target === viewer) viewer.close(); }
    else if (button.dataset.on) { on = button.dataset.on; paint(); }
    else if ("doubt" in button.dataset) doubt();
    else if (button.dataset.step) move(at + Number(button.dataset.step));
    else if ("full" in button.dataset) full();
    else if (button.dataset.network) another(button);
    else if (button.dataset.mark) button.dataset.mark === "good" ? mark(true) : reject();
    else if (button.dataset.reason) because(button.dataset.reason);
    else if (button.id === "undo") undo();
    else if (button.id === "everything") selectEverything();
    else if (button.id === "undo-publication") { button.disabled = true; send(`${here}/undo`, {}).then(said => { location.href = said.url; }, error => { button.disabled = false; button.textContent = error.message; }); }
    else if ("close" in button.dataset) button.closest("dialog").close();
  });
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (reasons && reasons.open) {
      const suggestion = event.target.tagName !== "INPUT" && all("[data-reason]", reasons)[Number(event.key) - 1];
      if (suggestion) { event.preventDefault(); suggestion.click(); }
      return;
    }
    if (event.target.tagName === "INPUT") {
      if (event.key === "Enter") event.preventDefault();  // a reason that is typed decides nothing: the buttons do
      return;
    }
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("a, summary, button:not(.open)")) return;  // it does what it says
    const key = event.key.toLowerCase();
    if (key === "j" || event.key === "ArrowRight") move(at + 1, event.shiftKey);
    else if (key === "k" || event.key === "ArrowLeft") move(Math.max(at, 0) - 1, event.shiftKey);
    else if (key === "a" && decidable) { if (at < 0 && !everything) move(0); mark(true); }
    else if (key === "r" && decidable) { if (at < 0 && !everything) move(0); reject(); }
    else if (key === "u" && decidable) undo();
    else if (event.key === "Enter" && !viewer.open && at >= 0) open(at);
    else if (event.key === " " && at >= 0) { if (!viewer.open) open(at); full(); }
    else if (key === "d" && viewer.open) doubt();
    else if (viewer.open && "1234".includes(event.key)) { on = backgrounds[Number(event.key) - 1]; paint(); }
    else return;
    event.preventDefault();
  });
  viewer.addEventListener("close", () => { viewer.classList.remove("full"); if (at >= 0) find(".open", tiles[at]).focus(); });
  if (reasons) {
    find("form", reasons).addEventListener("submit", event => {
      event.preventDefault();
      const why = find("[name=other]", reasons).value.trim();
      if (why) because(why); else find("[name=other]", reasons).focus();
    });
    all("#decide [name=action]").forEach(button => { button.disabled = false; });
    find("#decide").addEventListener("submit", event => {
      event.preventDefault();
      decide(event.submitter?.value || "release", event.target.why.value.trim());
    });
  }
  // What another tab marked meanwhile, or another page before the browser's Back, is not overwritten, and is sent.
  addEventListener("storage", event => { if (event.key === kept) { read(); show(); } });
  addEventListener("pageshow", event => { if (event.persisted) { read(); show(); } });
  if (location.hash === "#last") move(tiles.length - 1); else if (location.hash === "#first") move(0);
  show();
  fetch(`${here}/histograms`).then(answer => answer.ok ? answer.text() : "").then(html => { find("#histograms").innerHTML = html; });
})();
