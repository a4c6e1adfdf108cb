// The data of the page and what the address says about it. Shapes: harness/report/page_data.py.

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

const data = await read('data');
const DIMENSIONS = ['model', 'device', 'delegate', 'threads', 'cpus', 'binary', 'variant'];
const virtualDevices = new Set(data.virtual);
/** Whether the page sets two sides against each other, base and head; else it is the report of one run. */
const sided = data.baseline.origin === 'sides';
const plural = (count, one, many) => `${count} ${count === 1 ? one : many || one + 's'}`;
/** Threads as they are asked for; -1 is the tool's own word for its default, which a log may be all that is left of. */
const threadWords = (threads) => (threads > 0 ? plural(threads, 'thread') : 'default threads');

/** Median, smallest, largest, count; a single process is written as its value alone. */
const whole = (spread) => (spread?.length === 1 ? [spread[0], spread[0], spread[0], 1] : spread);

const cells = data.cells.map((raw) => {
  const cell = { ...raw, latency: whole(raw.latency), init: whole(raw.init), first: whole(raw.first), memory: Object.fromEntries(Object.entries(raw.memory).map(([key, value]) => [key, key === 'source' ? value : whole(value)])) };
  DIMENSIONS.forEach((name, index) => { cell[name] = data.dimensions[name][raw.key[index]]; });
  cell.title = cell.variant ? `${cell.model}, ${cell.variant}` : cell.model;
  cell.config = `${sided ? `${cell.side} · ` : ''}${cell.variant ? `${cell.variant} · ` : ''}${cell.device} · ${cell.delegate} · ${threadWords(cell.threads)} · ${cell.cpus}${cell.binary ? ` · ${cell.binary}` : ''}`;
  cell.text = [cell.side ?? '', cell.model, cell.device, cell.delegate, threadWords(cell.threads), cell.cpus, cell.mask, cell.binary, cell.variant, cell.state,
    ...cell.causes, cell.synthetic ? 'synthetic' : '', virtualDevices.has(cell.device) ? 'virtual' : ''].join('\n').toLowerCase();
  return cell;
});
const cellById = new Map(cells.map((cell) => [cell.id, cell]));
const keyOf = (values) => JSON.stringify(DIMENSIONS.map((name) => values[name]));
const cellByKey = new Map(cells.map((cell) => [keyOf(cell), cell]));

/** Every process. They are many, so they are read when first shown: await it before anything that shows processes. */
const loadTrials = once(async () => {
  const all = (await read('trials-data')).map((raw) => new Trial(raw));
  for (const cell of cells) cell.trials = [];
  for (const trial of all) trial.cell.trials.push(trial);
  return all;
});

class Trial {
  constructor(raw) {
    Object.assign(this, { causes: [], evidence: [], setbacks: [], settings: [], simulated: [], notes: [], unconsumed: [], logs: {}, ...raw, cell: cells[raw.cell] });
  }

  /** What filters look at. */
  get text() {
    this.words ??= [this.id, this.purpose, this.status, this.message || '', ...this.causes, ...this.evidence].join('\n').toLowerCase();
    return `${textOf(this.cell)}\n${this.words}`;
  }
}

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
  // An opened cell is a step that the Back button takes back; everything else is one place.
  const step = key === 'cell' && value !== null ? 'pushState' : 'replaceState';
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
