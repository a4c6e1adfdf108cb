// How every page reads its data, and what its address keeps.

/** Text of a part of the page by its element's id; large parts are deflated (harness/report/embed.py). */
async function unpack(id) {
  const node = document.getElementById(id);
  if (node.type === 'application/json') return node.textContent;
  const bytes = Uint8Array.from(atob(node.textContent), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).text();
}
const read = async (id) => JSON.parse(await unpack(id));

/** Does `work` when it is first asked for, and never again. */
function once(work) {
  let made = null;
  return () => (made ??= work());
}

const plural = (count, one, many) => `${count} ${count === 1 ? one : many || one + 's'}`;

// --- what the address keeps: filter, baseline, chosen cells, the open one, sort orders ---------------------------------------------------

const state = new Map();
const listeners = [];

/** Calls `listener` whenever one of `keys` changes, and once now. Returns what ends it. */
function watch(keys, listener) {
  const entry = { keys, listener };
  listeners.push(entry);
  listener();
  return () => { listeners.splice(listeners.indexOf(entry), 1); };
}

function readAddress() {
  const hash = location.hash.slice(1);
  const wanted = new Map(hash.includes('=') ? new URLSearchParams(hash) : []);
  const changed = new Set([...state.keys(), ...wanted.keys()].filter((key) => state.get(key) !== wanted.get(key)));
  state.clear();
  wanted.forEach((value, key) => state.set(key, value));
  tell(changed);
}

/** Keeps `value` under `key` in the address; null forgets it. */
function keep(key, value) {
  if ((state.get(key) ?? null) === value) return;
  if (value === null) state.delete(key); else state.set(key, value);
  const hash = new URLSearchParams([...state].sort(([a], [b]) => (a < b ? -1 : 1))).toString();
  // What is opened over the page is a step that the Back button takes back; everything else is one place.
  const step = (key === 'cell' || key === 'series') && value !== null ? 'pushState' : 'replaceState';
  history[step](null, '', hash ? `#${hash}` : location.pathname + location.search);
  tell(new Set([key]));
}

function tell(changed) {
  for (const { keys, listener } of listeners.slice()) if (keys.some((key) => changed.has(key))) listener();
}

// --- filter -----------------------------------------------------------------------------------------------------------------

const words = (key = 'q') => (state.get(key) || '').toLowerCase().split(/\s+/).filter(Boolean);

/** Whether a text (in lower case) holds every word of a filter: `q`, the page's, or `oq`, the ops'. */
function matcher(key = 'q') {
  const wanted = words(key);
  return (text) => wanted.every((word) => text.includes(word));
}
