// The data of the page. Shapes: harness/report/page_data.py.

const data = await read('data');
const DIMENSIONS = ['model', 'device', 'delegate', 'threads', 'cpus', 'binary', 'variant'];
const virtualDevices = new Set(data.virtual);
/** Whether the page sets two sides against each other, base and head; else it is the report of one run. */
const sided = data.baseline.origin === 'sides';
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
