// The page of a run or of two sides as a whole: the start of everything.

function setUpBaseline() {
  const select = document.getElementById('baseline');
  if (!select) return; // two sides are what they are
  const option = (text, changes) => el('option', { value: new URLSearchParams(changes).toString() }, text);
  const groups = DIMENSIONS.slice(1).concat('model').filter((name) => data.dimensions[name].length > 1).map((name) => (
    el('optgroup', { label: `same cell, but ${name}` }, ...data.dimensions[name].map((value) => option(`${name} = ${value}`, { [name]: value })))));
  const configs = new Map(cells.map((cell) => [cell.config, Object.fromEntries(DIMENSIONS.slice(1).map((name) => [name, cell[name]]))]));
  if (configs.size > 1) groups.push(el('optgroup', { label: 'one configuration' }, ...[...configs].map(([text, changes]) => option(text, changes))));
  select.append(option('none', {}), ...groups);
  const has = (value) => [...select.options].some((choice) => choice.value === value);
  if (!has(data.baseline.id)) select.append(option(`as the suite has it: ${[...new URLSearchParams(data.baseline.id)].map((pair) => pair.join(' = ')).join(', ')}`, data.baseline.id));
  select.addEventListener('change', () => keep('base', select.value === data.baseline.id ? null : select.value));
  watch(['base'], () => { select.value = has(baselineText()) ? baselineText() : ''; });
}

readAddress();
addEventListener('hashchange', readAddress);
document.getElementById('toolbar').hidden = false;
setUpTheme();
setUpFilter('filter', 'q');
setUpBaseline();
setUpLinks();
setUpForest();
setUpMatrix();
setUpCells();
setUpProcessChart();
setUpOps();
setUpMemory();
setUpProblems();
setUpConditions();
setUpCell();

// A pasted link to a pair leads to the pair; a page that is loaded again stays where it was.
const arrived = performance.getEntriesByType('navigation')[0]?.type === 'navigate';
if (arrived && opCells.length && (state.has('a') || state.has('b'))) document.getElementById('ops').scrollIntoView();

// What is not on the first screen is unpacked and drawn while nobody waits, a piece at a time.
doWhileIdle([loadTrials, loadOps, ...unseen]);
