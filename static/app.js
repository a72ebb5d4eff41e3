// Pages work without this.
const on = document.addEventListener.bind(document);
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const box = byId("dialog");
document.documentElement.classList.add("js");

// -- dialogs: what lands in #dialog becomes modal; emptied, it gives the focus back
let opener; // what was pressed
let home; // where to go when the page itself came with the dialog
let shown = false;
let stood; // id of the focused field
let typed = []; // secrets: the server never sends them back
const current = () => box.querySelector("dialog");

function show(dialog) {
  shown = true;
  dialog.open = false;
  dialog.showModal();
  for (const { id, value } of typed) if (byId(id)?.type === "password") byId(id).value ||= value;
  const alert = dialog.querySelector("[role=alert], [role=status]");
  const field = all(":is(input:not([readonly]), select, textarea):enabled", dialog).find((e) => e.checkVisibility());
  if (alert) alert.tabIndex = -1;
  (alert || byId(stood) || field || dialog.querySelector("h2")).focus(); // a redrawn dialog keeps the focus
  stood = "";
}

function giveBack() {
  let place = opener; // or what stands for it, or around it, by now
  while (place && !place.isConnected) place = byId(place.id) || place.parentElement;
  place ||= byId("main");
  const same = place.querySelector(`a[href="${CSS.escape(opener?.getAttribute("href"))}"]`) || place;
  if (same.tabIndex < 0) same.tabIndex = -1;
  same.focus();
  if (home) history.replaceState(null, "", home);
  shown = false;
  home = opener = null;
}

const close = () => (home ? location.assign(home) : box.replaceChildren());
const settle = () => (current() ? show(current()) : shown && giveBack());
home = current()?.querySelector("a[data-close]")?.href;
settle();
new MutationObserver(settle).observe(box, { childList: true });

on("cancel", (event) => {
  if (event.target !== current()) return; // file pickers cancel too
  event.preventDefault();
  close();
}, true);

// -- one submit at a time
function busy(form) {
  const had = document.activeElement;
  const stopped = all("button:enabled:not([type=button])", form);
  form.ariaBusy = "true";
  for (const e of stopped) e.disabled = true;
  return () => {
    form.ariaBusy = null;
    for (const e of stopped) e.disabled = false;
    if (document.activeElement === document.body) (had.isConnected ? had : byId(had.id))?.focus();
  };
}

on("submit", ({ target: form, defaultPrevented }) => {
  if (defaultPrevented || form.method !== "post" || form.target) return;
  setTimeout(() => { // once the browser has read the pressed button
    const end = busy(form);
    setTimeout(end, 20000); // downloads leave the page standing
    addEventListener("pageshow", end);
  });
});
on("htmx:beforeRequest", ({ detail: { elt, xhr, target } }) => {
  if (target === box && !box.contains(elt)) opener = elt;
  const form = elt.matches("form") ? elt : elt.matches("button") && elt.form;
  if (form) xhr.end = busy(form);
  elt.ariaBusy = "true";
});
on("htmx:afterRequest", ({ detail: { elt, xhr } }) => {
  elt.ariaBusy = null;
  xhr.end?.();
});

// -- alerts: in the dialog, else on the page
const alerts = () => current()?.querySelector(".dialog-alerts") || byId("alerts");
on("htmx:beforeSwap", ({ detail }) => {
  stood = box.contains(document.activeElement) && document.activeElement.id;
  if (detail.target.id === "alerts") detail.target = alerts();
  else typed = detail.requestConfig.verb === "post" ? all("[type=password]", box) : [];
});
for (const name of ["sendError", "timeout"]) {
  on("htmx:" + name, () => alerts().replaceChildren(byId("no-answer").content.cloneNode(true)));
}

// -- clicks
async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.firstElementChild;
  const before = (button.dataset.label ||= label.textContent);
  let copied = true;
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
  } catch { // plain http
    getSelection().selectAllChildren(source);
    copied = document.execCommand("copy");
  }
  label.textContent = copied ? "Copied" : "Selected: press Ctrl+C";
  setTimeout(() => { label.textContent = before; }, 2500);
}

on("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (at("[data-copy]")) copy(at("[data-copy]"));
  if (at("#dialog [data-close]")) {
    event.preventDefault();
    close();
  }
  const gone = at("[data-dismiss]")?.closest(".alert, [data-dismissible]");
  if (gone) gone.hidden = true; // a form in it still has to be sent
  for (const menu of all(".user-menu[open]")) menu.open = menu.contains(event.target);
});

// -- rules: dragged by their grip
let rule;
on("pointerdown", ({ target, button }) => {
  rule = !button && target.closest(".grip")?.parentElement;
});
on("pointermove", ({ clientX: x, clientY: y, buttons }) => {
  const over = buttons && rule && document.elementFromPoint(x, y)?.closest("li:has(> .grip)");
  if (!over || over === rule) return;
  const { top, height } = over.getBoundingClientRect();
  over[y < top + height / 2 ? "before" : "after"](rule);
});
on("pointerup", () => {
  if (!rule) return;
  const place = rule.querySelector("[name=place]");
  place.value = all("li", rule.parentElement).indexOf(rule) + 1;
  rule.querySelector("a").focus(); // kept in the answer
  rule = null;
  place.form.requestSubmit();
});

// -- "5 min ago" stays true, worded as by the server's filter `ago`
setInterval(() => {
  for (const time of all("time[data-relative]")) {
    const minutes = (Date.now() - Date.parse(time.dateTime)) / 60000;
    if (minutes < 0.75 || minutes >= 43200) continue;
    const [size, word] = minutes < 60 ? [1, "min"] : minutes < 1440 ? [60, "hour"] : [1440, "day"];
    const count = Math.round(minutes / size);
    time.textContent = `${count} ${word}${count > 1 && size > 1 ? "s" : ""} ago`;
  }
}, 15000);
