// Tables with one row per process: what went wrong, and under which conditions each ran.

const processColumns = [
  ...shortCellColumns((trial) => trial.cell),
  { key: 'purpose', label: 'Purpose', value: (trial) => trial.purpose },
  { key: 'process', label: 'Process', num: true, value: (trial) => trial.process },
  { key: 'status', label: 'Status', value: (trial) => trial.status, show: (trial) => el('span', {}, tag(trial.status), trial.synthetic ? ' ' : '', trial.synthetic ? tag('synthetic') : '') },
];

const logLinks = (trial) => {
  const links = Object.entries(trial.logs).flatMap(([kind, href], index) => [index ? ' ' : '', el('a', { href }, kind)]);
  return links.length ? el('span', { class: 'logs' }, ...links) : none('none kept');
};
const logColumn = { key: 'logs', label: 'Raw log', value: (trial) => Object.keys(trial.logs).join(' '), show: logLinks };

/** The message, and what else shows the causes. */
function messageAndEvidence(group) {
  const lines = [...new Set([group.message, ...group.evidence].filter(Boolean))];
  return lines.length || tails(group).length ? el('span', {}, ...lines.map((line) => el('span', { class: 'cluster' }, stranger(line))), ...tails(group)) : none('none');
}

/** The last lines of its logs, which are in this file: links to the run's folder die when it is sent on. */
const tails = (group) => Object.entries(group.members.map((trial) => trial.tails).find(Boolean) ?? {})
  .map(([kind, text]) => el('details', { class: 'tail' }, el('summary', {}, `last lines of ${kind}`), el('pre', { dir: 'auto' }, text)));

/** Processes of a cell that went wrong in the same way. */
function problems(trials) {
  const groups = new Map();
  for (const trial of trials) {
    if (trial.status === 'ok') continue;
    const key = JSON.stringify([trial.cell.id, trial.status, trial.causes, trial.message, trial.evidence, trial.exit]);
    if (!groups.has(key)) groups.set(key, { ...trial, cell: trial.cell, members: [], text: '' });
    const group = groups.get(key);
    group.members.push(trial);
    group.text = `${group.text}${trial.text}\n`;
  }
  return [...groups.values()];
}

function setUpProblems() {
  const host = document.getElementById('problems-table');
  whenSeen(host, async () => {
    const found = problems(await loadTrials());
    new Table(host, {
      id: 'problems',
      label: 'Processes that are not ok',
      rows: () => found,
      text: (group) => group.text,
      empty: 'None: every process that ran is ok.',
      columns: [
        ...shortCellColumns((group) => group.cell),
        { key: 'status', label: 'Status', value: (group) => group.status, show: (group) => el('span', {}, tag(group.status), group.synthetic ? ' ' : '', group.synthetic ? tag('synthetic') : '') },
        { key: 'causes', label: 'Cause', value: (group) => group.causes.join(', ') || null, show: (group) => (group.causes.length ? el('span', {}, ...group.causes.map((cause) => el('strong', { class: 'cluster' }, cause))) : none('not said')) },
        { key: 'message', label: 'Message', value: (group) => group.message ?? null, show: messageAndEvidence },
        { key: 'exit', label: 'Exit code', num: true, value: (group) => group.exit ?? null },
        { key: 'members', label: 'Processes and raw logs', title: 'Sorts by how many', value: (group) => group.members.length,
          show: (group) => el('span', {}, ...group.members.map((trial) => el('span', { class: 'cluster' }, `${trial.purpose} ${trial.process}: `, logLinks(trial)))) },
      ],
    });
  });
}

/** A value with its unit, marked where a virtual device's model made it. */
function condition(trial, key, field, show) {
  if (!known(trial[key])) return none('–');
  return el('span', {}, show(trial[key]), trial.simulated.includes(field) ? ' ' : '', trial.simulated.includes(field) ? tag('virtual', 'sim') : '');
}

const conditionColumn = (key, field, label, title, show) => ({ key, label, title, num: true, value: (trial) => trial[key] ?? null, show: (trial) => condition(trial, key, field, show) });

function affinity(trial) {
  const { asked, expected, observed } = trial;
  if (!known(asked) && !known(observed)) return none('–');
  const fits = known(expected) && known(observed) ? expected === observed : null;
  const words = `asked ${asked ?? 'nothing'}, expected ${expected ?? 'not known'}, seen ${observed ?? 'not seen'}`;
  const mark = fits === null ? '' : fits ? el('span', { class: 'good', title: 'As expected' }, ' ✓') : el('strong', { class: 'bad' }, ' ≠');
  return el('span', { class: 'affinity', title: words }, words, mark);
}

/** Columns of processes and their conditions; those that say which cell it is only where the rows are of several. */
function conditionColumns(trials, several = true) {
  const some = (key) => trials.some((trial) => known(trial[key]));
  const optional = [
    ['thermal', { key: 'thermal', label: 'Thermal status', title: 'Android’s, before → after', value: (trial) => trial.thermal?.[1] ?? trial.thermal?.[0] ?? null, show: (trial) => (trial.thermal ? condition(trial, 'thermal', 'thermal_status_after', ([before, after]) => `${before ?? '?'} → ${after ?? '?'}`) : none('–')) }],
    ['waited', { key: 'waited', label: 'Waited (s)', title: 'Until the device was cool, charged and idle enough', num: true, value: (trial) => trial.waited ?? null, show: (trial) => (known(trial.waited) ? fixed(1)(trial.waited) : none('–')) }],
    ['canary', { key: 'canary', label: 'Canary (×)', title: 'The fixed workload before the block as a multiple of its first run; → after the block, for the process that ended it', num: true, value: (trial) => trial.canary?.[1] ?? trial.canary?.[0] ?? null,
      show: (trial) => (trial.canary ? el('span', {}, trial.canary.filter(known).map((ratio) => ratio.toFixed(2)).join(' → ')) : none('–')) }],
    ['battery', conditionColumn('battery', 'battery_percent', 'Battery (%)', 'Charge', String)],
  ].filter(([key]) => some(key)).map(([, column]) => column);
  return [
    ...(several ? processColumns : processColumns.slice(2)),
    { key: 'latency', label: 'Latency (ms)', num: true, value: (trial) => (trial.status === 'ok' ? trial.latency ?? null : null),
      show: (trial) => (known(trial.latency) ? (trial.status === 'invalid' ? el('s', {}, ms(trial.latency)) : ms(trial.latency)) : none('–')) },
    { key: 'at', label: 'Began (s)', title: 'Seconds after the run began', num: true, value: (trial) => trial.at, show: (trial) => trial.at.toFixed(1) },
    { key: 'duration', label: 'Took (s)', num: true, value: (trial) => trial.duration, show: (trial) => trial.duration.toFixed(1) },
    conditionColumn('before', 'temperature_before_c', 'Before (°C)', 'Temperature before the process', fixed(1)),
    conditionColumn('after', 'temperature_after_c', 'After (°C)', 'Temperature after the process', fixed(1)),
    conditionColumn('khz', 'frequency_khz', 'Clock (MHz)', 'Median of the samples; of each the highest clock of the clusters asked for', (khz) => (khz / 1000).toFixed(0)),
    ...optional,
    { key: 'affinity', label: 'Affinity', title: 'Mask asked for, cores expected, cores seen', value: (trial) => trial.observed ?? null, show: affinity },
    { key: 'notes', label: 'Notes', value: (trial) => notesOf(trial) || null, show: (trial) => (notesOf(trial) ? stranger(notesOf(trial)) : '') },
    logColumn,
  ];
}

function setUpConditions() {
  const host = document.getElementById('conditions-table');
  whenSeen(host, async () => {
    const trials = await loadTrials();
    new Table(host, { id: 'conditions', label: 'Conditions of every process', rows: () => trials, text: (trial) => trial.text, empty: 'No process ran.', columns: conditionColumns(trials) });
  });
}

const notesOf = (trial) => [
  ...(trial.attempt ? [`attempt ${trial.attempt + 1}${trial.setbacks.length ? ` after ${trial.setbacks.join(', ')}` : ''}`] : []),
  ...(trial.repeats ? [`repeated ${trial.repeats} times`] : []),
  ...trial.causes,
  ...trial.settings.map(([key, asked, seen]) => (asked === seen ? `${key} ${asked}` : `${key} ${asked} asked, ${seen ?? 'nothing'} seen`)),
  ...(trial.unconsumed.length ? [`not understood: ${trial.unconsumed.join(' ')}`] : []),
  ...trial.notes,
].join('; ');
