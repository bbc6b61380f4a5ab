"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const { prefix, gate, token, by, decidable, held, waiting, bad: badAlone } = find("#review").dataset;
  const here = `${prefix}/gate/${gate}`, tiles = all(".tile"), viewer = find("#viewer"), reasons = find("#reasons");
  const kept = `cutouts.review.${gate}.${by}`, backgrounds = ["check", "white", "black", "grey"];
  let at = -1, from = -1, on = "check", loading = 0, looking = false;

  // Ask the server, or send it something. Raises an error with words for a person.
  const ask = async (path, sent) => {
    const how = sent && { method: "POST", headers: { "Content-Type": "application/json", "X-Cutouts-Token": token }, body: JSON.stringify(sent) };
    const answer = await fetch(`${here}${path}`, how).catch(() => { throw new Error("The server does not answer. Try again: your marks are kept."); });
    if (answer.ok) return answer;
    if (answer.status === 401) throw new Error("You are not logged in any more. Log in in another tab, then try again: your marks are kept.");
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.problem || `the server answered ${answer.status}`);
  };
  const complain = error => { if (decidable) find("#problem").textContent = error.message; };

  // Marks are kept by the browser until they are sent: over pages, and if the window is closed.
  // A mark is {row: {good, why, alone}}, `alone` if the gate objects to this image alone. For undo, `past` has what each change replaced, null if nothing.
  let marks, past;
  const read = () => {
    ({ marks = {}, past = [] } = JSON.parse(localStorage.getItem(kept) || "{}"));
    past = past.filter(one => typeof one === "object");
    if (!decidable) marks = {};  // somebody decided: nothing of this was sent
  };
  read();
  const keep = () => {
    for (past = past.slice(-50); ; past = past.slice(Math.ceil(past.length / 2))) {
      try { return localStorage.setItem(kept, JSON.stringify({ marks, past })); } catch {
        if (!past.length) return complain(new Error("The browser cannot keep so many marks: send these before you open another page."));
      }
    }
  };
  const apply = made => { for (const row of Object.keys(made)) if (made[row]) marks[row] = made[row]; else delete marks[row]; keep(); show(); };
  const change = made => { past.push(Object.fromEntries(Object.keys(made).map(row => [row, marks[row] || null]))); apply(made); };
  const undo = () => { if (past.length) apply(past.pop()); };
  const forgetDecided = async () => {
    if (!decidable || !Object.keys(marks).length) return;
    const { alone, others } = await (await ask("/waiting")).json(), wait = new Set([...alone, ...others].map(String));
    const gone = Object.keys(marks).filter(row => !wait.has(row));
    if (!gone.length) return;
    past = [];
    apply(Object.fromEntries(gone.map(row => [row, null])));
    complain(new Error(`${number(gone.length)} of the images that you marked ${gone.length === 1 ? "does" : "do"} not wait any more: somebody decided about ${gone.length === 1 ? "it" : "them"} meanwhile.`));
  };

  const number = value => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const show = () => {
    for (const tile of tiles) {
      const mark = marks[tile.dataset.row];
      if (mark) tile.dataset.mark = mark.good ? "good" : "bad"; else delete tile.dataset.mark;
      if (!tile.dataset.own) tile.dataset.own = find(".why", tile).textContent;
      find(".why", tile).textContent = mark && !mark.good ? mark.why : tile.dataset.own;
      find(".open", tile).setAttribute("aria-label", `${tile.dataset.name}: ${mark ? `${mark.good ? "approved" : "rejected"} by you, ` : ""}open`);
    }
    const shown = at < 0 ? {} : tiles[at].dataset;
    if (at >= 0) find("#viewer-why").textContent = [`${at + 1} of ${tiles.length} on this page`, find(".p-bad", tiles[at]) && `${find(".p-bad", tiles[at]).textContent} probability that it is bad`, find(".why", tiles[at]).textContent].filter(Boolean).join(" · ");
    if (!decidable) return;
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
    await ask("/waiting").then(answer => answer.json()).then(select, complain);
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
    tiles[at].scrollIntoView({ block: "nearest", behavior: "instant" });  // a held key must not wait for it
    if (viewer.open) open(at); else find(".open", tiles[at]).focus({ preventScroll: true });
  };
  const turn = rel => {
    const link = find(`a[rel=${rel}]`), look = !viewer.open ? "" : viewer.classList.contains("full") ? "-full" : "-open";
    if (link) location.href = `${link.href}#${rel === "prev" ? "last" : "first"}${look}`;
  };
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
    const many = everything ? everything.alone.length + everything.others.length : chosen().length;
    if (!many) return;
    reasons.returnValue = "-";
    find("#reasons-title").textContent = many === 1 ? "Why reject this image?" : `Why reject these ${number(many)} images?`;
    find("[name=other]", reasons).value = "";
    reasons.showModal();
  };

  const because = why => { reasons.close(); mark(false, why); };

  const picture = (row, kind) => `${here}/picture/${row}/${kind}`;
  // Until a picture has arrived, the browser still has the one before: it must not be taken for this image.
  const load = (image, source) => {
    image.classList.toggle("gone", !source);
    image.classList.toggle("loading", !!source);
    if (source) image.src = source; else image.removeAttribute("src");
  };
  const open = async index => {
    const tile = tiles[index], row = tile.dataset.row, mine = ++loading;
    find("#viewer-name").textContent = tile.dataset.name;
    show();
    for (const [id, kind] of [["view-before", "before"], ["view-cut", "cutout"], ["over-before", "doubt"], ["over-cut", "doubt"], ["edges-before", "edges-before"], ["edges-cut", "edges"]])
      load(find(`#${id}`), tile.dataset.cut && picture(row, kind));
    paint();
    if (!viewer.open) {
      looking = true;
      viewer.showModal();
      find("#viewer-name").focus();
    }
    const about = find("#about");
    about.textContent = "Loading…";
    try {
      const text = await (await ask(`/image/${row}`)).text();
      if (mine === loading) about.innerHTML = text;
    } catch (error) { if (mine === loading) about.textContent = error.message; }
  };
  const paint = () => {
    for (const one of [find("#view-stage"), find("#edges-cut")]) backgrounds.forEach(name => one.classList.toggle(`on-${name}`, name === on));
    all("[data-on]").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.on === on)));
  };
  const full = () => { viewer.classList.toggle("full"); viewer.scrollTop = 0; };
  const doubt = () => find("[data-doubt]").setAttribute("aria-pressed", String(!viewer.classList.toggle("no-doubt")));

  const send = async (path, body) => (await ask(path, body)).json();
  const decide = async (action, why) => {
    const rows = Object.keys(marks), bad = {}, good = [];
    for (const row of rows) if (marks[row].good) good.push(Number(row)); else bad[row] = marks[row].why;
    const buttons = all("#decide button");
    buttons.forEach(button => { button.disabled = true; });
    find("#problem").textContent = "";
    find("#tally").textContent = "Working…";
    try {
      const said = await send("/decide", { action, why, good: action === "reject" ? [] : good, bad: action === "reject" ? {} : bad });
      localStorage.removeItem(kept);
      location.href = said.url;
    } catch (error) {
      buttons.forEach(button => { button.disabled = false; });
      show();
      complain(error);
    }
  };
  const another = async button => {
    const figure = find(".other"), box = find("[data-other]"), row = tiles[at].dataset.row;
    button.disabled = true;
    find("figcaption", figure).textContent = `cutting with ${button.dataset.network}…`;
    figure.hidden = false;
    try {
      const image = new Image();
      image.src = URL.createObjectURL(await (await ask(`/image/${row}/other`, { network: button.dataset.network })).blob());
      image.alt = `cut by ${button.dataset.network}`;
      box.className = `stage on-${on}`;
      box.replaceChildren(image);
      find("figcaption", figure).textContent = `by ${button.dataset.network}`;
    } catch (error) { find("figcaption", figure).textContent = error.message; }
    button.disabled = false;
  };

  const arrived = event => {
    if (event.target.tagName !== "IMG") return;
    event.target.classList.remove("loading");
    event.target.classList.toggle("gone", event.type === "error");
  };
  for (const type of ["load", "error"]) document.addEventListener(type, arrived, true);
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
    else if (button.id === "undo-publication") { button.disabled = true; send("/undo", {}).then(said => { location.href = said.url; }, error => { button.disabled = false; button.textContent = error.message; }); }
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
  viewer.addEventListener("close", () => {
    viewer.classList.remove("full");
    if (at >= 0) find(".open", tiles[at]).focus();
    looking = false;
  });
  // What has the focus is selected, if the keyboard moved it; a dialog that closes gives it back to where it was opened.
  document.addEventListener("focusin", event => {
    const index = tiles.indexOf(event.target.closest(".tile"));
    if (index >= 0 && index !== at && !looking && event.target.matches(":focus-visible")) move(index);
  });
  if (reasons) {
    find("form", reasons).addEventListener("submit", event => {
      event.preventDefault();
      const why = find("[name=other]", reasons).value.trim();
      if (why) because(why); else find("[name=other]", reasons).focus();
    });
    all("#decide [name=action]").forEach(button => { button.disabled = false; });
    // What is selected or has the focus is not behind the bar at the bottom, also if its words become longer.
    new ResizeObserver(() => {
      document.documentElement.style.scrollPaddingBottom = `${find("#decide").offsetHeight + 24}px`;
      if (at >= 0) tiles[at].scrollIntoView({ block: "nearest", behavior: "instant" });
    }).observe(find("#decide"));
    find("#decide").addEventListener("submit", event => {
      event.preventDefault();
      decide(event.submitter?.value || "release", event.target.why.value.trim());
    });
  }
  // What another tab marked meanwhile, or another page before the browser's Back, is not overwritten, and is sent.
  addEventListener("storage", event => { if (event.key === kept) { read(); show(); } });
  addEventListener("pageshow", event => { if (event.persisted) { read(); show(); forgetDecided().catch(complain); } });
  const [, edge, look] = location.hash.match(/^#(first|last)(-open|-full)?$/) || [];
  if (edge && tiles.length) {
    move(edge === "last" ? tiles.length - 1 : 0);
    if (look) open(at);
    if (look === "-full") full();
  }
  show();
  forgetDecided().catch(complain);
  ask("/histograms").then(answer => answer.text()).then(html => { find("#histograms").innerHTML = html; }, error => { find("#histograms").textContent = error.message; });
})();
