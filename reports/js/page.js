// The page as a whole: toolbar, theme, and the start of everything else.

function setUpFilter(id, key) {
  const box = document.getElementById(id);
  let waiting = 0;
  box.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => keep(key, box.value.trim() || null), 120);
  });
  watch([key], () => { if (document.activeElement !== box) box.value = state.get(key) || ''; });
}

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

function setUpTheme() {
  const button = document.getElementById('theme');
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  // Some browsers keep no storage for files; then the choice lasts as long as the page.
  const stored = { get: () => { try { return localStorage.getItem('theme'); } catch { return null; } }, set: (value) => { try { localStorage.setItem('theme', value); } catch { /* see above */ } } };
  const apply = (theme) => {
    if (theme) root.dataset.theme = theme;
    const dark = theme ? theme === 'dark' : system.matches;
    button.setAttribute('aria-pressed', String(dark));
    button.textContent = dark ? 'Light colours' : 'Dark colours';
  };
  apply(['light', 'dark'].includes(stored.get()) ? stored.get() : '');
  system.addEventListener('change', () => apply(root.dataset.theme || ''));
  button.addEventListener('click', () => {
    const theme = button.getAttribute('aria-pressed') === 'true' ? 'light' : 'dark';
    stored.set(theme);
    apply(theme);
  });
  button.hidden = false;
}

/** Links inside the page must not wipe what the address keeps. */
function setUpLinks() {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || link.dataset.cellLink) return;
    const target = document.getElementById(link.getAttribute('href').slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.setAttribute('tabindex', '-1');
    target.focus({ preventScroll: true });
  });
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

// What is not on the first screen is unpacked and drawn while nobody waits, a piece at a time, so that it is there when it is wanted; a page
// that is printed cannot wait for it.
const whenIdle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 2000 }) : setTimeout(work, 100));
const pieces = [loadTrials, loadOps, ...unseen];
const nextPiece = async () => {
  const piece = pieces.shift();
  if (!piece) { document.documentElement.dataset.drawn = 'all'; return; }
  await piece();
  whenIdle(nextPiece);
};
whenIdle(nextPiece);
