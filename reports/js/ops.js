// Two cells, A and B: their choice, and the ops of each by itself. What B does otherwise than A: pair.js.

/** Read when ops are first shown; see harness/report/op_tables.py. */
let ops = null;
const loadOps = once(async () => { ops = await read('ops-data'); });
const opCells = cells.filter((cell) => cell.profiled);
const OTHERS = 'all others';
const TYPES_SHOWN = 20;

/** The rows of a cell's profile in execution order, with shares of the primary graph's sum. */
function profileOf(cell) {
  const raw = ops.profiles[ops.cells[cell.id]];
  const list = ops.lists[raw.list];
  let sum = 0;
  const rows = list.index.map((index, i) => {
    const cost = raw.cost[i];
    const nested = Boolean(list.subgraph[i]);
    const share = known(cost) && raw.total ? 100 * cost / raw.total : null;
    if (known(share) && !nested) sum += share;
    return {
      position: i, index, type: ops.strings[list.type[i]], name: ops.strings[list.name[i]], subgraph: list.subgraph[i], nested,
      where: list.delegate[i], part: list.aligned && !list.aligned[i] ? null : (raw.part ? raw.part[i] : cost), avg: raw.avg ? raw.avg[i] : cost, calls: raw.calls ? raw.calls[i] : 1, cost, share, cumulative: nested ? null : sum,
      seen: raw.seen ? raw.seen[i] : raw.processes, processes: raw.processes,
    };
  });
  rows.forEach((row) => { row.text = `${row.type}\n${row.name}`.toLowerCase(); });
  return { ...raw, rows, cell };
}

/** One line of a name; all of it on click, or for all rows by the box above the tables. */
function line(text) {
  const node = el('span', { class: 'clamp one', title: text.length > 400 ? `${text.slice(0, 400)}…` : text }, el('bdi', {}, text));
  node.addEventListener('click', () => node.classList.toggle('open'));
  return node;
}

/**
 * An op's name with its end shown, where that is what tells it from its neighbours: paths of one graph begin alike, and fused ops list
 * several names after semicolons, of which the first is its own.
 */
const OWN_PART = 34;
function opLine(name) {
  const node = line(name);
  const [first] = name.split(';', 1);
  const more = first.length < name.length ? '…' : '';
  const end = first.length > OWN_PART ? `…${first.slice(1 - OWN_PART)}` : first;
  node.prepend(el('bdi', { class: 'own-part' }, `${end}${more}`));
  return node;
}

const whereWords = (where) => (known(where) ? (where ? 'delegate' : 'built-in') : null);

function typesOf(profile) {
  const types = new Map();
  for (const row of profile.rows) {
    if (row.nested || !known(row.cost)) continue;
    const entry = types.get(row.type) || { us: 0, count: 0 };
    entry.us += row.cost;
    entry.count += 1;
    types.set(row.type, entry);
  }
  return types;
}

const profiledCell = (id) => { const cell = cellById.get(id); return cell?.profiled ? cell : null; };

/** The cells of A and B: what the address says, else the likeliest question, A being what B is held against. */
function chosenPair() {
  const [a, b] = [profiledCell(state.get('a')), profiledCell(state.get('b'))];
  if (a && b) return [a, b];
  if (b) return [counterpart(b), b];
  if (!a) { const pair = mostDifferent(); if (pair) return pair; }
  const first = a || opCells.find((cell) => baselineCell(cell) === cell) || opCells[0];
  // Against a baseline, the cell that was compared with it; else the same cell with another binary or on another delegate.
  return [first, opCells.find((cell) => cell !== first && baselineCell(cell) === first) || alikeTo(first)];
}

/** Pairs of base and head that were both profiled, the surest and largest change first. */
function changedPairs() {
  const rows = (comparisons()?.rows ?? []).filter(({ base, cell, state }) => state === 'measured' && base && base !== cell && base.profiled && cell.profiled);
  const weight = (row) => (['slower', 'faster'].includes(row.verdict) ? 1e6 : 0) + Math.abs(Math.log(row.ratio));
  return rows.sort((x, y) => weight(y) - weight(x));
}

/** Buttons for the cells that changed most, so that their ops are one click away. */
function offerChanged() {
  const host = document.getElementById('ops-most');
  const most = sided ? changedPairs().slice(0, 5) : [];
  host.hidden = most.length < 2;
  host.replaceChildren(el('span', { class: 'note' }, 'Changed most: '), ...most.map((row) => {
    const button = el('button', { type: 'button', class: 'choice' }, stranger(row.cell.title), ` ${row.shown?.ratio ?? times(row.ratio)} ${verdictName(row.verdict)}, ${row.cell.device} ${row.cell.delegate}`);
    button.addEventListener('click', () => { keep('a', row.base.id); keep('b', row.cell.id); });
    return button;
  }));
}

/** Of the model that takes longest, the baseline and the cell that differs most from it; null where no profiled cell has a ratio. */
function mostDifferent() {
  if (sided) { const [row] = changedPairs(); return row ? [row.base, row.cell] : null; }
  const pairs = opCells.map((cell) => [baselineCell(cell), cell, ratioOf(cell)])
    .filter(([base, cell, ratio]) => ratio && !ratio.base && base.profiled && base.synthetic === cell.synthetic);
  const slowest = Math.max(...pairs.map(([base]) => base.latency[0]));
  const model = pairs.find(([base]) => base.latency[0] === slowest)?.[0].model;
  const size = ([, , ratio]) => Math.abs(Math.log(ratio.value));
  const ranked = pairs.filter(([base]) => base.model === model).sort((x, y) => size(y) - size(x));
  return ranked.length ? ranked[0].slice(0, 2) : null;
}

function counterpart(cell) {
  const base = baselineCell(cell);
  return base && base !== cell && base.profiled ? base : alikeTo(cell);
}

function alikeTo(cell) {
  const alike = (names) => opCells.find((other) => other !== cell && names.every((name) => other[name] === cell[name]));
  return alike(['model', 'device', 'delegate', 'threads', 'cpus']) || alike(['model', 'device', 'threads', 'cpus']) || alike(['model', 'device']) || alike(['model']) || cell;
}

/** Shows a cell's ops against its baseline's; the baseline's own against another cell's. */
function showOps(id) {
  const cell = cellById.get(id);
  const isBase = baselineCell(cell) === cell;
  const other = isBase ? opCells.find((candidate) => candidate !== cell && baselineCell(candidate) === cell) || alikeTo(cell) : counterpart(cell);
  keep(isBase ? 'a' : 'b', id);
  keep(isBase ? 'b' : 'a', other.id);
  document.getElementById('ops').scrollIntoView();
  document.getElementById(isBase ? 'ops-a' : 'ops-b').focus({ preventScroll: true });
}

function fillChoice(select) {
  const groups = new Map();
  for (const cell of opCells) {
    if (!groups.has(cell.model)) groups.set(cell.model, el('optgroup', { label: cell.model }));
    groups.get(cell.model).append(el('option', { value: cell.id }, `${cell.model} · ${cell.config}`));
  }
  select.replaceChildren(...groups.values());
}

function headOf(profile) {
  const facts = [`${profile.rows.length} rows, ${us(profile.total)} µs per inference`];
  if (known(profile.run) && profile.run) facts.push(`${percent(100 * profile.total / profile.run)} % of the profiled run’s own average (${us(profile.run)} µs)`);
  facts.push(profile.processes > 1 ? `median of ${profile.processes} profiled processes` : 'one profiled process');
  const seen = profile.cell.delegates.length ? profile.cell.delegates.join('; ') : null;
  return [
    el('p', { class: 'note' }, facts.join(' · '), seen ? ` · ${seen}` : ''),
    ...(profile.invalid ? [el('p', { class: 'alert invalid' }, `Invalid: ${profile.cell.causes.join(', ')}`)] : []),
    ...(profile.synthetic ? [el('p', { class: 'alert synthetic' }, 'Synthetic: replayed or modelled, not measured.')] : []),
  ];
}

function opColumns(profile) {
  const number = (key, label, title, show, value = (row) => row[key]) => ({ key, label, title, num: true, value, show: (row) => (known(value(row)) ? show(value(row)) : none('–')) });
  const subgraphs = profile.rows.some((row) => row.nested);
  return [
    number('position', '#', 'Place in the order of execution', String, (row) => row.index),
    { key: 'type', label: 'Type', value: (row) => row.type, show: (row) => el('span', {}, line(row.type), row.nested ? el('span', { class: 'sub' }, ` in subgraph ${row.subgraph}, counted in its caller`) : '') },
    { key: 'name', label: 'Name', value: (row) => row.name, show: (row) => opLine(row.name) },
    number('avg', 'µs/call', 'Average of one call, in microseconds', us),
    number('calls', 'Calls', 'Calls per inference', String),
    number('cost', 'Cost (µs)', 'Average of a call times calls: microseconds per inference', us),
    number('share', '%', 'Share of the sum of all ops', (value) => percent(value, 2)),
    number('cumulative', 'Σ %', 'Cumulative, in the order of execution', (value) => percent(value, 1)),
    { key: 'where', label: 'Ran in', title: 'Delegate or built-in kernel, where the row itself proves it', value: (row) => whereWords(row.where), show: (row) => whereWords(row.where) || none('not said') },
    ...(profile.seen ? [number('seen', 'Seen', `In how many of ${profile.processes} processes`, String)] : []),
    ...(subgraphs ? [number('subgraph', 'Graph', 'Subgraph', String)] : []),
  ];
}

function drawSide(letter, profile, top, groups) {
  document.getElementById(`ops-${letter}-head`).replaceChildren(...headOf(profile));
  const rows = profile.rows.filter((row) => !row.nested && known(row.cost));
  drawToFit(document.getElementById(`ops-${letter}-chart`), (width) => costChart(letter.toUpperCase(), rows, groups, top, width));
  // Columns differ between profiles, so the table is made anew; its order stays, it is kept in the address.
  new Table(document.getElementById(`ops-${letter}-table`), {
    id: `ops-${letter}`, label: `Ops of cell ${letter.toUpperCase()}`, rows: () => profile.rows, columns: opColumns(profile), text: (row) => row.text, filter: 'oq', empty: 'No op.',
  });
}

function drawTypes(a, b) {
  const [left, right] = [typesOf(a), typesOf(b)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  const weight = (name) => (left.get(name)?.us || 0) + (right.get(name)?.us || 0);
  names.sort((x, y) => weight(y) - weight(x));
  const rows = names.slice(0, TYPES_SHOWN).map((name) => ({
    type: strangerText(name, 80),
    sides: [['A', left, a], ['B', right, b]].filter(([, types]) => types.has(name)).map(([letter, types, profile]) => [letter, { ...types.get(name), share: profile.total ? 100 * types.get(name).us / profile.total : null }]),
  }));
  drawToFit(document.getElementById('types-chart'), (width) => typesChart(rows, width));
  const cost = (letter, types) => ({
    key: letter, label: `${letter.toUpperCase()} (µs)`, title: `Cell ${letter.toUpperCase()}, per inference`, num: true,
    value: (name) => types.get(name)?.us ?? null, show: (name) => (types.has(name) ? us(types.get(name).us) : none('–')),
  });
  const count = (letter, types) => ({ key: `n${letter}`, label: `ops ${letter.toUpperCase()}`, num: true, value: (name) => types.get(name)?.count ?? null });
  const difference = (name) => (left.has(name) && right.has(name) && a.synthetic === b.synthetic ? right.get(name).us - left.get(name).us : null);
  new Table(document.getElementById('types-table'), {
    id: 'types', label: 'Time by op type', rows: () => names, text: (name) => name.toLowerCase(), filter: 'oq', empty: 'No op.',
    columns: [
      { key: 'type', label: 'Type', value: (name) => name, show: (name) => stranger(name) },
      count('a', left), cost('a', left), count('b', right), cost('b', right),
      { key: 'difference', label: 'B − A (µs)', num: true, value: difference, show: (name) => (known(difference(name)) ? `${difference(name) > 0 ? '+' : difference(name) < 0 ? '−' : ''}${us(Math.abs(difference(name)))}` : none('–')) },
    ],
  });
}

function drawLegend(groups, others) {
  const shown = others ? [...groups, OTHERS] : groups;
  document.getElementById('ops-legend').replaceChildren(...shown.map((name, index) => {
    const swatch = svg('svg', { width: 10, height: 10, viewBox: '0 0 10 10' }, svg('rect', { width: 10, height: 10, rx: 2, class: `hue-${index < groups.length ? index : HUES - 1}` }));
    return el('span', { class: 'key' }, swatch, ' ', el('bdi', {}, name.length > 60 ? `${name.slice(0, 60)}…` : name));
  }));
}

function setUpOps() {
  const section = document.getElementById('ops');
  document.getElementById('ops-none').hidden = opCells.length > 0;
  document.getElementById('ops-body').hidden = opCells.length === 0;
  if (!opCells.length) return;
  for (const letter of ['a', 'b']) {
    const select = document.getElementById(`ops-${letter}`);
    fillChoice(select);
    // Both are kept, so that the other side does not change by itself.
    select.addEventListener('change', () => {
      const [a, b] = chosenPair();
      keep(letter, select.value);
      keep(letter === 'a' ? 'b' : 'a', (letter === 'a' ? b : a).id);
    });
    watch(['a', 'b', 'base'], () => { select.value = chosenPair()[letter === 'a' ? 0 : 1].id; });
  }
  document.getElementById('ops-swap').addEventListener('click', () => {
    const [a, b] = chosenPair();
    keep('a', b.id);
    keep('b', a.id);
  });
  offerChanged();
  setUpFilter('ops-filter', 'oq');
  const full = document.getElementById('ops-full');
  full.addEventListener('change', () => keep('full', full.checked ? '1' : null));
  watch(['full'], () => {
    full.checked = state.get('full') === '1';
    section.classList.toggle('full', full.checked);
  });
  let shown = '';
  whenSeen(section, async () => { await loadOps(); watch(['a', 'b', 'base'], () => {
    const [a, b] = chosenPair();
    if (shown === `${a.id} ${b.id}`) return;
    shown = `${a.id} ${b.id}`;
    const [left, right] = [profileOf(a), profileOf(b)];
    const both = new Map();
    for (const profile of [left, right]) typesOf(profile).forEach(({ us: cost }, name) => both.set(name, (both.get(name) || 0) + cost));
    const groups = [...both].sort(([, x], [, y]) => y - x).slice(0, HUES - 1).map(([name]) => name);
    const top = Math.max(1e-9, ...[left, right].map(({ rows }) => rows.reduce((most, row) => Math.max(most, row.nested ? 0 : row.cost || 0), 0)));
    drawPair(left, right);
    drawSide('a', left, top, groups);
    drawSide('b', right, top, groups);
    drawLegend(groups, both.size > groups.length);
    drawTypes(left, right);
  }); });
}
