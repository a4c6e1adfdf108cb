// The baseline and what comparisons with it came to. All numbers and verdicts are made by harness/report/comparison_data.py; here they are
// only looked up, so the matrix, the forest plot and a cell's details cannot disagree.

// Python and browsers quote some characters otherwise: here everything is as this browser has it.
const quoted = (text) => new URLSearchParams(text).toString();
data.baseline.id = quoted(data.baseline.id);
data.comparisons.tables = Object.fromEntries(Object.entries(data.comparisons.tables).map(([text, table]) => [quoted(text), table]));

const baseline = { raw: null, text: '' };
/** The baseline that is chosen; asked for once per row of every table, so it is kept. */
function baselineText() {
  const raw = state.get('base') ?? data.baseline.id;
  if (raw !== baseline.raw) Object.assign(baseline, { raw, text: quoted(raw) });
  return baseline.text;
}
const changesOf = (text) => [...new URLSearchParams(text)].filter(([name]) => DIMENSIONS.includes(name))
  .map(([name, value]) => [name, name === 'threads' ? Number(value) : value]);

/** What ratios are of: `latency`, or `peak memory`; and their unit. */
const METRIC = { ...data.comparisons.metric, noun: data.comparisons.metric.latency ? 'latency' : data.comparisons.metric.words };
/** Of two megabytes none is faster. */
const verdictName = (verdict, unit = METRIC.unit) => (unit === 'mb' ? { slower: 'more', faster: 'less' }[verdict] ?? verdict : verdict);
const inUnit = (value) => (METRIC.unit === 'mb' ? value.toFixed(1) : ms(value));
const UNIT = METRIC.unit === 'mb' ? 'MB' : 'ms';

/** The cell that `cell` is compared with, or null: no baseline chosen, or the run has no such cell. Base's cells are their own. */
function baselineCell(cell) {
  if (sided) return cell.side === 'base' ? cell : comparisons()?.byCell.get(cell)?.base ?? null;
  const changes = changesOf(baselineText());
  if (!changes.length) return null;
  return cellByKey.get(keyOf({ ...Object.fromEntries(DIMENSIONS.map((name) => [name, cell[name]])), ...Object.fromEntries(changes) })) || null;
}

/** How a baseline is called: `cpu, 1 thread`. */
const baselineWords = (text) => (sided ? 'base' : changesOf(text).map(([name, value]) => (name === 'threads' ? threadWords(value) : name === 'binary' ? `binary ${value}` : value)).join(', '));

const NUMBERS = ['ratio', 'low', 'high', 'p', 'q', 'verdict', 'more', 'words'];
const ROW = ['base', 'cell', 'state', 'baseN', 'headN', 'baseUs', 'headUs', ...NUMBERS, 'notes', 'synthetic', 'differs'];
const ASKED = ['model', 'delegate', 'threads', 'cpus', 'binary', 'variant'];
const unpackedRow = (values) => {
  const row = named(ROW, values);
  row.base = known(row.base) ? cells[row.base] : null;
  row.cell = cells[row.cell];
  row.notes = row.notes.map((index) => data.comparisons.notes[index]);
  return row;
};
const OVERALL = [...ASKED, 'devices', ...NUMBERS, 'synthetic', 'differs'];
const named = (names, values) => Object.fromEntries(names.map((name, index) => [name, values[index]]));
const unpackedTables = new Map();

/** {rows, byCell, overall, judged} of a baseline; null where none was made. */
function comparisons(text = baselineText()) {
  const raw = data.comparisons.tables[text];
  if (!raw) return null;
  if (!unpackedTables.has(text)) {
    // What harness compare prints of a row stands beside it on the page of two sides.
    const rows = raw.rows.map((values, index) => ({ ...unpackedRow(values), shown: data.comparisons.shown?.[index] ?? null }));
    const overall = raw.overall.map((values, index) => {
      const [ratio, interval] = data.comparisons.pooled?.[index].split(/ (.*)/) ?? [];
      return { ...named(OVERALL, values), shown: ratio ? { ratio, interval: interval ?? '' } : null };
    });
    unpackedTables.set(text, { rows, byCell: new Map(rows.map((row) => [row.cell, row])), overall, judged: raw.judged });
  }
  return unpackedTables.get(text);
}

const verdictOf = (cell) => { const row = comparisons()?.byCell.get(cell); return row?.state === 'measured' ? row.verdict : ''; };

/** What filters look at in a cell: `slower` finds those that are. */
const textOf = (cell) => `${cell.text}\n${verdictOf(cell)}`;

/**
 * What stands beside a latency: {base: true} for the baseline itself; {value, row} with the row of the comparison; {value} alone where the
 * chosen baseline has no intervals; null where there is no ratio.
 */
function ratioOf(cell) {
  const base = baselineCell(cell);
  const latencies = base && base.state === 'ok' && cell.state === 'ok' && base.latency && cell.latency && base.latency[0];
  if (!base || (METRIC.latency && !latencies)) return null;
  if (base === cell) return { value: 1, base: true };
  const row = comparisons()?.byCell.get(cell);
  if (row) return known(row.ratio) ? { value: row.ratio, row } : null;
  if (!latencies || !METRIC.latency) return null;
  return { value: cell.latency[0] / base.latency[0] };
}

const VERDICT_TITLES = {
  faster: 'Faster, surely: the whole interval is below the region of indifference',
  slower: 'Slower, surely: the whole interval is above the region of indifference',
  same: 'The same: the whole interval lies within the region of indifference',
  suspected: 'Suspected: two separate runs without a control cannot show it surely',
  inconclusive: 'Inconclusive: it may be either',
};
const ratioDigits = (value) => (value >= 100 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(3) : value.toPrecision(3));
const intervalWords = (row) => (known(row.low) ? `[${ratioDigits(row.low)}, ${ratioDigits(row.high)}]` : '');
const unlikeNotes = (row) => row.notes.filter((note) => note.unlike);

/** How a ratio is shown: by its verdict; grey where it has none. */
function ratioMark(cell) {
  const ratio = ratioOf(cell);
  if (!ratio) return '';
  if (ratio.base) return el('span', { class: 'ratio is-base', title: 'The baseline' }, 'base');
  if (!ratio.row) return el('span', { class: 'ratio bare', title: 'Ratio of the medians; no interval was made for this baseline' }, times(ratio.value));
  const { row } = ratio;
  if (row.state === 'incomparable') return el('span', { class: 'ratio bare', title: 'No verdict: one side is synthetic, the other was measured' }, times(ratio.value), ' ', tag('synthetic'));
  const unlike = unlikeNotes(row);
  const title = [`${row.words} ${intervalWords(row)}`, ...unlike.map((note) => `not measured alike: ${note.text}`)].join('\n');
  return el('span', { class: `ratio ${row.verdict}`, title }, times(ratio.value), el('span', { class: 'hidden' }, ` ${row.verdict}`), unlike.length ? el('span', { class: 'unlike', 'aria-label': ', not measured alike' }, '\u26a0') : '', ...(cell.differs ? [] : differs(row)));
}

const verdictTag = (row, unit = METRIC.unit) => el('span', { class: `tag verdict ${row.verdict}`, title: unit === 'mb' ? null : VERDICT_TITLES[row.verdict] }, verdictName(row.verdict, unit));

/** What the peak memory of cells came to against the baseline that the page opens with: rows by cell; empty where none was made. */
const memoryRows = once(() => new Map((data.comparisons.memory?.rows ?? []).map((values) => { const row = unpackedRow(values); return [row.cell, row]; })));
