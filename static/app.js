// Pages work without this.
const box = document.getElementById("dialog");
const on = (name, run, capture) => document.addEventListener(name, run, capture);
const byId = (id) => document.getElementById(id);
document.documentElement.classList.add("js");

// ---- dialogs: what lands in #dialog becomes modal; emptied, it gives the focus back
const FIELD = "input:not([type=hidden],[readonly]), select, textarea";
let opener = {}; // what was pressed; its address and the ids around it, should it be replaced
let home = null; // where to go when the page itself came with the dialog
let shown = false;
let stood = ""; // id of the focused field
let typed = []; // secrets: the server never sends them back
const current = () => box.querySelector("dialog");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function remember(element) {
  const ids = [];
  for (let e = element; e; e = e.parentElement) if (e.id) ids.push(e.id);
  opener = { element, ids, href: element.getAttribute("href") };
}

function show(dialog) {
  shown = true;
  dialog.open = false;
  dialog.showModal();
  for (const { id, value } of typed) if (byId(id)?.type === "password") byId(id).value ||= value;
  const alert = dialog.querySelector("[role=alert], [role=status]");
  const field = all(FIELD, dialog).find((e) => !e.disabled && e.checkVisibility());
  if (alert) alert.tabIndex = -1;
  (alert || byId(stood) || field || dialog.querySelector("h2")).focus(); // a redrawn dialog keeps the focus
  stood = "";
}

function giveBack() {
  const { element, ids = [], href } = opener;
  const around = ids.map(byId).find(Boolean) || byId("main");
  const same = all("a[href]", around).find((a) => a.getAttribute("href") === href);
  if (!same) around.tabIndex = -1;
  (element?.isConnected ? element : same || around).focus();
  if (home) history.replaceState(null, "", home);
  shown = false;
  home = null;
  opener = {};
}

function close() {
  if (home) location.assign(home);
  else box.replaceChildren();
}

function settle() {
  if (current()) show(current());
  else if (shown) giveBack();
}
home = current()?.querySelector("a[data-close]")?.href;
settle();
new MutationObserver(settle).observe(box, { childList: true });

on("cancel", (event) => {
  if (event.target !== current()) return; // file pickers cancel too
  event.preventDefault();
  close();
}, true);

// ---- one submit at a time
function busy(form) {
  const had = document.activeElement;
  const stopped = [...form.elements].filter((e) => e.type === "submit" && !e.disabled);
  form.ariaBusy = "true";
  for (const e of stopped) e.disabled = true;
  return () => {
    form.ariaBusy = null;
    for (const e of stopped) e.disabled = false;
    if (had.isConnected && document.activeElement === document.body) had.focus();
  };
}
const ends = new WeakMap(); // request → what frees its form

on("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.target) return;
  setTimeout(() => { // once the browser has read the pressed button
    const end = busy(form);
    setTimeout(end, 20000); // downloads leave the page standing
    addEventListener("pageshow", end, { once: true });
  });
});
on("htmx:beforeRequest", ({ detail: { elt, xhr, target } }) => {
  if (target === box && !box.contains(elt)) remember(elt);
  const form = elt.matches("form") ? elt : elt.matches("button") && elt.form;
  if (form) ends.set(xhr, busy(form));
  if (form !== elt) elt.ariaBusy = "true";
});
on("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
  elt.ariaBusy = null;
  ends.get(xhr)?.();
});

// ---- alerts: in the open dialog, else on the page
const alerts = () => current()?.querySelector(".dialog-alerts") || byId("alerts");
on("htmx:beforeSwap", ({ detail }) => {
  stood = box.contains(document.activeElement) && document.activeElement.id;
  if (detail.target.id === "alerts") detail.target = alerts();
  else typed = detail.requestConfig.verb === "post" ? all("[type=password]", box) : [];
});
const unanswered = () => alerts().replaceChildren(byId("no-answer").content.cloneNode(true));
for (const name of ["sendError", "timeout"]) on("htmx:" + name, unanswered);

// ---- clicks
async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("span") || button;
  const before = (button.dataset.label ||= label.textContent);
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    label.textContent = "Copied";
  } catch { // plain http: the old way
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    label.textContent = document.execCommand("copy") ? "Copied" : "Selected: press Ctrl+C";
  }
  setTimeout(() => { label.textContent = before; }, 2500);
}

on("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (at("[data-copy]")) copy(at("[data-copy]"));
  if (at("#dialog [data-close]")) {
    event.preventDefault();
    close();
  }
  const dismiss = at("[data-dismiss]");
  const gone = dismiss?.closest(".alert, .strip, [data-dismissible]");
  if (gone && dismiss.form) gone.hidden = true; // its form still has to be sent
  else gone?.remove();
  const menu = document.querySelector(".user-menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// ---- "5 min ago" stays true, worded as by the server's filter `ago`
const UNITS = [[3600, 60, "min"], [86400, 3600, "hour"], [2592000, 86400, "day"]];
setInterval(() => {
  for (const time of all("time[data-relative]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const [, size, word] = UNITS.find(([limit]) => seconds < limit) || [];
    if (!size || seconds < 45) continue;
    const count = Math.max(1, Math.round(seconds / size));
    time.textContent = `${count} ${word}${count === 1 || word === "min" ? "" : "s"} ago`;
  }
}, 15000);
