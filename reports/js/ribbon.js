// Where the graph runs: every op in the order of execution, coloured by who ran it, and the same by time, A above B.

const RIBBON = { width: 1200, left: 34, lane: 20, gap: 64 };
const whereClass = (where) => (known(where) ? (where ? 'delegate' : 'builtin') : 'unknown');

/** Runs of ops that ran in the same place: [{where, rows}]. */
function partitionsOf(profile) {
  const parts = [];
  for (const row of profile.rows) {
    if (row.nested) continue;
    const last = parts[parts.length - 1];
    if (last && last.where === row.where) last.rows.push(row);
    else parts.push({ where: row.where, rows: [row] });
  }
  return parts;
}

/** The same in words, which are what a screen reader has of the drawing. */
function partitionWords(parts) {
  const all = parts.reduce((sum, part) => sum + part.rows.length, 0);
  const taken = parts.filter((part) => part.where);
  const left = parts.filter((part) => part.where === 0);
  const count = (list) => list.reduce((sum, part) => sum + part.rows.length, 0);
  const cost = (list) => list.reduce((sum, part) => sum + part.rows.reduce((total, row) => total + (row.cost || 0), 0), 0);
  const whole = cost(parts) || 1;
  if (!taken.length) return left.length && count(left) === all ? `all ${plural(all, 'op')} in built-in kernels on the CPU` : 'no op that a delegate is known to have run';
  const words = [`${count(taken)} of ${plural(all, 'row')} in the delegate, in ${plural(taken.length, 'part')} (${percent(100 * cost(taken) / whole)} % of the time)`];
  if (left.length) {
    const names = left.flatMap((part) => part.rows).slice(0, 6).map((row) => `${strangerText(row.type, 40)} #${row.index}`);
    words.push(`falls back to the CPU for ${plural(count(left), 'op')} in ${plural(left.length, 'place')} (${percent(100 * cost(left) / whole)} %): ${names.join(', ')}${count(left) > 6 ? ', …' : ''}`);
  }
  return words.join('; ');
}

/** Ops at equal widths: a fallback is seen however short it is. */
function stripOf(parts, y, width) {
  const group = svg('g', {});
  const all = parts.reduce((sum, part) => sum + part.rows.length, 0) || 1;
  let at = 0;
  for (const part of parts) {
    const x = RIBBON.left + (at / all) * width;
    const wide = (part.rows.length / all) * width;
    const words = `${part.rows.length} × ${whereWords(part.where) || 'not said'}: ${strangerText(opName(part.rows[0]), 60)}${part.rows.length > 1 ? ` to ${strangerText(opName(part.rows[part.rows.length - 1]), 60)}` : ''}`;
    group.append(withTitle(svg('rect', { class: `part ${whereClass(part.where)}`, x: x.toFixed(2), y, width: Math.max(0.8, wide - (all < 400 ? 0.7 : 0)).toFixed(2), height: RIBBON.lane }), words));
    if (wide > 46) group.append(label(x + wide / 2, y + 14, `${part.rows.length} ${part.where ? 'delegate' : part.where === 0 ? 'CPU' : '?'}`, 'middle', `on ${whereClass(part.where)}`));
    at += part.rows.length;
  }
  return group;
}

/** Ops at widths of their cost; the places of their ends are kept for the links between A and B. */
function laneOf(profile, y, scale, places) {
  const group = svg('g', {});
  let at = 0;
  for (const row of profile.rows) {
    if (row.nested || !row.cost) continue;
    const [x, wide] = [RIBBON.left + at * scale, row.cost * scale];
    places.set(row, [x, x + wide]);
    group.append(withTitle(svg('rect', { class: `part ${whereClass(row.where)}`, x: x.toFixed(2), y, width: Math.max(0.3, wide - 0.5).toFixed(2), height: RIBBON.lane }), `${strangerText(opName(row), 80)} ${strangerText(row.name, 120)}: ${us(row.cost)} µs, ${whereWords(row.where) || 'not said'}`));
    at += row.cost;
  }
  return group;
}

function linksOf(groups, places, top, bottom) {
  const drawing = svg('g', {});
  const span = (rows) => {
    const ends = rows.map((row) => places.get(row)).filter(Boolean);
    return ends.length ? [ends[0][0], ends[ends.length - 1][1]] : null;
  };
  for (const group of groups) {
    const [a, b] = [span(group.a), span(group.b)];
    if (!a || !b) continue;
    const words = `${us(group.aUs)} to ${us(group.bUs)} µs, ${change(group.change)} µs: ${strangerText(opName(group.a[0]), 60)} ${group.kind === 'same' ? '' : `→ ${strangerText(opName(group.b[0]), 60)}`}`;
    drawing.append(withTitle(svg('path', { class: `flow ${group.change > 0 ? 'more' : 'less'}`, d: `M${a[0].toFixed(2)} ${top}H${a[1].toFixed(2)}L${b[1].toFixed(2)} ${bottom}H${b[0].toFixed(2)}Z` }), words));
  }
  return drawing;
}

function drawRibbon(left, right) {
  const host = document.getElementById('ribbon');
  const sides = [left, right].map((profile) => ({ profile, parts: partitionsOf(profile) }));
  const alone = left.cell === right.cell;
  const shown = alone ? sides.slice(0, 1) : sides;
  const width = RIBBON.width - RIBBON.left - 4;
  const longest = Math.max(1e-9, ...shown.map(({ profile }) => profile.rows.reduce((sum, row) => sum + (row.nested ? 0 : row.cost || 0), 0)));
  const places = new Map();
  const { lane, gap } = RIBBON;
  const height = alone ? 2 * lane + 46 : 4 * lane + gap + 62;
  const drawing = svg('svg', { viewBox: `0 0 ${RIBBON.width} ${height}`, class: 'plot ribbon', role: 'img', 'aria-label': shown.map(({ parts }, index) => `${'AB'[index]}: ${partitionWords(parts)}`).join('. ') });
  const rows = alone ? [[18, 18 + lane + 8]] : [[18, 18 + lane + 8], [18 + 3 * lane + gap + 16, 18 + 2 * lane + gap + 8]];
  shown.forEach(({ profile, parts }, index) => {
    const [strip, time] = rows[index];
    drawing.append(label(2, (strip + time + lane) / 2 + 5, 'AB'[index], 'start', 'letter-text'), stripOf(parts, strip, width), laneOf(profile, time, width / longest, places));
  });
  if (!alone) {
    const groups = alignedGroups(left, right);
    if (groups) drawing.append(linksOf(groups, places, rows[0][1] + lane + 1, rows[1][1] - 1));
  }
  const foot = height - 20;
  drawing.append(label(RIBBON.left, 11, 'outer: every op at the same width, in the order of execution; inner: by its time (µs)', 'start', 'title'));
  const marks = ticks(0, longest, 8);
  for (const mark of marks) drawing.append(label(RIBBON.left + (mark / longest) * width, foot + 12, us(mark), mark === 0 ? 'start' : 'middle'));
  host.replaceChildren(el('div', { class: 'scroll bare', tabindex: '0', role: 'region', 'aria-label': 'Where the graph runs' }, drawing),
    el('ul', { class: 'partitions' }, ...shown.map(({ parts, profile }, index) => el('li', {}, el('span', { class: `letter ${'ab'[index]}` }, 'AB'[index]), ' ', el('bdi', {}, partitionWords(parts)), profile.cell.delegates.length ? ` · tool: ${profile.cell.delegates.join('; ')}` : ''))));
}
