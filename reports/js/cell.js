// One cell in full: its verdict with the evidence, every process in the order of time with temperature and clock beneath, their distribution.

const TIME = { width: 1000, left: 64, right: 16, latency: 150, band: 70, gap: 30, top: 20 };

const latencyTrials = (cell) => cell.trials.filter((trial) => trial.purpose === 'latency').sort((a, b) => a.at - b.at);
const clock = (seconds) => (seconds < 120 ? `${seconds.toFixed(1)} s` : seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(2)} h`);

/** What was read of the device during a process, with what was read before and after: [[second, value]...]. */
function readings(trial, index) {
  const [seconds, ...columns] = trial.samples ?? [[], [], []];
  const read = seconds.map((second, place) => [trial.at + second, columns[index][place]]).filter(([, value]) => known(value));
  if (index === 0) return [[trial.at, trial.before], ...read, [trial.at + trial.duration, trial.after]].filter(([, value]) => known(value));
  if (read.length > 1 || !known(trial.khz)) return read;
  return [[trial.at, trial.khz / 1000], [trial.at + trial.duration, trial.khz / 1000]];
}

/** A band of the time chart: a line for each process, grey between them. */
function band(shown, index, { x, top, height, title, right }) {
  const lines = shown.map((trial) => readings(trial, index)).filter((points) => points.length);
  const range = extent(lines.flat().map(([, value]) => value), 0.08, index === 0 ? 2 : 50);
  if (!range) return label(TIME.left, top + height / 2, `${title}: not read`, 'start', 'title');
  const y = linear(...range, top + height, top);
  const group = svg('g', { class: index === 0 ? 'temperature' : 'clock' });
  group.append(yAxis({ low: range[0], high: range[1], y, x: TIME.left, right, top, title }));
  const points = (list) => list.map(([second, value]) => `${x(second).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  group.append(svg('polyline', { class: 'between', points: points(lines.flat()) }));
  for (const line of lines) group.append(svg('polyline', { class: 'reading', points: points(line.length > 1 ? line : [line[0], [line[0][0] + 0.01, line[0][1]]]) }));
  return group;
}

/** Every latency process of a cell at its time, and what the device was like, on one axis. */
function timeChart(cell) {
  const shown = latencyTrials(cell);
  const [low, high] = extent(shown.flatMap((trial) => [trial.at, trial.at + trial.duration]), 0.02);
  const right = TIME.width - TIME.right;
  const x = linear(low, high, TIME.left, right);
  const tops = [TIME.top, TIME.top + TIME.latency + TIME.gap, TIME.top + TIME.latency + TIME.band + 2 * TIME.gap];
  const bottom = tops[2] + TIME.band;
  const values = shown.map((trial) => trial.latency).filter(known);
  const name = `${plural(shown.length, 'process', 'processes')} in the order of time: ${shown.map((trial) => (known(trial.latency) ? ms(trial.latency) : trial.status)).join(', ')} ms`;
  const drawing = svg('svg', { viewBox: `0 0 ${TIME.width} ${bottom + 34}`, class: 'plot time', role: 'img', 'aria-label': name });
  const hours = high - low > 7200;
  const unit = hours ? 3600 : high - low > 300 ? 60 : 1;
  const scaled = linear(low / unit, high / unit, TIME.left, right);
  drawing.append(xAxis({ low: low / unit, high: high / unit, x: scaled, y: bottom, top: TIME.top, right, title: `${{ 1: 'seconds', 60: 'minutes', 3600: 'hours' }[unit]} since the run began` }));
  const range = extent(values);
  const y = range ? linear(...range, tops[0] + TIME.latency, tops[0]) : () => tops[0] + TIME.latency / 2;
  drawing.append(range ? yAxis({ low: range[0] / 1000, high: range[1] / 1000, y: (value) => y(value * 1000), x: TIME.left, right, top: tops[0], title: 'latency (ms)', count: 4 })
    : label(TIME.left, tops[0] - 6, 'no process has a latency that counts', 'start', 'title'));
  if (cell.latency) drawing.append(svg('line', { class: 'median', x1: TIME.left, x2: right, y1: y(cell.latency[0]).toFixed(1), y2: y(cell.latency[0]).toFixed(1) }));
  for (const trial of shown) {
    const at = x(trial.at + trial.duration / 2);
    const what = `process ${trial.process} at ${clock(trial.at)}: ${known(trial.latency) ? `${ms(trial.latency)} ms` : 'no latency'}, ${trial.status}${trial.causes.length ? ` (${trial.causes.join(', ')})` : ''}${known(trial.before) ? `, ${fixed(1)(trial.before)} °C before` : ''}${known(trial.after) ? `, ${fixed(1)(trial.after)} °C after` : ''}`;
    if (known(trial.latency) && trial.status === 'ok') drawing.append(withTitle(svg('circle', { class: 'dot', cx: at.toFixed(1), cy: y(trial.latency).toFixed(1), r: 4 }), what));
    else {
      const [cx, cy] = [at, known(trial.latency) ? y(trial.latency) : tops[0] + TIME.latency - 4];
      drawing.append(withTitle(svg('path', { class: `cross ${trial.status}`, d: `M${(cx - 4).toFixed(1)} ${(cy - 4).toFixed(1)}l8 8m0 -8l-8 8` }), what));
    }
  }
  const simulated = (field) => (shown.some((trial) => trial.simulated.includes(field)) ? ' – simulated by the virtual device' : '');
  drawing.append(band(shown, 0, { x, top: tops[1], height: TIME.band, right, title: `temperature (°C)${simulated('temperature_before_c')}` }),
    band(shown, 1, { x, top: tops[2], height: TIME.band, right, title: `clock of the cores asked for (MHz)${simulated('frequency_khz')}` }));
  return drawing;
}

/** Empirical distribution of the processes that are ok, the baseline's beside it where it is on the same scale. */
function distributionChart(cell, base) {
  const own = cell.ok.slice().sort((a, b) => a - b);
  const ratio = base ? base.latency[0] / cell.latency[0] : 1;
  const beside = base && ratio > 1 / 3 && ratio < 3 ? base.ok.slice().sort((a, b) => a - b) : [];
  const [low, high] = extent([...own, ...beside]);
  const box = { left: 48, top: 20, bottom: 200, right: 640 };
  const x = linear(low, high, box.left, box.right);
  const y = linear(0, 1, box.bottom, box.top);
  const drawing = svg('svg', { viewBox: '0 0 660 236', class: 'plot ecdf', role: 'img', 'aria-label': `Distribution of ${plural(own.length, 'process', 'processes')} from ${ms(own[0])} to ${ms(own[own.length - 1])} ms, median ${ms(cell.latency[0])} ms` });
  drawing.append(yAxis({ low: 0, high: 1, y, x: box.left, right: box.right, top: box.top, title: 'share of processes at or below', count: 4 }),
    xAxis({ low: low / 1000, high: high / 1000, x: (value) => x(value * 1000), y: box.bottom, top: box.top, right: box.right, title: 'latency (ms)', count: 6 }));
  const steps = (values) => values.map((value, index) => `${index ? 'H' : `M${x(low).toFixed(1)} ${y(0)}H`}${x(value).toFixed(1)}V${y((index + 1) / values.length).toFixed(1)}`).join('') + `H${x(high).toFixed(1)}`;
  if (beside.length) drawing.append(svg('path', { class: 'curve base', d: steps(beside) }));
  drawing.append(svg('path', { class: 'curve', d: steps(own) }));
  for (const [index, value] of own.entries()) drawing.append(withTitle(svg('circle', { class: 'dot', cx: x(value).toFixed(1), cy: y((index + 1) / own.length).toFixed(1), r: 3 }), `${ms(value)} ms`));
  return drawing;
}

function verdictPart(cell) {
  const ratio = ratioOf(cell);
  const against = baselineWords(baselineText());
  const row = comparisons()?.byCell.get(cell);
  const parts = [];
  if (ratio?.base && sided) parts.push(el('p', {}, 'This is a cell of base.'));
  else if (ratio?.base) parts.push(el('p', {}, 'This is the baseline’s own cell.'));
  else if (row && row.state === 'measured' && known(row.ratio)) {
    const facts = [known(row.p) ? `p = ${row.p}` : null, known(row.q) ? `corrected ${row.q}` : null, `${row.baseN === row.headN ? row.headN : `${row.baseN} and ${row.headN}`} processes a side`].filter(Boolean);
    parts.push(el('p', { class: 'verdict-line' }, verdictTag(row), ' ', el('strong', {}, times(row.ratio)), ` ${intervalWords(row)} the ${METRIC.noun} of ${against}: ${row.words}`),
      el('p', { class: 'note' }, facts.join(' · ')), row.notes.length ? noteLines(row.notes) : '');
  } else if (row) parts.push(el('p', {}, `Against ${against}: ${row.state === 'incomparable' && known(row.ratio) ? `${times(row.ratio)} the ${METRIC.noun} (synthetic), ` : ''}${stateWords(row)}.`), row.notes.length ? noteLines(row.notes) : '');
  else if (ratio) parts.push(el('p', {}, `${times(ratio.value)} the latency of ${against} (ratio of the medians; no interval was made for this baseline).`));
  else parts.push(el('p', { class: 'note' }, against ? `Nothing to compare with: ${against} has no such cell, or it was not measured.` : 'No baseline is chosen.'));
  return parts;
}

/** What shows the causes: of the whole cell, each different answer once. */
function evidencePart(cell) {
  const groups = problems(cell.trials);
  if (!groups.length) return [];
  return [el('h3', {}, 'What was not ok, and what shows it'), el('ul', { class: 'evidence' }, ...groups.map((group) => el('li', {}, tag(group.status), ' ',
    el('strong', {}, group.causes.join(', ') || 'no cause said'), ` in ${plural(group.members.length, 'process', 'processes')} `, messageAndEvidence(group), ' ',
    el('span', { class: 'sub' }, ...group.members.slice(0, 20).flatMap((trial) => [`${trial.purpose} ${trial.process}: `, logLinks(trial), ' ']), group.members.length > 20 ? '…' : ''))))];
}

function cellParts(cell) {
  const base = baselineCell(cell);
  const other = base && base !== cell && base.state === 'ok' && base.latency ? base : null;
  const close = el('button', { type: 'button', class: 'plain close' }, 'Close');
  close.addEventListener('click', () => keep('cell', null));
  const opsButton = cell.profiled ? el('button', { type: 'button' }, 'Ops of this cell') : '';
  if (opsButton) opsButton.addEventListener('click', () => { keep('cell', null); showOps(cell.id); });
  const latencies = latencyTrials(cell);
  const apart = other && cell.latency && (other.latency[2] < cell.latency[1] || other.latency[1] > cell.latency[2]);
  const beyond = apart && (other.latency[0] / cell.latency[0] >= 3 || other.latency[0] / cell.latency[0] <= 1 / 3);
  const facts = [outcomeWords(cell), cell.latency ? `median ${ms(cell.latency[0])} ms (${ms(cell.latency[1])} to ${ms(cell.latency[2])})` : null, cell.init ? `init ${ms(cell.init[0])} ms` : null,
    cell.first ? `first inference ${ms(cell.first[0])} ms` : null, cell.memory.peak ? `peak ${cell.memory.peak[0]} MB` : null, ...cell.delegates].filter(Boolean);
  return [
    el('div', { class: 'bar' }, el('h2', { id: 'cell-h' }, stranger(cell.title)), close),
    el('p', {}, configName(cell), ' ', stateTag(cell), cell.synthetic ? ' ' : '', cell.synthetic ? tag('synthetic') : '', ...differs(cell)),
    el('p', { class: 'note' }, facts.join(' · ')),
    ...(cell.synthetic ? [el('p', { class: 'alert synthetic' }, 'Synthetic: replayed or modelled, not measured.')] : []),
    ...verdictPart(cell), opsButton, ...evidencePart(cell),
    ...(latencies.length ? [el('h3', {}, 'Every process in the order of time'), el('div', { class: 'scroll bare', tabindex: '0', role: 'region', 'aria-label': 'Processes over time' }, timeChart(cell))] : []),
    ...(cell.ok.length && cell.latency && cell.state === 'ok' ? [el('h3', {}, 'Distribution of the processes'),
      el('p', { class: 'note' }, other && !beyond ? `Blue: this cell; grey: the baseline’s (${baselineWords(baselineText())}).` : other ? `The baseline’s processes (median ${ms(other.latency[0])} ms) lie outside of this scale.` : ''),
      distributionChart(cell, other)] : []),
    el('h3', {}, 'All its processes'), el('div', { id: 'cell-table' }),
  ];
}

function setUpCell() {
  const dialog = document.getElementById('cell');
  let opener = null;
  const draw = async () => {
    const cell = cellById.get(state.get('cell'));
    if (!cell) {
      if (dialog.open) dialog.close();
      return;
    }
    await loadTrials();
    if (state.get('cell') !== cell.id) return;
    dialog.replaceChildren(...cellParts(cell).filter((part) => part !== ''));
    new Table(document.getElementById('cell-table'), {
      id: 'cell', label: 'Processes of the cell', rows: () => cell.trials, text: () => '', filter: '', empty: 'None ran.',
      columns: conditionColumns(cell.trials, false),
    });
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
      dialog.scrollTop = 0;
    }
  };
  watch(['cell', 'base'], draw);
  // Escape: the address forgets the cell at once, not only when the browser has told of the closing.
  dialog.addEventListener('cancel', (event) => { event.preventDefault(); keep('cell', null); });
  dialog.addEventListener('close', () => {
    if (dialog.open) return; // another cell has been opened meanwhile
    keep('cell', null);
    document.getElementById('cell-table')?.table?.close();
    dialog.replaceChildren();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) keep('cell', null); });
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-cell-link]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    keep('cell', link.dataset.cellLink);
  });
}
