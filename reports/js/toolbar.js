// The toolbar, the theme, and what is drawn while nobody waits: the same on every page.

function setUpFilter(id, key) {
  const box = document.getElementById(id);
  let waiting = 0;
  box.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => keep(key, box.value.trim() || null), 120);
  });
  watch([key], () => { if (document.activeElement !== box) box.value = state.get(key) || ''; });
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
    if (!link || link.dataset.cellLink || link.dataset.seriesLink) return;
    const target = document.getElementById(link.getAttribute('href').slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.setAttribute('tabindex', '-1');
    target.focus({ preventScroll: true });
  });
}

/** Does the pieces one after the other while nobody waits, so that what they make is there when it is wanted; a page that is printed cannot wait for it. */
function doWhileIdle(pieces) {
  const whenIdle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 2000 }) : setTimeout(work, 100));
  const nextPiece = async () => {
    const piece = pieces.shift();
    if (!piece) { document.documentElement.dataset.drawn = 'all'; return; }
    await piece();
    whenIdle(nextPiece);
  };
  whenIdle(nextPiece);
}
