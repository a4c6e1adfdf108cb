// Every night of one series: estimates with intervals, gaps, levels, changes, and what changed of the ground and of the files.

// `bold`: how much wider bold text is than `textWidth` says, which measures plain text.
const NIGHTS = { left: 60, right: 16, line: 14, plot: 260, axis: 20, lane: 17, bold: 1.15 };
const LANES = [['ground', 'ground'], ['tested', 'files']];

/** Round dates for an axis: [[second, text]...], about `count` of them. */
function dateTicks(first, last, count) {
  const rough = (last - first) / Math.max(1, count) / DAY;
  const found = [];
  if (rough <= 14) {
    const step = [1, 2, 7, 14].find((days) => days >= rough) * DAY;
    for (let second = Math.ceil(first / step) * step; second <= last; second += step) found.push([second, day(second)]);
    return found.length ? found : [[first, day(first)]];
  }
  const step = [1, 2, 3, 6, 12, 24, 60].find((months) => months * 30 >= rough) ?? 120;
  const begin = new Date(first * 1000);
  for (let month = begin.getUTCFullYear() * 12 + begin.getUTCMonth(); ; month += 1) {
    const second = Date.UTC(Math.floor(month / 12), month % 12) / 1000;
    if (second > last) return found;
    if (second >= first && month % step === 0) found.push([second, month % 12 ? MONTHS[month % 12] : String(Math.floor(month / 12))]);
  }
}

/**
 * What the axis of values covers: {low, high}. A few odd values far away from all others, none of them new, are left outside, so that the
 * rest can be told apart; marks at the edge stand for them. From zero, everything is inside.
 */
function valueRange(one, nights, fromZero) {
  const values = nights.map((night) => night.value).filter(isNumber).sort((a, b) => a - b);
  if (!values.length) return null;
  const at = (share) => values[Math.round(share * (values.length - 1))];
  const newest = nights.slice(-7).map((night) => night.value).filter(isNumber);
  const room = 8 * Math.max(at(0.75) - at(0.25), Math.abs(at(0.5)) * 0.005);
  const [low, high] = [at(0.25) - room, at(0.75) + room];
  const far = values.filter((value) => value < low || value > high);
  const trim = !fromZero && far.length <= Math.max(1, 0.02 * values.length) && !newest.some((value) => far.includes(value));
  const inside = trim ? values.filter((value) => value >= low && value <= high) : values;
  const ends = nights.flatMap((night) => [night.low, night.high]).filter(isNumber).sort((a, b) => a - b);
  // Of the ends of intervals most, but not the widest: one night of two processes would flatten all others.
  const wide = ends.length ? [ends[Math.floor(0.02 * ends.length)], ends[Math.ceil(0.98 * (ends.length - 1))]] : [];
  const levels = one.changes.flatMap((change) => [change.before, change.after]).filter((value) => isNumber(value) && value >= inside[0] && value <= inside[inside.length - 1]);
  const found = extent([...inside, ...wide, ...levels], 0.06, Math.abs(at(0.5)) * 0.01);
  return fromZero ? { low: Math.min(0, found[0]), high: found[1] } : { low: found[0], high: found[1] };
}

/** Puts labels in rows: `place(x, width, first)` returns the row with room there, from the row `first` on, or -1. */
function rowsOfLabels(count, right) {
  const ends = Array(count).fill(-Infinity);
  return (x, width, first = 0) => {
    if (x + width > right) return -1;
    const row = ends.findIndex((end, index) => index >= first && end + 6 <= x);
    if (row >= 0) ends[row] = x + width;
    return row;
  };
}

/** The drawing, with `night(x)` the index of the night at a place, and `choose(index)` to mark one. */
function nightChart(one, nights, { fromZero, width }) {
  const scale = one.unit === 'mb' ? 1 : 1000;
  const rows = width < 560 ? 1 : 2;
  const labels = Math.min(2, one.changes.length);
  const top = 24 + NIGHTS.line * labels;
  const bottom = top + NIGHTS.plot;
  const laneTop = bottom + NIGHTS.axis + 6;
  const right = width - NIGHTS.right;
  const height = laneTop + LANES.length * rows * NIGHTS.lane + 6;
  const drawing = chartOf(width, height, 'nights', `${one.title}: ${plural(nights.length, 'night')}`);
  const range = valueRange(one, nights, fromZero);
  if (!range) return { drawing, choose: () => {}, night: () => -1 };
  const [first, last] = [nights[0].at, nights[nights.length - 1].at];
  const side = first === last ? DAY / 2 : (last - first) * 0.015;
  const x = linear(first - side, last + side, NIGHTS.left, right);
  const y = linear(range.low, range.high, bottom, top);
  const inPlot = (value) => Math.min(bottom, Math.max(top, y(value)));
  const atNight = (night) => x(night.at);
  const spacing = (right - NIGHTS.left) / Math.max(1, nights.length);
  const radius = Math.max(1.6, Math.min(3.6, spacing * 0.45)).toFixed(1);

  for (const [second, text] of dateTicks(first - side, last + side, tickCount(right - NIGHTS.left))) {
    drawing.append(svg('line', { class: 'grid', x1: x(second).toFixed(1), x2: x(second).toFixed(1), y1: top, y2: bottom }), label(x(second), bottom + 14, text, 'middle'));
  }
  drawing.append(yAxis({ low: range.low / scale, high: range.high / scale, y: (value) => y(value * scale), x: NIGHTS.left, right, top, count: 5 }),
    label(4, 11, `${one.metricWords} (${unitOf(one)})`, 'start', 'title'));

  for (const night of nights) {
    if (!night.gap) continue;
    const [from, to] = [x(night.gap.from) + Number(radius) + 1, x(night.gap.to) - Number(radius) - 1];
    const words = `no estimate: ${plural(night.gap.nightly ? night.gap.missed : night.gap.days, night.gap.nightly ? 'night' : 'day')}`;
    drawing.append(withTitle(svg('rect', { class: 'gap', x: from.toFixed(1), y: top, width: Math.max(1.5, to - from).toFixed(1), height: NIGHTS.plot }), `${day(night.gap.from)} to ${day(night.gap.to)}: ${gapWords(night.gap)}`));
    if (textWidth(words) + 8 < to - from) drawing.append(label((from + to) / 2, bottom - 8, words, 'middle', 'gap-words'));
  }

  // Levels and changes lie behind the nights.
  const claimed = one.changes.filter((change) => change.verdict !== 'refuted');
  const place = rowsOfLabels(labels, right + NIGHTS.right);
  for (const change of one.changes) {
    const rank = RANKS[change.rank];
    const [from, to] = [Math.max(first - side, change.good[1]), Math.max(first - side, change.bad[1])].map((second) => Math.min(right, x(second)));
    const older = change.bad[1] < first;
    const text = `${change.ratio[0] > 1 ? '▲' : '▼'} ${signedPercent(change.ratio[0])} ${change.states.join(', ')}${older ? `, since ${day(change.bad[1])}` : ''}`;
    const words = `${day(change.bad[1])}: ${text.slice(2)}, ${intervalOf(change.ratio)}; last night before it ${day(change.good[1])}`;
    if (!older) drawing.append(withTitle(svg('rect', { class: `turn ${rank}`, x: from.toFixed(1), y: top, width: Math.max(1.5, to - from).toFixed(1), height: NIGHTS.plot }), words));
    const room = textWidth(text) * NIGHTS.bold;
    const start = Math.min(to, right + NIGHTS.right - room - 2);
    const row = place(start, room);
    if (row >= 0) drawing.append(label(start, 26 + row * NIGHTS.line, text, 'start', `turn-words ${rank}`));
    if (change.verdict === 'refuted') continue;
    const index = claimed.indexOf(change);
    const level = (value, begin, end) => {
      if (isNumber(value) && end > begin) drawing.append(svg('line', { class: `level ${rank}`, x1: x(begin).toFixed(1), x2: x(end).toFixed(1), y1: inPlot(value).toFixed(1), y2: inPlot(value).toFixed(1) }));
    };
    if (index === 0 && !older) level(change.before, first, change.good[1]);
    level(change.after, Math.max(first, change.bad[1]), claimed[index + 1]?.good[1] ?? last);
  }

  let path = '';
  for (const night of nights) {
    if (!isNumber(night.value)) continue;
    const before = nights[night.index - 1];
    path += `${before && isNumber(before.value) && !night.gap ? 'L' : 'M'}${atNight(night).toFixed(1)} ${inPlot(night.value).toFixed(1)}`;
  }
  drawing.append(svg('path', { class: 'between', d: path }));
  const whiskers = { real: '', synthetic: '' };
  for (const night of nights) {
    if (isNumber(night.low) && isNumber(night.high)) whiskers[night.synthetic ? 'synthetic' : 'real'] += `M${atNight(night).toFixed(1)} ${inPlot(night.low).toFixed(1)}V${inPlot(night.high).toFixed(1)}`;
  }
  for (const [kind, d] of Object.entries(whiskers)) if (d) drawing.append(svg('path', { class: `whisker ${kind}`, d }));
  for (const night of nights) {
    if (!isNumber(night.value)) continue;
    const [cx, cy] = [atNight(night).toFixed(1), inPlot(night.value)];
    if (y(night.value) < top - 0.5 || y(night.value) > bottom + 0.5) {
      const up = y(night.value) < top;
      drawing.append(withTitle(svg('path', { class: 'outside', d: `M${cx} ${up ? top : bottom}l-4 ${up ? 7 : -7}h8z` }), `${withUnit(one, night.value)}, outside of this axis`));
    } else if (night.differs) drawing.append(svg('path', { class: 'differs', d: `M${(cx - 3.5).toFixed(1)} ${(cy - 3.5).toFixed(1)}l7 7m0 -7l-7 7` }));
    else drawing.append(svg('circle', { class: night.synthetic ? 'night synthetic' : 'night', cx, cy: cy.toFixed(1), r: radius }));
  }
  LANES.forEach(([kind, name], index) => drawing.append(lane(nights, kind, name, { x, top: laneTop + index * rows * NIGHTS.lane, plot: [top, bottom], rows, right: width })));

  const guide = svg('g', { class: 'guide' });
  drawing.append(guide);
  const choose = (index) => {
    const night = nights[index];
    const shapes = night ? [svg('line', { x1: atNight(night).toFixed(1), x2: atNight(night).toFixed(1), y1: top, y2: bottom })] : [];
    if (night && isNumber(night.value)) shapes.push(svg('circle', { cx: atNight(night).toFixed(1), cy: inPlot(night.value).toFixed(1), r: 5.5 }));
    guide.replaceChildren(...shapes);
  };
  const nearest = (place) => nights.reduce((best, night) => (Math.abs(atNight(night) - place) < Math.abs(atNight(nights[best]) - place) ? night.index : best), 0);
  return { drawing, choose, night: nearest };
}

/**
 * A lane of marks below the axis: diamonds for the ground, with a line through the plot, squares for the files that are tested; words where
 * there is room. A file that is new every night has thin marks, and words once.
 */
function lane(nights, kind, name, { x, top, plot, rows, right }) {
  const group = svg('g', { class: `lane ${kind}` });
  const middle = top + NIGHTS.lane / 2;
  group.append(label(4, middle + 4, name, 'start', 'lane-name'));
  const marks = nights.map((night) => ({ night, at: x(night.at), events: night.events.filter((event) => event.kind === kind) })).filter(({ events }) => events.length);
  const titleOf = ({ night, events }) => `${day(night.at)}: ${events.map((event) => `${event.word} ${strangerText(shortHash(event.from) ?? 'not known')} → ${strangerText(shortHash(event.to) ?? 'not known')}`).join('; ')}`;
  if (marks.length * 14 > right) {
    const words = [...new Set(marks.flatMap(({ events }) => events.map((event) => event.word)))].join(', ');
    group.append(withTitle(svg('path', { class: 'dense', d: marks.map(({ at }) => `M${at.toFixed(1)} ${(middle - 4).toFixed(1)}v8`).join('') }), `${words}: changed on ${marks.length} of ${nights.length - 1} nights`));
    if (rows > 1) group.append(label(NIGHTS.left, middle + 4 + NIGHTS.lane, `${words}: changed on ${marks.length} of ${nights.length - 1} nights`, 'start', 'event-words'));
    return group;
  }
  const place = rowsOfLabels(rows, right);
  marks.forEach((mark, index) => {
    const { at, events } = mark;
    const words = events.map((event) => event.word).join(', ');
    if (kind === 'ground') group.append(svg('line', { class: 'through', x1: at.toFixed(1), x2: at.toFixed(1), y1: plot[0], y2: middle }));
    const shape = kind === 'ground' ? `M${at.toFixed(1)} ${(middle - 5).toFixed(1)}l5 5l-5 5l-5 -5z` : `M${(at - 3).toFixed(1)} ${(middle - 3).toFixed(1)}h6v6h-6z`;
    group.append(withTitle(svg('path', { class: 'event', d: shape }), titleOf(mark)));
    const width = textWidth(words);
    // Beside its mark, or left of it at the right edge; in the second row where the next mark is too near.
    const left = at + 8 + width > right ? at - 8 - width : at + 8;
    const next = marks[index + 1]?.at ?? Infinity;
    const before = marks[index - 1]?.at ?? -Infinity;
    const row = place(left, width, (left > at ? left + width + 8 > next : left < before + 8) ? 1 : 0);
    if (row >= 0) group.append(withTitle(label(left, middle + 4 + row * NIGHTS.lane, words, 'start', 'event-words'), titleOf(mark)));
  });
  return group;
}
