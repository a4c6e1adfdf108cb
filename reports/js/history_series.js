// One series in full, over the page: its changes, every night, what changed of the ground, and all nights as a table.

/** A change in full, with the commands that go on from it. */
function changeItem(one, change, nights) {
  const [bad, good] = [nights.find((night) => night.run.id === change.bad[0]), nights.find((night) => night.run.id === change.good[0])];
  const run = (night, [id]) => (night ? runLink(night.run) : stranger(id));
  const lines = [];
  for (const sentence of change.explained) lines.push(['Explained: ', stranger(sentence)]);
  if (change.evidence) {
    const found = change.evidence;
    lines.push([`An experiment on ${day(found.at)} found ${signedPercent(found.ratio[0])} (${intervalOf(found.ratio)}) in ${found.device < 600 ? `${found.device.toFixed(0)} s` : `${(found.device / 60).toFixed(0)} min`} of device time: run `, runLink({ id: found.run, href: found.href, path: found.path })]);
  }
  for (const note of change.notes) lines.push([stranger(note)]);
  if (bad && good) {
    // What a note or an explanation says already is not said again.
    const told = change.notes.join('\n');
    const before = new Map(good.run.labels);
    for (const [key, value] of bad.run.labels) if (before.get(key) !== value && !told.includes(`${key}: `)) lines.push(['Label ', stranger(key), ': ', before.has(key) ? stranger(before.get(key)) : none('none'), ' → ', stranger(value)]);
    for (const event of eventsBetween(good, bad)) {
      const said = event.kind === 'ground' ? change.explained.length : told.includes(`the ${event.name} changed`);
      if (!said) lines.push([`${event.word[0].toUpperCase()}${event.word.slice(1)}: `, valueNode(event.from), ' → ', valueNode(event.to)]);
    }
  }
  if (change.ops.length) lines.push(['Ops that moved most: ', ...change.ops.flatMap((op, index) => [index ? ', ' : '', stranger(op)])]);
  if (known(change.mended)) lines.push([`Back at the level before it since ${day(change.mended)}`]);
  if (known(change.until)) lines.push([`Muted until ${day(change.until)}`]);
  return el('li', { id: `change-${change.id}`, class: 'change-item' },
    ...stateTags(change), ' ', el('strong', { class: amountClass(change) }, signedPercent(change.ratio[0])), ` (${intervalOf(change.ratio)}): `,
    `${withUnit(one, change.before)} before, ${withUnit(one, change.after)} since ${day(change.bad[1])}. `,
    'First run ', run(bad, change.bad), ', last run before it ', run(good, change.good), ` (${day(change.good[1])}).`,
    lines.length ? el('ul', {}, ...lines.map((line) => el('li', {}, ...line))) : '',
    el('p', { class: 'note' }, `Change `, el('code', {}, change.id), `, ${KIND_WORDS[change.kind] ?? change.kind}, first on ${day(change.found)}. `,
      change.evidence ? '' : el('code', {}, `harness history confirm ${change.id}`)));
}

/** What changed of the ground, one line for each night; files only where they rarely change. */
function eventList(nights) {
  const changed = nights.filter((night) => night.events.length);
  const often = new Set(TESTED.map(([name]) => name).filter((name) => changed.filter((night) => night.events.some((event) => event.name === name)).length > 12));
  const lines = changed.map((night) => [night, night.events.filter((event) => !often.has(event.name))]).filter(([, events]) => events.length).reverse();
  const rare = lines.map(([night, events]) => el('li', {}, `${day(night.at)}: `, ...events.flatMap((event, index) => [index ? '; ' : '', el('span', { class: `event-name ${event.kind}` }, event.word), ' ', valueNode(event.from), ' → ', valueNode(event.to)])));
  const frequent = [...often].map((name) => el('li', {}, `The ${TESTED.find(([own]) => own === name)[1]} changed on ${changed.filter((night) => night.events.some((event) => event.name === name)).length} of ${nights.length - 1} nights: the table below has each.`));
  const items = [...frequent, ...rare];
  const list = (some) => el('ul', { class: 'events' }, ...some);
  if (items.length <= 12) return items.length ? [list(items)] : [el('p', { class: 'note' }, 'Nothing: every night has the same ground and the same files.')];
  return [list(items.slice(0, 12)), el('details', {}, el('summary', {}, `${items.length - 12} earlier ones`), list(items.slice(12)))];
}

const nightColumns = (one, nights) => [
  { key: 'at', label: 'Night', value: (night) => night.at, show: (night) => el('span', { class: 'nowrap' }, moment(night.at)) },
  { key: 'value', label: `${one.metricWords} (${unitOf(one)})`, num: true, value: (night) => night.value, show: (night) => (isNumber(night.value) ? el('span', {}, inUnit(one, night.value), night.synthetic ? ' ' : '', night.synthetic ? tag('synthetic') : '', ...differs(night)) : none('no usable value')) },
  { key: 'low', label: 'From', title: 'Lower end of the 95 % interval between processes', num: true, value: (night) => night.low, show: (night) => (isNumber(night.low) ? inUnit(one, night.low) : none('–')) },
  { key: 'high', label: 'To', title: 'Upper end', num: true, value: (night) => night.high, show: (night) => (isNumber(night.high) ? inUnit(one, night.high) : none('–')) },
  { key: 'processes', label: 'Processes', num: true, value: (night) => night.processes },
  { key: 'spread', label: 'They differ by', title: 'Robust standard deviation of one process', num: true, value: (night) => night.spread, show: (night) => (known(night.spread) ? `${(100 * night.spread).toPrecision(2)} %` : none('–')) },
  { key: 'run', label: 'Run', value: (night) => night.run.id, show: (night) => runLink(night.run) },
  ...(nights.some((night) => night.run.labels.length) ? [{ key: 'labels', label: 'Labels', value: (night) => labelWords(night.run.labels), show: (night) => stranger(labelWords(night.run.labels)) }] : []),
  { key: 'before', label: 'Since the night before', value: (night) => night.index, show: (night) => el('span', {}, [night.gap ? gapWords(night.gap) : '', ...night.events.map((event) => `${event.word} changed`)].filter(Boolean).join('; ')) },
  { key: 'model-file', label: 'Model file', value: (night) => night.model, show: (night) => el('code', { title: night.model }, shortHash(night.model)) },
  { key: 'binary-file', label: 'Binary', value: (night) => night.binary, show: (night) => el('code', { title: night.binary }, shortHash(night.binary)) },
];

/** The chart with what moves over it: pointer, keys, and the line that tells a night. */
function explorer(one, nights) {
  const told = el('p', { id: 'night-words', class: 'night-words' });
  const host = el('div', { id: 'night-chart', class: 'chart', role: 'slider', tabindex: '0', 'aria-label': `Night of ${one.title} on ${one.parts.join(', ')}`, 'aria-valuemin': '1', 'aria-valuemax': String(nights.length) });
  const zero = el('input', { type: 'checkbox', id: 'night-zero' });
  zero.checked = state.get('zero') === '1';
  const asked = nights.findIndex((night) => night.run.id === state.get('night'));
  const chief = one.chief ? nights.findIndex((night) => night.run.id === one.chief.bad[0]) : -1;
  let index = asked >= 0 ? asked : chief >= 0 ? chief : nights.length - 1;
  let pinned = asked >= 0;
  let chart = null;
  const tell = () => {
    const night = nights[index];
    chart.choose(index);
    host.setAttribute('aria-valuenow', String(index + 1));
    host.setAttribute('aria-valuetext', nightWords(one, night));
    const labels = labelWords(night.run.labels);
    told.replaceChildren(el('strong', {}, nightWords(one, night).split(';')[0]), `;${nightWords(one, night).split(';').slice(1).join(';')} · run `, runLink(night.run), labels ? ' · ' : '', labels ? stranger(labels) : '', pinned ? ' · kept: click it again to let go' : '');
  };
  drawToFit(host, (width) => { chart = nightChart(one, nights, { fromZero: zero.checked, width }); chart.choose(index); return chart.drawing; });
  const at = (event) => { const box = host.firstChild.getBoundingClientRect(); return chart.night(((event.clientX - box.left) / box.width) * host.firstChild.viewBox.baseVal.width); };
  const pin = (on) => { pinned = on; keep('night', on ? nights[index].run.id : null); };
  host.addEventListener('pointermove', (event) => { if (!pinned && at(event) !== index) { index = at(event); tell(); } });
  host.addEventListener('click', (event) => { const again = pinned && at(event) === index; index = at(event); pin(!again); tell(); });
  const turns = nights.filter((night) => night.events.length || one.changes.some((change) => change.bad[0] === night.run.id)).map((night) => night.index);
  const moves = {
    ArrowLeft: () => index - 1, ArrowDown: () => index - 1, ArrowRight: () => index + 1, ArrowUp: () => index + 1, Home: () => 0, End: () => nights.length - 1,
    PageUp: () => turns.find((turn) => turn > index) ?? index, PageDown: () => turns.findLast((turn) => turn < index) ?? index, Enter: () => index,
  };
  host.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    index = Math.max(0, Math.min(nights.length - 1, move()));
    if (event.key === 'Enter') pin(!pinned); else pinned = false;
    tell();
  });
  zero.addEventListener('change', () => { keep('zero', zero.checked ? '1' : null); host.redraw(); });
  tell();
  return [told, host, el('label', { class: 'check' }, zero, ' Axis from zero')];
}

function gapsLine(nights) {
  const gaps = nights.map((night) => night.gap).filter(Boolean);
  if (!gaps.length) return '';
  return `Grey bands: ${gaps.length === 1 ? 'a gap' : `${gaps.length} gaps`} without an estimate${gaps.every((gap) => gap.nightly) ? `, ${plural(gaps.reduce((sum, gap) => sum + gap.missed, 0), 'night')} in all` : ''}; no line is drawn over them. `;
}

function legend(one, nights) {
  const has = (test) => nights.some(test);
  const marked = `${gapsLine(nights)}${has((night) => night.synthetic) ? 'Open dots are synthetic: replayed or modelled, not measured. ' : ''}${has((night) => night.differs) ? 'Crosses: the outputs differed, so the number is no gain. ' : ''}`;
  return [marked ? el('p', { class: 'note' }, marked) : '',
    el('details', { class: 'note' }, el('summary', {}, 'How to read it'), el('ul', {},
      el('li', {}, 'A dot is the estimate of one night, its whisker the 95 % interval between the processes of that night.'),
      el('li', {}, 'Horizontal lines are the levels before and after a change. The coloured band lies between the last night before it and the first after it.'),
      el('li', {}, 'A diamond: the ground changed (system build, governor, device config, harness version, what was asked), which may explain a change.'),
      el('li', {}, 'A square: the model’s file or the binary changed, which is what is tested.'),
      el('li', {}, 'Arrow keys go from night to night, Page Up and Page Down from one event to the next, Home and End to the ends. Enter or a click keeps a night in the address.')))];
}

function seriesParts(one, nights) {
  const order = shownSeries();
  const place = order.indexOf(one);
  const step = (text, name, other) => { const button = el('button', { type: 'button', class: `plain ${name}`, disabled: !other }, text); if (other) button.addEventListener('click', () => openSeries(other.id)); return button; };
  const close = el('button', { type: 'button', class: 'plain close' }, 'Close');
  close.addEventListener('click', closeSeries);
  const changes = one.changes.slice().sort((a, b) => a.rank - b.rank || b.bad[1] - a.bad[1]);
  const details = el('details', { id: 'nights-details' }, el('summary', {}, `All ${plural(nights.length, 'night')} as a table`), el('div', { id: 'nights-table' }));
  details.addEventListener('toggle', () => {
    const host = details.lastChild;
    if (!details.open || host.table) return;
    new Table(host, { id: 'nights', label: `Nights of ${one.title}`, rows: () => nights, text: () => '', filter: '', sort: '-at', limit: 400, empty: 'No nights.', columns: nightColumns(one, nights) });
  });
  return [
    el('div', { class: 'bar' }, el('h2', { id: 'cell-h' }, stranger(one.title)), el('span', { class: 'picks' }, step('‹ Previous', 'previous', place > 0 ? order[place - 1] : null), step('Next ›', 'next', place >= 0 ? order[place + 1] : null), close)),
    el('p', {}, partsOf(one), ...marksOf(one)),
    one.synthetic ? el('p', { class: 'alert synthetic' }, one.synthetic === nights.length ? 'Synthetic: replayed or modelled, not measured.' : `${one.synthetic} of ${plural(nights.length, 'night')} are synthetic: replayed or modelled, not measured.`) : '',
    el('h3', {}, 'Changes'),
    changes.length ? el('ul', { class: 'changes' }, ...changes.map((change) => changeItem(one, change, nights))) : el('p', { class: 'note' }, nights.length > 1 ? 'No change was found.' : 'One night: there is nothing to compare it with.'),
    ...(nights.length ? [el('h3', {}, 'Every night'), ...explorer(one, nights), ...legend(one, nights), el('h3', {}, 'What else changed'), ...eventList(nights), details] : [el('p', {}, 'It has no night.')]),
  ];
}

const openSeries = (id) => { state.delete('night'); state.delete('change'); keep('series', id); };
function closeSeries() { state.delete('night'); state.delete('change'); keep('series', null); }

function setUpSeries() {
  const dialog = document.getElementById('cell');
  let opener = null;
  let shown = null;
  const draw = async () => {
    const change = state.get('change');
    const one = seriesById.get(state.get('series')) ?? seriesOfChange.get(change);
    if (!one) {
      shown = null;
      if (dialog.open) dialog.close();
      return;
    }
    if (shown === one && dialog.open) return;
    shown = one;
    const nights = nightsOf(one, await loadNights());
    if (shown !== one) return;
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
    }
    // Once it is open it has a width, which the chart fits.
    dialog.replaceChildren();
    for (const part of seriesParts(one, nights)) if (part !== '') dialog.append(part);
    document.getElementById('night-chart')?.redraw();
    dialog.scrollTop = 0;
    if (change) document.getElementById(`change-${change}`)?.classList.add('asked');
    (document.getElementById('night-chart') ?? dialog.querySelector('.close')).focus({ preventScroll: true });
  };
  watch(['series', 'change'], draw);
  dialog.addEventListener('cancel', (event) => { event.preventDefault(); closeSeries(); });
  dialog.addEventListener('close', () => {
    if (dialog.open) return;
    document.getElementById('nights-table')?.table?.close();
    dialog.replaceChildren();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) closeSeries(); });
  document.addEventListener('click', (event) => {
    const link = event.target.closest('[data-series-link]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openSeries(link.dataset.seriesLink);
  });
}
