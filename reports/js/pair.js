// What B does otherwise than A, op by op: the waterfall, and both profiles in the order of execution, side by side. Which op stands for which
// was worked out by harness/report/op_pairs.py; here the times are added up, and what no op explains is a line of its own.

const KINDS = ['same', 'renamed', 'replaced', 'new', 'gone'];
const KIND_WORDS = { same: 'same op', renamed: 'under another name', replaced: 'stands for as a whole', new: 'new in B', gone: 'gone in B' };
const MIRRORED = [0, 1, 2, 4, 3];
const WATERFALL_ROWS = 12;

/** Groups of ops of A and of B that stand for each other, in the order of execution; null where the two lists were not aligned. */
function alignedGroups(left, right) {
  // Nothing measured stands for something that was replayed or modelled.
  if (left.synthetic !== right.synthetic) return null;
  const forward = ops.aligned[`${left.list},${right.list}`];
  const runs = forward || ops.aligned[`${right.list},${left.list}`];
  if (!runs) return null;
  const [a, b] = [left, right].map((profile) => profile.rows.filter((row) => known(row.part)));
  const groups = [];
  let [i, j] = [0, 0];
  for (let at = 0; at < runs.length; at += 4) {
    for (let times = 0; times < runs[at + 3]; times += 1) {
      const [kind, first, second] = runs.slice(at, at + 3);
      const [ours, theirs] = forward ? [first, second] : [second, first];
      groups.push(groupOf(KINDS[forward ? kind : MIRRORED[kind]], a.slice(i, i + ours), b.slice(j, j + theirs), groups.length));
      i += ours;
      j += theirs;
    }
  }
  return groups;
}

function groupOf(kind, a, b, position) {
  const sum = (rows) => rows.reduce((total, row) => total + row.part, 0);
  const [aUs, bUs] = [sum(a), sum(b)];
  return { kind, a, b, aUs, bUs, change: bUs - aUs, position, text: [...a, ...b].map((row) => row.text).join('\n') };
}

/** The whole change and its parts: {whole, parts, unexplained, groups}; the parts and what is unexplained make up the whole. */
function differenceOf(left, right) {
  const groups = alignedGroups(left, right);
  if (!groups || !known(left.run) || !known(right.run)) return null;
  const whole = right.run - left.run;
  const verdicts = data.comparisons.ops[`${left.cell.id},${right.cell.id}`] ?? [];
  for (const group of groups) group.judged = verdicts[group.position] ? named(['ratio', 'low', 'high', 'verdict'], verdicts[group.position]) : null;
  const parts = groups.reduce((sum, group) => sum + group.change, 0);
  for (const group of groups) group.share = whole ? group.change / whole : null;
  return { whole, parts, unexplained: whole - parts, groups, judged: verdicts.length > 0, byContribution: groups.slice().sort((x, y) => Math.abs(y.change) - Math.abs(x.change)) };
}

const opName = (row) => `${row.type} #${row.index}`;

/** `CONV_2D #3 [conv]`, or the first and the last of several. */
function sideName(rows) {
  if (!rows.length) return none('nothing');
  if (rows.length === 1) return el('span', {}, stranger(rows[0].type), el('span', { class: 'mask' }, ` #${rows[0].index}`), el('span', { class: 'sub' }, opLine(rows[0].name)));
  return el('span', {}, `${rows.length} ops `, el('span', { class: 'sub' }, line(`${opName(rows[0])} … ${opName(rows[rows.length - 1])}`)));
}

function groupName(group) {
  if (group.kind === 'same') return sideName(group.b);
  if (group.kind === 'new' || group.kind === 'gone') return sideName(group.kind === 'new' ? group.b : group.a);
  return el('span', { class: 'becomes' }, sideName(group.a), el('span', { class: 'arrow', 'aria-label': 'becomes' }, '\u2192'), sideName(group.b));
}

const change = (value) => signed(value, us);
const groupVerdict = ({ judged }) => (judged ? el('span', { title: `${times(judged.ratio)} ${intervalWords(judged)}` }, verdictTag(judged, 'us')) : '');
const shareWords = (value) => (known(value) ? `${value < 0 ? '\u2212' : ''}${percent(100 * Math.abs(value))}\u202f%` : '');

function waterfallScale(steps) {
  const ends = steps.flatMap(({ from, to }) => [from, to]);
  let [low, high] = [Math.min(...ends), Math.max(...ends)];
  // From zero where that does not squeeze the changes into a line.
  if (low < 0.7 * high || low < 0) low = Math.min(0, low);
  const room = (high - low || 1) * 0.03;
  return linear(low - room, high + room, 4, 236);
}

function waterfallBar(step, x, words) {
  const drawing = svg('svg', { viewBox: '0 0 240 18', width: 240, height: 18, class: `plot fall ${step.total ? 'total' : step.to > step.from ? 'more' : 'less'}`, role: 'img', 'aria-label': words });
  const [from, to] = [x(step.from), x(step.to)];
  if (step.total) drawing.append(svg('path', { class: 'mark', d: `M${to.toFixed(1)} 1V17` }));
  else drawing.append(svg('rect', { class: 'mark', x: Math.min(from, to).toFixed(1), width: Math.max(1, Math.abs(to - from)).toFixed(1), y: 3, height: 12 }));
  return withTitle(drawing, words);
}

/** From the whole of A to the whole of B in steps, the largest contribution first. */
function drawWaterfall(left, right, found) {
  const host = document.getElementById('waterfall');
  const all = state.get('fall') === 'all';
  const shown = found.byContribution.slice(0, all ? Infinity : WATERFALL_ROWS);
  const rest = found.byContribution.slice(shown.length);
  const lines = shown.map((group) => ({ name: groupName(group), kind: KIND_WORDS[group.kind], verdict: groupVerdict(group), a: group.aUs, b: group.bUs, change: group.change, filter: group.text }));
  const sum = (rows, key) => rows.reduce((total, row) => total + row[key], 0);
  if (rest.length) {
    const more = el('button', { type: 'button', class: 'link' }, `${rest.length} more`);
    more.addEventListener('click', () => keep('fall', 'all'));
    lines.push({ name: more, kind: 'smaller changes', a: sum(rest, 'aUs'), b: sum(rest, 'bUs'), change: sum(rest, 'change') });
  }
  const [outsideA, outsideB] = [left, right].map((profile) => profile.run - profile.rows.reduce((total, row) => total + (row.part ?? 0), 0));
  lines.push({ name: el('em', {}, 'in no op'), kind: 'between the ops, and the profiler itself', a: outsideA, b: outsideB, change: found.unexplained });
  let at = left.run;
  const steps = lines.map((row) => { const step = { from: at, to: at + row.change }; at = step.to; return step; });
  const x = waterfallScale([{ from: left.run, to: right.run }, ...steps]);
  const whole = (letter, profile) => el('tr', { class: 'total' }, el('th', { scope: 'row' }, el('span', { class: `letter ${letter.toLowerCase()}` }, letter), ' the profiled run'), el('td', {}),
    el('td', { class: 'num' }, letter === 'A' ? us(profile.run) : ''), el('td', { class: 'num' }, letter === 'B' ? us(profile.run) : ''), el('td', { class: 'num' }), el('td', { class: 'num' }),
    el('td', {}, waterfallBar({ total: true, from: profile.run, to: profile.run }, x, `${letter}: ${us(profile.run)} µs`)));
  const body = lines.map((row, index) => el('tr', { 'data-us': row.change },
    el('th', { scope: 'row' }, row.name), el('td', {}, el('span', { class: 'sub' }, row.kind), row.verdict ?? ''), el('td', { class: 'num' }, us(row.a)), el('td', { class: 'num' }, us(row.b)),
    el('td', { class: 'num' }, el('strong', {}, change(row.change))), el('td', { class: 'num' }, shareWords(found.whole ? row.change / found.whole : null)),
    el('td', {}, waterfallBar(steps[index], x, `${change(row.change)} µs, then ${us(steps[index].to)} µs`))));
  const head = ['Op', 'Match', 'A (µs)', 'B (µs)', 'B − A (µs)', 'Share', 'From A to B'].map((text, index) => el('th', { scope: 'col', class: index > 1 && index < 6 ? 'num' : null }, text));
  const table = el('table', { id: 'table-waterfall' }, el('caption', { class: 'hidden' }, 'Contributions of ops to the change from A to B'), el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, whole('A', left), ...body, whole('B', right)));
  const total = lines.reduce((sumOf, row) => sumOf + row.change, 0);
  const good = Math.abs(total - found.whole) <= 1e-6 * Math.max(1, Math.abs(left.run), Math.abs(right.run));
  host.replaceChildren(el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Waterfall of ops' }, table),
    el('p', { class: 'note', id: 'waterfall-sum' }, `${plural(found.groups.length, 'group')} of ops ${change(found.parts)} µs, in no op ${change(found.unexplained)} µs: together ${change(total)} µs, and the whole changed by ${change(found.whole)} µs `,
      el('strong', { class: good ? 'good' : 'bad' }, good ? '✓' : '≠'), `. Medians over ${left.processes} and ${plural(right.processes, 'profiled process', 'profiled processes')}; ${found.judged ? 'verdicts of ops are of their own intervals, all ops of all cells judged together' : Math.min(left.processes, right.processes) < 5 ? 'no op has an interval of its own, which needs five profiled processes a side' : 'intervals of single ops: harness compare'}.`));
}

function changeBar(group, largest) {
  const half = 60;
  const width = largest ? Math.max(0.5, (Math.abs(group.change) / largest) * half) : 0;
  const drawing = svg('svg', { viewBox: '0 0 124 12', width: 124, height: 12, class: `plot fall ${group.change > 0 ? 'more' : 'less'}`, 'aria-hidden': 'true' });
  drawing.append(svg('line', { class: 'one', x1: 62, x2: 62, y1: 0, y2: 12 }), svg('rect', { class: 'mark', x: (group.change > 0 ? 62 : 62 - width).toFixed(1), width: width.toFixed(1), y: 2, height: 8 }));
  return drawing;
}

/** Both profiles in the order of execution, what stands for each other in one row. */
function drawAligned(found) {
  const largest = found.groups.reduce((most, group) => Math.max(most, Math.abs(group.change)), 0);
  const first = (rows) => rows[0]?.position ?? null;
  const where = (rows) => [...new Set(rows.map((row) => whereWords(row.where) || 'not said'))].join(', ');
  const side = (letter, key) => [
    { key, label: `${letter}`, title: `Op of ${letter}; sorts by its place in the order of execution`, num: false, value: (group) => first(group[key]), show: (group) => sideName(group[key]) },
    { key: `${key}w`, label: 'ran in', value: (group) => where(group[key]) || null },
    { key: `${key}us`, label: `${letter} (µs)`, num: true, value: (group) => (group[key].length ? group[`${key}Us`] : null), show: (group) => (group[key].length ? us(group[`${key}Us`]) : none('–')) },
  ];
  new Table(document.getElementById('aligned-table'), {
    id: 'aligned', label: 'Both profiles in the order of execution', rows: () => found.groups, text: (group) => `${group.text}\n${group.kind}`, filter: 'oq', limit: 100, empty: 'No op.',
    columns: [
      ...side('A', 'a'), ...side('B', 'b'),
      { key: 'change', label: 'B − A (µs)', num: true, value: (group) => group.change, show: (group) => change(group.change) },
      { key: 'bar', label: 'Change', title: 'Sorts by its size', value: (group) => Math.abs(group.change), show: (group) => changeBar(group, largest) },
      { key: 'share', label: 'Share', title: 'Of the whole change', num: true, value: (group) => group.share, show: (group) => shareWords(group.share) || none('–') },
      { key: 'kind', label: 'Match', value: (group) => KIND_WORDS[group.kind] },
      ...(found.judged ? [{ key: 'verdict', label: 'Verdict', value: (group) => group.judged?.verdict ?? null, show: (group) => groupVerdict(group) || none('–') }] : []),
    ],
  });
}

/** What the pair comes to, in words: the latency by the processes that do not profile, then the profiles. */
function pairWords(left, right) {
  const [a, b] = [left.cell, right.cell];
  const lines = [];
  // A pair of the suite's baseline has a verdict whatever baseline is chosen now.
  const row = comparisons(data.baseline.id)?.byCell.get(b);
  if (a === b) lines.push('A and B are the same cell: choose another.');
  else if (left.synthetic !== right.synthetic) lines.push(`${left.synthetic ? 'A' : 'B'} is synthetic (replayed or modelled) and ${left.synthetic ? 'B' : 'A'} was measured: no verdict, and no op of one stands for an op of the other.`);
  else if (row && row.base === a && row.state === 'measured') lines.push(`${METRIC.noun[0].toUpperCase()}${METRIC.noun.slice(1)} of B over A: ${row.shown ? `${row.shown.ratio} ${row.shown.interval}` : `${times(row.ratio)} ${intervalWords(row)}`}, ${row.words}.`);
  else if (a.latency && b.latency && a.state === 'ok' && b.state === 'ok' && a.latency[0]) lines.push(`Latency of B over A: ${times(b.latency[0] / a.latency[0])} (medians of processes; no interval was made for this pair).`);
  if (known(left.run) && known(right.run) && left.synthetic === right.synthetic) lines.push(`With profiling ${ms(left.run)} and ${ms(right.run)} ms: the whole changed by ${change(right.run - left.run)} µs.`);
  if (left.invalid || right.invalid) lines.push('A side is invalid: its profile may be of something else than was asked for.');
  return lines.join(' ');
}

function drawPair(left, right) {
  document.getElementById('pair-words').replaceChildren(pairWords(left, right), ...(left.synthetic || right.synthetic ? [' ', tag('synthetic')] : []));
  drawRibbon(left, right);
  const mixed = left.synthetic !== right.synthetic;
  const found = left.cell === right.cell || mixed ? null : differenceOf(left, right);
  for (const id of ['pair-body', 'aligned']) document.getElementById(id).hidden = !found;
  const reason = document.getElementById('pair-none');
  reason.hidden = Boolean(found) || left.cell === right.cell;
  reason.textContent = mixed ? 'One profile is synthetic, the other was measured: their ops are not set against each other. Each stands by itself below.'
    : left.cell.model !== right.cell.model ? 'The two cells are of different models: no op of one stands for an op of the other. Times by type are below.'
    : known(left.run) && known(right.run) ? `The ops of these two were not aligned, as the run has too many different profiles (${ops.unaligned} pairs were left out); harness compare does it. Times by type are below.` : 'A profiled process did not say its average, so there is no whole that the ops could add up to.';
  pairFall?.();
  if (!found) return;
  pairFall = watch(['fall'], () => drawWaterfall(left, right, found));
  drawAligned(found);
}
let pairFall = null;
