// Charts as wide as the page: every process of a model, the cost of each op, time by op type.

const CHART = { row: 24, bars: 28, name: 16, cost: 170, top: 20, right: 16, foot: 34, least: 240 };
/** Colours of groups of ops: `hue-0` to `hue-7` of the style sheet; the last one is for all others. */
const HUES = 8;

/** Draws into `host` at its width, now and whenever the width changes, so that text keeps its size. `make(width)` returns the drawing. */
function drawToFit(host, make) {
  host.redraw = () => {
    host.drawnAt = host.clientWidth;
    host.replaceChildren(make(Math.max(CHART.least, host.drawnAt)));
  };
  host.redraw();
  if (host.watched) return;
  host.watched = true;
  // In a frame of its own: what changes the height of the page inside the observer's call is reported as a loop.
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (host.clientWidth && host.clientWidth !== host.drawnAt) host.redraw();
  })).observe(host);
}

const chartOf = (width, height, kind, words) => svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: `plot ${kind}`, role: 'img', 'aria-label': words });
const tickCount = (pixels) => Math.max(2, Math.floor(pixels / 65));

/** Places of named rows: a name stands left of its row, or above it where it would leave the plot too little room. */
function rowPlaces(names, width, height) {
  const widest = names.reduce((most, name) => Math.max(most, textWidth(name)), 0);
  const room = 0.42 * width;
  const above = widest > room && width < 640;
  const left = above ? 6 : Math.min(widest, room) + 10;
  const step = height + (above ? CHART.name : 0);
  const name = (index) => {
    const short = shortened(names[index], above ? width - 6 : room);
    const node = above ? label(0, CHART.top + index * step + 11, short, 'start', 'name') : label(left - 8, CHART.top + index * step + height / 2 + 4, short, 'end', 'name');
    return short === names[index] ? node : withTitle(node, names[index]);
  };
  return { left, right: width - CHART.right, bottom: CHART.top + names.length * step, name, middle: (index) => CHART.top + (index + 1) * step - height / 2 };
}

/** A mark for each process in the row of its configuration. */
function processChart(model, rows, fromZero, width) {
  if (!rows.length) return none('No process has a latency.');
  const { left, right, bottom, name, middle } = rowPlaces(rows.map((row) => row.name), width, CHART.row);
  const range = extent(rows.flatMap((row) => row.trials.map((trial) => trial.latency / 1000)), 0.04);
  const [low, high] = [fromZero ? 0 : Math.max(0, range[0]), range[1]];
  const x = linear(low, high, left, right);
  const wordsOf = (row) => {
    const ok = row.trials.filter((trial) => trial.status === 'ok').length;
    return [known(row.median) ? `median ${ms(row.median)} ms of ${plural(ok, 'process', 'processes')}` : '', ok < row.trials.length ? `${row.trials.length - ok} invalid` : ''].filter(Boolean).join(', ');
  };
  const words = rows.map((row) => `${row.name}: ${wordsOf(row)}`).join('; ');
  const drawing = chartOf(width, bottom + CHART.foot, 'all-processes', `Latency of every process of ${model}, by configuration. ${words}. The same numbers are in the table of conditions.`);
  drawing.append(xAxis({ low, high, x, y: bottom, top: CHART.top - 4, right, title: 'latency of a process (ms)', count: tickCount(right - left) }));
  rows.forEach((row, index) => {
    const y = middle(index);
    drawing.append(name(index), svg('line', { class: 'grid', x1: left.toFixed(1), x2: right, y1: y, y2: y }));
    if (known(row.median)) drawing.append(withTitle(svg('line', { class: 'middle', x1: x(row.median / 1000).toFixed(1), x2: x(row.median / 1000).toFixed(1), y1: y - 9, y2: y + 9 }), `${row.name}: median ${ms(row.median)} ms`));
    // Crosses last, so that no dot hides one.
    for (const trial of row.trials.slice().sort((a, b) => (a.status !== 'ok') - (b.status !== 'ok'))) {
      const at = x(trial.latency / 1000);
      const mark = trial.status === 'ok' ? svg('circle', { class: 'dot', cx: at.toFixed(1), cy: y, r: 3.7 }) : svg('path', { class: `cross ${trial.status}`, d: `M${(at - 4).toFixed(1)} ${y - 4}l8 8m0 -8l-8 8` });
      const before = known(trial.before) ? `${fixed(1)(trial.before)} °C before${trial.simulated.includes('temperature_before_c') ? ' (simulated)' : ''}` : 'temperature before not said';
      drawing.append(withTitle(mark, `${row.name}, process ${trial.process}: ${ms(trial.latency)} ms, ${trial.status}, ${before}`));
    }
  });
  return drawing;
}

/** A bar for each op in the order of execution; `top` is the largest cost of both cells, so that their bars compare. */
function costChart(letter, rows, groups, top, width) {
  if (!rows.length) return none('No op has a time.');
  const [right, bottom] = [width - 4, CHART.top + CHART.cost];
  const left = 10 + Math.max(...labelledTicks(0, top, 5).map(([, text]) => textWidth(text)));
  const y = linear(0, top, bottom, CHART.top);
  const step = (right - left) / rows.length;
  const most = rows.slice().sort((a, b) => b.cost - a.cost).slice(0, 3).map((row) => `${strangerText(opName(row), 60)} ${us(row.cost)} µs`);
  const drawing = chartOf(width, bottom + CHART.foot, 'costs', `Cost of each op of cell ${letter} in execution order: ${plural(rows.length, 'op')}, the largest ${most.join(', ')}. The table below has the same numbers.`);
  drawing.append(yAxis({ low: 0, high: top, y, x: left, right, top: CHART.top, title: 'per inference (µs)', count: 5 }));
  const widest = rows.reduce((longest, row) => Math.max(longest, textWidth(String(row.index))), 0) + 8;
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((count) => count * step >= widest) ?? rows.length;
  rows.forEach((row, index) => {
    const x = left + index * step;
    const words = `${strangerText(opName(row), 80)} ${strangerText(row.name, 160)}: ${us(row.cost)} µs per inference${known(row.share) ? `, ${percent(row.share, 2)} % of all ops` : ''}, ran in: ${whereWords(row.where) || 'not said'}`;
    const hue = groups.indexOf(row.type);
    // What a pointer finds is as high as the chart: a small cost makes a bar that nobody can point at.
    drawing.append(withTitle(svg('g', { class: 'op' }, svg('rect', { class: 'catch', x: x.toFixed(2), y: CHART.top, width: step.toFixed(2), height: CHART.cost }),
      svg('rect', { class: `bar hue-${hue < 0 ? HUES - 1 : hue}`, x: (x + 0.06 * step).toFixed(2), y: y(row.cost).toFixed(2), width: Math.max(0.5, 0.88 * step).toFixed(2), height: (bottom - y(row.cost)).toFixed(2) })), words));
    if (index % every === 0) drawing.append(label(x + step / 2, bottom + 14, String(row.index), 'middle'));
  });
  drawing.append(label(right, bottom + 29, 'op, in execution order', 'end', 'title'));
  return drawing;
}

/** Two bars for each op type: A above B. rows: [{type, sides: [[letter, {us, count, share}]...]}]. */
function typesChart(rows, width) {
  if (!rows.length) return none('No op has a time.');
  const { left, right, bottom, name, middle } = rowPlaces(rows.map((row) => row.type), width, CHART.bars);
  const largest = rows.reduce((most, row) => Math.max(most, ...row.sides.map(([, side]) => side.us)), 0) || 1;
  const x = linear(0, largest * 1.03, left, right);
  const wordsOf = (row) => `${row.type}: ${row.sides.map(([letter, side]) => `${letter} ${us(side.us)} µs in ${plural(side.count, 'op')}${known(side.share) ? ` (${percent(side.share, 2)} % of all ops)` : ''}`).join(', ')}`;
  const drawing = chartOf(width, bottom + CHART.foot, 'types', `Time by op type, cell A against cell B. ${rows.map(wordsOf).join('; ')}. The table beside it has the same numbers.`);
  drawing.append(xAxis({ low: 0, high: largest * 1.03, x, y: bottom, top: CHART.top - 4, right, title: 'time per inference (µs)', count: tickCount(right - left) }));
  rows.forEach((row, index) => {
    const group = svg('g', { class: 'op' }, svg('rect', { class: 'catch', x: left.toFixed(1), y: middle(index) - CHART.bars / 2, width: (right - left).toFixed(1), height: CHART.bars }));
    for (const [letter, side] of row.sides) group.append(svg('rect', { class: `bar ${letter.toLowerCase()}`, x: left.toFixed(1), y: middle(index) - (letter === 'A' ? 11 : 0), width: (x(side.us) - left).toFixed(2), height: 11 }));
    drawing.append(name(index), withTitle(group, wordsOf(row)));
  });
  return drawing;
}

function setUpProcessChart() {
  const host = document.getElementById('latency-chart');
  const choice = document.getElementById('chart-model');
  const zero = document.getElementById('chart-zero');
  const models = data.dimensions.model.filter((model) => cells.some((cell) => cell.model === model && cell.latency));
  if (!models.length) {
    document.querySelector('#processes-chart .controls').hidden = true;
    host.replaceChildren(none('No process has a latency.'));
    return;
  }
  choice.replaceChildren(...models.map((model) => el('option', { value: model }, model)));
  choice.addEventListener('change', () => keep('model', choice.value === models[0] ? null : choice.value));
  zero.addEventListener('change', () => keep('zero', zero.checked ? '1' : null));
  whenSeen(host, async () => { await loadTrials(); watch(['model', 'zero', 'q'], () => {
    const model = models.includes(state.get('model')) ? state.get('model') : models[0];
    choice.value = model;
    zero.checked = state.get('zero') === '1';
    const matches = matcher();
    const mine = cells.filter((cell) => cell.model === model && cell.latency);
    const shown = mine.some((cell) => matches(textOf(cell))) ? mine.filter((cell) => matches(textOf(cell))) : mine;
    const rows = shown.map((cell) => ({
      name: cell.config + (cell.synthetic ? ' (synthetic)' : '') + (cell.differs ? ' (output differs)' : ''), median: cell.state === 'ok' ? cell.latency[0] : null, trials: cell.trials.filter((trial) => known(trial.latency)),
    })).filter((row) => row.trials.length);
    drawToFit(host, (width) => processChart(model, rows, zero.checked, width));
  }); });
}
