// The page of the history as a whole: the start of everything.

readAddress();
addEventListener('hashchange', readAddress);
document.getElementById('toolbar').hidden = false;
setUpTheme();
setUpFilter('filter', 'q');
setUpChoices();
setUpLinks();
setUpOverview();
setUpSeries();

// Paper has every row that the filters leave, and its drawing.
let loaded = null;
const fetched = async () => { loaded = await loadNights(); };
addEventListener('beforeprint', () => {
  const table = document.getElementById('series-table').table;
  if (!table) return;
  paper.nights = loaded;
  table.limit = Infinity;
  table.draw();
});
addEventListener('afterprint', () => { paper.nights = null; });
doWhileIdle([fetched, ...unseen]);
