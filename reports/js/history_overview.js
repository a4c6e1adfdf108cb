// The overview: a row per series, filters, and a small drawing of all its nights.

const SPARK = { width: 180, height: 34, pad: 3 };

/** The line of a series in small: broken where nights are missing, with the night of each change marked. */
function sparkline(one, shared) {
  const points = pointsOf(one, shared).filter(([, value]) => isNumber(value));
  const drawing = svg('svg', { class: 'spark', viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, width: SPARK.width, height: SPARK.height, 'aria-hidden': 'true' });
  if (!points.length) return drawing;
  const sorted = points.map(([, value]) => value).sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  // A single odd night must not flatten the rest; never so fine that noise fills the drawing.
  const [low, high] = extent([at(0.01), at(0.99), ...points.slice(-7).map(([, value]) => value)], 0.05, Math.abs(at(0.5)) * 0.04);
  const x = linear(shared.first, shared.last, SPARK.pad, SPARK.width - SPARK.pad);
  const y = linear(low, high, SPARK.height - SPARK.pad, SPARK.pad);
  const inside = (value) => Math.min(SPARK.height - 1, Math.max(1, y(value)));
  for (const change of one.changes) {
    if (change.bad[1] < shared.first) continue;
    drawing.append(svg('line', { class: `turn ${RANKS[change.rank]}`, x1: x(change.bad[1]).toFixed(1), x2: x(change.bad[1]).toFixed(1), y1: 0, y2: SPARK.height }));
  }
  const step = usualStep(points.map(([second]) => second));
  let path = '';
  points.forEach(([second, value], index) => {
    const broken = index === 0 || gapBetween(points[index - 1][0], second, step);
    const alone = broken && (index === points.length - 1 || gapBetween(second, points[index + 1][0], step));
    path += `${broken ? 'M' : 'L'}${x(second).toFixed(1)} ${inside(value).toFixed(1)}${alone ? 'h.1' : ''}`;
  });
  const [second, value] = points[points.length - 1];
  drawing.append(svg('path', { class: one.synthetic ? 'line synthetic' : 'line', d: path }), svg('circle', { class: 'end', cx: x(second).toFixed(1), cy: inside(value).toFixed(1), r: 2.2 }));
  return drawing;
}

/** Sparklines are drawn when they come near the view: a thousand rows must not wait for a thousand drawings. */
function sparkCell(one) {
  const host = el('span', { class: 'spark-host' });
  whenSeen(host, async () => { host.replaceChildren(sparkline(one, await loadNights())); }, false);
  return host;
}

const seriesLink = (one) => el('a', { href: `#series=${one.id}`, 'data-series-link': one.id }, el('bdi', {}, strangerText(one.title)));
const partsOf = (one) => el('span', { class: 'config' }, ...one.parts.flatMap((part, index) => [index ? ' · ' : '', stranger(part)]));
const marksOf = (one) => [one.synthetic ? [' ', tag('synthetic')] : [], one.differs ? [' ', tag('failed', 'output differs')] : []].flat();
/** The newest night of the page, which the others are held against. */
const newest = allSeries.reduce((most, one) => Math.max(most, one.last?.[0] ?? 0), 0);

function lastCell(one) {
  if (!one.last) return none('no night');
  const [second, value, low, high] = one.last;
  const stale = newest - second > 2 * DAY;
  return el('span', {}, el('strong', {}, withUnit(one, value)),
    el('span', { class: 'sub' }, known(low) && known(high) ? `${inUnit(one, low)} to ${inUnit(one, high)}` : 'no interval'),
    stale ? el('span', { class: 'sub warn', title: 'Other series have newer nights' }, `last on ${day(second)}`) : '');
}

const againstLevel = (one) => (one.last && one.nights > 1 && known(one.level) && one.level > 0 ? one.last[1] / one.level : null);

function changeCell(one) {
  const change = one.chief;
  if (!change) return none('none');
  const more = one.changes.length - 1;
  return el('span', { class: 'change' }, ...stateTags(change), ' ', el('strong', { class: amountClass(change) }, signedPercent(change.ratio[0])),
    el('span', { class: 'sub' }, `${intervalOf(change.ratio)}, since ${day(change.bad[1])}`),
    more ? el('span', { class: 'sub' }, `and ${plural(more, 'other change')}`) : '');
}

/** Filters that are lists of what there is: [key in the address, label, values of a series, words]. */
const CHOICES = [
  ['device', 'Device', (one) => [one.device]],
  ['model', 'Model', (one) => [one.title]],
  ['delegate', 'Delegate', (one) => [one.delegate]],
  ['metric', 'Metric', (one) => [one.metricWords]],
  ['verdict', 'Verdict', (one) => [...one.verdicts]],
];
const VERDICT_ORDER = ['confirmed', 'suspected', 'explained', 'improved', 'refuted', 'accepted', 'muted', 'over', 'no longer seen', 'no change'];

const isChosen = (one) => CHOICES.every(([key, , values]) => !state.get(key) || values(one).includes(state.get(key)));
/** The series that the filters leave, in the order of the table. */
const shownSeries = () => { const matches = matcher(); return allSeries.filter((one) => isChosen(one) && matches(one.text)); };

function setUpChoices() {
  const host = document.getElementById('choices');
  for (const [key, name, values] of CHOICES) {
    const found = [...new Set(allSeries.flatMap(values))];
    found.sort(key === 'verdict' ? (a, b) => VERDICT_ORDER.indexOf(a) - VERDICT_ORDER.indexOf(b) : (a, b) => a.localeCompare(b, 'en', { numeric: true }));
    if (found.length < 2) continue;
    const select = el('select', { id: `choose-${key}` }, el('option', { value: '' }, 'all'), ...found.map((value) => el('option', { value: `=${value}` }, strangerText(value, 60))));
    select.addEventListener('change', () => keep(key, select.value.slice(1) || null));
    watch([key], () => { select.value = found.includes(state.get(key)) ? `=${state.get(key)}` : ''; });
    host.append(el('label', { class: 'field' }, name, ' ', select));
  }
}

function setUpOverview() {
  const host = document.getElementById('series-table');
  if (!allSeries.length) return;
  new Table(host, {
    id: 'series', label: 'All series', rows: () => allSeries.filter(isChosen), text: (one) => one.text, also: CHOICES.map(([key]) => key), limit: 100, empty: 'No series matches the filters.',
    columns: [
      { key: 'name', label: 'Series', value: (one) => `${one.title}\n${one.parts.join('\n')}`, show: (one) => el('span', {}, seriesLink(one), ...marksOf(one), el('span', { class: 'sub' }, partsOf(one)), el('span', { class: 'narrow-only' }, sparkCell(one))) },
      { key: 'change', label: 'Change', title: 'The change that matters most, with its interval', value: (one) => (one.chief ? one.chief.ratio[0] : null), show: changeCell },
      { key: 'last', label: 'Last night', title: 'The newest estimate, with its 95 % interval between processes', num: true, value: (one) => one.last?.[1] ?? null, show: lastCell },
      { key: 'level', label: 'Of its level', title: 'The newest estimate against the median of all nights since the last change', num: true, wideOnly: true, value: againstLevel, show: (one) => (known(againstLevel(one)) ? signedPercent(againstLevel(one)) : none('–')) },
      { key: 'nights', label: 'Nights', num: true, wideOnly: true, value: (one) => one.nights },
      { key: 'spark', label: 'All nights', title: 'All series have the same axis of time; each has its own of values', value: (one) => one.nights, show: sparkCell },
    ],
  });
}
