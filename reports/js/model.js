// The data of the page and what the address says about it. Shapes: harness/report/data.py.

/** Data of the page by its element's id; large ones are deflated (harness/report/embed.py). */
async function read(id) {
  const node = document.getElementById(id);
  if (node.type === 'application/json') return JSON.parse(node.textContent);
  const bytes = Uint8Array.from(atob(node.textContent), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).json();
}

const data = await read('data');
const DIMENSIONS = ['model', 'device', 'delegate', 'threads', 'cpus', 'binary'];
const virtualDevices = new Set(data.virtual);
const plural = (count, one, many) => `${count} ${count === 1 ? one : many || one + 's'}`;

const cells = data.cells.map((raw) => {
  const cell = { ...raw };
  DIMENSIONS.forEach((name, index) => { cell[name] = data.dimensions[name][raw.key[index]]; });
  cell.config = `${cell.device} · ${cell.delegate} · ${plural(Number(cell.threads), 'thread')} · ${cell.cpus}${cell.binary ? ` · ${cell.binary}` : ''}`;
  cell.text = [cell.model, cell.device, cell.delegate, plural(Number(cell.threads), 'thread'), cell.cpus, cell.mask, cell.binary, cell.state,
    ...cell.causes, cell.synthetic ? 'synthetic' : '', virtualDevices.has(cell.device) ? 'virtual' : ''].join('\n').toLowerCase();
  cell.trials = [];
  return cell;
});
const cellById = new Map(cells.map((cell) => [cell.id, cell]));
const keyOf = (values) => JSON.stringify(DIMENSIONS.map((name) => values[name]));
const cellByKey = new Map(cells.map((cell) => [keyOf(cell), cell]));

const trials = data.trials.map((raw) => {
  const trial = { causes: [], evidence: [], setbacks: [], settings: [], simulated: [], notes: [], unconsumed: [], logs: {}, ...raw, cell: cells[raw.cell] };
  trial.cell.trials.push(trial);
  trial.text = `${trial.cell.text}\n${[trial.id, trial.purpose, trial.status, trial.message || '', ...trial.causes, ...trial.evidence].join('\n').toLowerCase()}`;
  return trial;
});

// --- what the address keeps: filter, baseline, chosen cells, sort orders ---------------------------------------------------

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
  history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search);
  tell(new Set([key]));
}

function tell(changed) {
  for (const { keys, listener } of listeners.slice()) if (keys.some((key) => changed.has(key))) listener();
}

// --- filter and baseline ----------------------------------------------------------------------------------------------------

const words = (key = 'q') => (state.get(key) || '').toLowerCase().split(/\s+/).filter(Boolean);

/** Whether a text (in lower case) holds every word of a filter: `q`, the page's, or `oq`, the ops'. */
function matcher(key = 'q') {
  const wanted = words(key);
  return (text) => wanted.every((word) => text.includes(word));
}

const baselineText = () => state.get('base') ?? data.baseline;

/** The cell that `cell` is compared with, or null: no baseline chosen, or the run has no such cell. */
function baselineCell(cell) {
  const changes = [...new URLSearchParams(baselineText())].filter(([name]) => DIMENSIONS.includes(name));
  if (!changes.length) return null;
  return cellByKey.get(keyOf({ ...Object.fromEntries(DIMENSIONS.map((name) => [name, cell[name]])), ...Object.fromEntries(changes) })) || null;
}

/** {value, same, clear}: ratio of latencies; `same` for the baseline itself; `clear` where the ranges of processes do not overlap. */
function ratioOf(cell) {
  const base = baselineCell(cell);
  if (!base || base.state !== 'ok' || cell.state !== 'ok' || !base.latency || !cell.latency || !base.latency[0]) return null;
  const [, low, high, count] = cell.latency;
  const [, baseLow, baseHigh, baseCount] = base.latency;
  return {
    value: cell.latency[0] / base.latency[0],
    same: base === cell,
    clear: count > 1 && baseCount > 1 && (high < baseLow || low > baseHigh),
  };
}
