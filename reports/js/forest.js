// The forest plot: one row for each comparison with the baseline, its ratio as a mark and its interval as a line.

const PLOT = { width: 260, height: 22, pad: 10 };
const FOREST_ROWS = 30;
/** Candidates for the ticks of a ratio, those that readers know first. */
const RATIO_TICKS = [1, 2, 0.5, 5, 0.2, 10, 0.1, 1.5, 0.7, 1.2, 0.8, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 20, 0.05, 50, 0.02, 100, 0.01, 1.005, 0.995, 3, 0.3];

/** A logarithmic scale that holds every ratio, and intervals as far as they help to read the rest. */
function ratioScale(rows) {
  let [low, high] = [1 / 1.02, 1.02];
  for (const { ratio, low: from, high: to } of rows) {
    if (!known(ratio) || ratio <= 0) continue;
    low = Math.min(low, Math.max(from ?? ratio, ratio / 2));
    high = Math.max(high, Math.min(to ?? ratio, ratio * 2));
  }
  [low, high] = [Math.log(low), Math.log(high)];
  const room = (high - low) * 0.04;
  const x = linear(low - room, high + room, PLOT.pad, PLOT.width - PLOT.pad);
  const at = (ratio) => x(Math.log(ratio));
  const chosen = [];
  for (const tick of RATIO_TICKS) {
    const place = at(tick);
    if (place >= PLOT.pad && place <= PLOT.width - PLOT.pad && chosen.every((other) => Math.abs(at(other) - place) > 34)) chosen.push(tick);
  }
  return { at, ticks: chosen };
}

function forestAxis(scale) {
  const drawing = svg('svg', { viewBox: `0 0 ${PLOT.width} 18`, width: PLOT.width, height: 18, class: 'plot', 'aria-hidden': 'true' });
  for (const tick of scale.ticks) drawing.append(svg('line', { class: 'tick', x1: scale.at(tick).toFixed(1), x2: scale.at(tick).toFixed(1), y1: 14, y2: 18 }), label(scale.at(tick), 11, `${tick}×`, 'middle'));
  return drawing;
}

/** One interval. What lies beyond the scale ends in an arrow. */
function forestMark(row, scale, pooled = false) {
  const words = `ratio ${times(row.ratio)}${known(row.low) ? `, ${data.comparisons.level} interval ${intervalWords(row)}` : ', no interval'}, ${verdictName(row.verdict)}`;
  const drawing = svg('svg', { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, width: PLOT.width, height: PLOT.height, class: `plot ${row.verdict}${row.synthetic ? ' synthetic' : ''}`, role: 'img', 'aria-label': words });
  const y = PLOT.height / 2;
  const edge = 1 + data.comparisons.rules.min_effect;
  const inside = (place) => Math.min(PLOT.width - 2, Math.max(2, place));
  const band = [inside(scale.at(1 / edge)), inside(scale.at(edge))];
  drawing.append(svg('rect', { class: 'indifference', x: band[0].toFixed(1), y: 0, width: Math.max(1, band[1] - band[0]).toFixed(1), height: PLOT.height }),
    svg('line', { class: 'one', x1: scale.at(1).toFixed(1), x2: scale.at(1).toFixed(1), y1: 0, y2: PLOT.height }));
  if (known(row.low)) {
    const [from, to] = [scale.at(row.low), scale.at(row.high)];
    drawing.append(svg('line', { class: 'interval', x1: inside(from).toFixed(1), x2: inside(to).toFixed(1), y1: y, y2: y }));
    for (const [place, tip] of [[from, -1], [to, 1]]) {
      const end = inside(place);
      drawing.append(end === place ? svg('line', { class: 'interval', x1: end.toFixed(1), x2: end.toFixed(1), y1: y - 4, y2: y + 4 })
        : svg('path', { class: 'beyond', d: `M${end} ${y}l${-6 * tip} -4v8z` }));
    }
  }
  const place = inside(scale.at(row.ratio));
  drawing.append(pooled ? svg('path', { class: 'mark', d: `M${place.toFixed(1)} ${y - 6}l6 6l-6 6l-6 -6z` }) : svg('circle', { class: 'mark', cx: place.toFixed(1), cy: y, r: 4 }));
  return withTitle(drawing, words);
}

const noteLines = (notes) => el('span', {}, ...notes.map((note) => el('span', { class: note.unlike ? 'cluster unlike-note' : 'cluster' }, note.unlike ? '\u26a0 ' : '', stranger(note.text))));

const verdictCell = (row) => el('span', { class: 'nowrap' }, verdictTag(row), row.synthetic ? ' ' : '', row.synthetic ? tag('synthetic') : '', ...differs(row),
  known(row.more) ? ' ' : '', known(row.more) ? el('span', { class: 'note', title: `About ${plural(row.more, 'more process', 'more processes')} a side would decide` }, `+${row.more}`) : '');

const ratioWords = (row) => (known(row.ratio) ? el('span', { class: 'nowrap' }, el('strong', {}, row.shown ? row.shown.ratio : times(row.ratio)), ` ${row.shown ? row.shown.interval : intervalWords(row)}`) : none('–'));

/** What differs between the cells of this run, of a cell's configuration. */
const varying = DIMENSIONS.filter((name) => name !== 'model' && data.dimensions[name].length > 1);
const varyingConfig = (cell) => (varying.length ? configName(cell, varying) : configName(cell));

/** The configuration of a row; of two sides what differs between them, as `base → head`. */
function rowConfig(row) {
  const { base, cell } = row;
  if (!sided || !base || base === cell) return varyingConfig(cell);
  const names = varying.length ? varying : ['device', 'delegate', 'threads', 'cpus'];
  const shown = (name, of) => (name === 'threads' ? threadWords(of[name]) : stranger(of[name]));
  const parts = names.flatMap((name, index) => [index ? ' · ' : '', ...(base[name] === cell[name] ? [] : [shown(name, base), ' → ']), shown(name, cell)]);
  return el('span', { class: 'config' }, ...parts, virtualDevices.has(cell.device) ? ' ' : '', virtualDevices.has(cell.device) ? tag('virtual') : '', base.model === cell.model ? '' : ' · of ', base.model === cell.model ? '' : stranger(base.model));
}

const breachTag = (row) => (row.shown?.breach ? el('span', {}, ' ', el('strong', { class: 'tag failed', title: row.shown.breach }, 'breaks the gate')) : '');

/** Notes that stand beside every measured comparison of a table: said once, above it. */
function commonNotes(rows) {
  const measured = rows.filter((row) => row.state === 'measured');
  return measured.length > 1 ? measured[0].notes.filter((note) => measured.every((row) => row.notes.includes(note))) : [];
}

function forestColumns(scale, rows, common) {
  // Under the names, where they have room: a column of their own would be pushed off the screen, or push the numbers off.
  const notes = (row) => { const own = row.notes.filter((note) => !common.includes(note)); return own.length ? noteLines(own) : ''; };
  return [
    { key: 'model', label: 'Model', value: (row) => row.cell.model, show: (row) => el('span', {}, cellLink(row.cell, stranger(row.cell.model)), el('span', { class: 'sub narrow-only' }, rowConfig(row), notes(row))) },
    { key: 'config', label: 'Configuration', value: (row) => row.cell.config, show: (row) => el('span', {}, rowConfig(row), notes(row)) },
    { key: 'plot', label: `Ratio with its ${data.comparisons.level} interval`, wideOnly: true, title: 'Sorts by the lower end of the interval', value: (row) => row.low ?? null, head: () => forestAxis(scale), show: (row) => (known(row.ratio) && row.state === 'measured' ? forestMark(row, scale) : none(stateWords(row))) },
    { key: 'ratio', label: 'Ratio', title: sided ? `Head’s ${METRIC.noun} over base’s` : `Its ${METRIC.noun} over the baseline’s: below 1 is ${verdictName('faster')}`, num: true, value: (row) => row.ratio ?? null, show: ratioWords },
    { key: 'verdict', label: 'Verdict', value: (row) => (row.state === 'measured' ? row.verdict : null), show: (row) => (row.state === 'measured' ? el('span', {}, verdictCell(row), breachTag(row)) : el('span', {}, none(stateWords(row)), row.synthetic ? ' ' : '', row.synthetic ? tag('synthetic') : '', breachTag(row))) },
    { key: 'headUs', label: sided ? 'Base → head' : `Baseline → this (${UNIT})`, title: 'Medians over the processes; sorts by the second', num: true, wideOnly: true, value: (row) => row.headUs ?? null,
      show: (row) => el('span', { class: 'nowrap' }, row.shown ? `${row.shown.base} → ${row.shown.head}` : `${known(row.baseUs) ? inUnit(row.baseUs) : '–'} → ${known(row.headUs) ? inUnit(row.headUs) : '–'}`) },
    { key: 'n', label: 'n', title: 'Processes a side that count', num: true, wideOnly: true, value: (row) => Math.min(row.baseN, row.headN), show: (row) => (row.baseN === row.headN ? String(row.headN) : `${row.baseN}/${row.headN}`) },
  ];
}

const stateWords = (row) => ({ measured: 'no ratio', unmeasured: 'not measured', skipped: 'skipped', missing: sided ? `not in ${row.base === row.cell ? 'HEAD' : 'BASE'}` : 'no such cell', incomparable: 'no verdict: one side is synthetic' })[row.state];

function cellLink(cell, shown) {
  return el('a', { href: `#cell=${cell.id}`, 'data-cell-link': cell.id, title: 'Every process of this cell' }, shown);
}

const forestText = (row) => `${row.cell.text}\n${row.state === 'measured' ? row.verdict : stateWords(row)}\n${row.notes.map((note) => note.text).join('\n').toLowerCase()}`;

function drawForest() {
  const table = comparisons();
  const host = document.getElementById('forest-table');
  const pooledHost = document.getElementById('forest-overall');
  const words = document.getElementById('forest-words');
  pooledHost.hidden = !table?.overall.length;
  if (!table) {
    if (host.table) host.table.close();
    host.table = null;
    const suite = data.baseline.id ? `; choose ${baselineWords(data.baseline.id)} or another single value` : '';
    host.replaceChildren(el('p', { class: 'note' }, changesOf(baselineText()).length ? `No intervals were made for the baseline ${baselineWords(baselineText())}. The matrix shows plain ratios of medians for it${suite}, or use harness compare.` : 'No baseline is chosen.'));
    words.textContent = '';
    return;
  }
  const rows = table.rows.slice().sort((a, b) => (b.ratio ?? -1) - (a.ratio ?? -1));
  const scale = ratioScale([...rows, ...table.overall]);
  const common = commonNotes(rows);
  words.textContent = `${sided ? '' : `Against ${baselineWords(baselineText())}`}${!sided && baselineText() === data.baseline.id ? { suite: ', the suite’s baseline', assumed: ' (the suite names no baseline)', lacking: ' (the run lacks the suite’s baseline)' }[data.baseline.origin] ?? '' : ''}${sided ? '' : '; '}${plural(table.judged, 'comparison')} judged together. ${rows.some((row) => row.state === 'measured' && known(row.more)) ? '+N: about so many more processes a side would decide. ' : ''}${common.map((note) => `${note.unlike ? 'All: ' : ''}${note.text[0].toUpperCase()}${note.text.slice(1)}. `).join('')}`;
  new Table(host, { id: 'forest', label: sided ? 'Cells of head against those of base' : 'Comparisons with the baseline', rows: () => rows, columns: forestColumns(scale, rows, common), text: forestText, limit: FOREST_ROWS, empty: 'No cell has a counterpart in the baseline.' });
  if (table.overall.length) {
    const question = (row) => [row.model, row.delegate, threadWords(row.threads), row.cpus, row.binary, row.variant].filter(Boolean).join(' · ');
    new Table(pooledHost, {
      id: 'overall', label: 'All devices together', rows: () => table.overall, text: (row) => [question(row), ...row.devices, row.verdict].join('\n').toLowerCase(), limit: 8, empty: '', quiet: true,
      columns: [
        { key: 'question', label: 'All devices together', title: 'Geometric mean of the devices’ ratios, each counting alike', value: question, show: (row) => stranger(question(row)) },
        { key: 'devices', label: 'Devices', num: true, value: (row) => row.devices.length, show: (row) => el('span', { title: row.devices.join(', ') }, String(row.devices.length)) },
        { key: 'plot', label: `Ratio with its ${data.comparisons.level} interval`, wideOnly: true, value: (row) => row.low, head: () => forestAxis(scale), show: (row) => (known(row.ratio) ? forestMark(row, scale, true) : none('no ratio')) },
        { key: 'ratio', label: 'Ratio', num: true, value: (row) => row.ratio, show: ratioWords },
        { key: 'verdict', label: 'Verdict', value: (row) => row.verdict, show: verdictCell },
      ],
    });
  }
}

/** A button for each verdict that is there: shows only those, everywhere on the page. */
function drawVerdictChoice(rows) {
  const host = document.getElementById('forest-verdicts');
  const counts = new Map(['slower', 'faster', 'same', 'suspected', 'inconclusive'].map((verdict) => [verdict, rows.filter((row) => row.state === 'measured' && row.verdict === verdict).length]));
  host.replaceChildren(...[...counts].filter(([, count]) => count).map(([verdict, count]) => {
    const wanted = words().includes(verdict);
    const button = el('button', { type: 'button', class: `choice ${verdict}`, 'aria-pressed': String(wanted) }, `${verdictName(verdict)} ${count}`);
    button.addEventListener('click', () => {
      const others = words().filter((word) => !counts.has(word));
      keep('q', (wanted ? others : [...others, verdict]).join(' ') || null);
      host.querySelector(`.${verdict}`)?.focus();
    });
    return button;
  }));
}

function setUpForest() {
  // Where nothing could be compared, the first lines say so and there is no plot.
  if (!document.getElementById('forest')) return;
  watch(['base'], drawForest);
  watch(['base', 'q'], () => drawVerdictChoice(comparisons()?.rows ?? []));
}
