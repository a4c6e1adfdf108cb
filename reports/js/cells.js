// Tables with one row per cell: latencies, and memory.

const spreadValue = (name, index = 0) => (cell) => (cell[name] ? cell[name][index] : null);
/** A latency column: nothing for cells that have none, struck through for invalid ones. */
const latencyColumn = (key, label, name, index, title) => ({
  key, label, title, num: true,
  value: (cell) => (cell.state === 'ok' ? spreadValue(name, index)(cell) : null),
  show: (cell) => {
    const value = spreadValue(name, index)(cell);
    if (!known(value)) return none('–');
    return cell.state === 'invalid' ? el('s', {}, ms(value)) : ms(value);
  },
});
const range = ([, low, high, count]) => (count > 1 ? (high - low) : null);

function outcomeWords(cell) {
  const order = { ok: 'ok', failed: 'failed', invalid: 'invalid', skipped: 'skipped', pending: 'never ran' };
  return Object.entries(order).filter(([name]) => cell.outcomes[name]).map(([name, word]) => `${cell.outcomes[name]} ${word}`).join(', ');
}

const stateTag = (cell) => tag(cell.state, { pending: 'never ran', unmeasured: 'latency not asked' }[cell.state] || cell.state);

function setUpCells() {
  const details = document.getElementById('cells-details');
  const open = () => {
    const table = new Table(document.getElementById('cells'), {
      id: 'cells',
      label: 'All cells',
      rows: () => cells,
      text: textOf,
      empty: 'No cell was planned.',
      columns: [
        ...cellColumns((cell) => cell),
        { key: 'state', label: 'Status', value: (cell) => cell.state, show: (cell) => el('span', {}, stateTag(cell), cell.synthetic ? ' ' : '', cell.synthetic ? tag('synthetic') : '', ...differs(cell), el('span', { class: 'cause' }, cell.causes.join(', '))) },
        { key: 'processes', label: 'Processes', value: outcomeWords },
        latencyColumn('median', 'Median (ms)', 'latency', 0, 'Median over processes of the average per inference'),
        latencyColumn('low', 'Min (ms)', 'latency', 1, 'Fastest process'),
        latencyColumn('high', 'Max (ms)', 'latency', 2, 'Slowest process'),
        { key: 'spread', label: 'Spread (%)', title: '(max − min) / median', num: true,
          value: (cell) => (cell.state === 'ok' && cell.latency && cell.latency[0] && known(range(cell.latency)) ? 100 * range(cell.latency) / cell.latency[0] : null),
          show(cell) { const value = this.value(cell); return known(value) ? percent(value) : none('–'); } },
        { key: 'dots', label: 'Processes', title: 'Every process as a dot; sorts by spread', num: true,
          value: (cell) => (cell.latency && cell.latency[0] && known(range(cell.latency)) ? range(cell.latency) / cell.latency[0] : null),
          show: (cell) => (cell.latency ? strip(cell) : '') },
        { key: 'ratio', label: 'Ratio', title: sided ? `${METRIC.noun} over base’s` : `${METRIC.noun} over the baseline’s`, num: true, value: (cell) => ratioOf(cell)?.value ?? null, show: (cell) => ratioMark(cell) || none('–') },
        { key: 'interval', label: `${data.comparisons.level} interval`, title: 'Of the ratio', value: (cell) => ratioOf(cell)?.row?.low ?? null, show: (cell) => { const row = ratioOf(cell)?.row; return row && known(row.low) ? intervalWords(row) : none('–'); } },
        latencyColumn('init', 'Init (ms)', 'init', 0, 'Loading and preparing the model'),
        latencyColumn('first', 'First (ms)', 'first', 0, 'First inference'),
        { key: 'delegates', label: 'Delegation seen', value: (cell) => cell.delegates.join('; ') || null, show: (cell) => (cell.delegates.length ? el('span', {}, ...cell.delegates.map((words) => el('span', { class: 'cluster' }, words))) : none('not said')) },
      ],
    });
    watch(['base'], () => table.draw());
  };
  const first = once(open);
  details.addEventListener('toggle', first);
  addEventListener('beforeprint', () => { details.open = true; first(); });
  if (state.has('sort-cells')) { details.open = true; first(); }
}

const megabytes = (key, label, title) => ({
  key, label, title, num: true,
  value: (cell) => (cell.memory[key] ? cell.memory[key][0] : null),
  show: (cell) => {
    const spread = cell.memory[key];
    if (!spread) return none('not said');
    const [middle, low, high, count] = spread;
    return el('span', count > 1 ? { title: `${count} processes, ${low} to ${high} MB` } : {}, middle.toFixed(2));
  },
});

/** How the peak compares with that of the baseline that the page opens with, where both were measured. */
function memoryRatio() {
  const rows = memoryRows();
  if (![...rows.values()].some((row) => known(row.ratio))) return [];
  const against = baselineWords(data.baseline.id);
  const found = (cell) => { const row = rows.get(cell); return row && known(row.ratio) ? row : null; };
  return [
    { key: 'ratio', label: 'Peak ratio', title: `Peak over that of ${against}, with its interval`, num: true, value: (cell) => found(cell)?.ratio ?? null,
      show: (cell) => (found(cell) ? el('span', { class: 'nowrap' }, el('strong', {}, times(found(cell).ratio)), ` ${intervalWords(found(cell))}`) : none('–')) },
    { key: 'verdict', label: 'Verdict', title: `On the peak against ${against}`, value: (cell) => found(cell)?.verdict ?? null,
      show: (cell) => (found(cell)?.state === 'measured' ? verdictTag(found(cell), 'mb') : none('–')) },
  ];
}

function setUpMemory() {
  const host = document.getElementById('memory-table');
  whenSeen(host, () => new Table(host, {
    id: 'memory',
    label: 'Memory by cell',
    rows: () => cells.filter((cell) => cell.memory.init || cell.memory.overall || cell.memory.peak),
    text: textOf,
    empty: 'No process that is ok said anything about memory.',
    columns: [
      ...cellColumns((cell) => cell),
      megabytes('init', 'Growth by init (MB)', 'From the start of the tool to the end of initialization'),
      megabytes('overall', 'Growth overall (MB)', 'From the start of the tool to the end of the runs'),
      megabytes('peak', 'Peak (MB)', 'Largest footprint seen'),
      ...memoryRatio(),
      { key: 'source', label: 'From', value: (cell) => cell.memory.source, show: (cell) => el('span', {}, `${cell.memory.source} processes`, cell.synthetic ? ' ' : '', cell.synthetic ? tag('synthetic') : '') },
    ],
  }));
}
