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
addEventListener('beforeprint', () => { const table = document.getElementById('series-table')?.table; if (table && table.limit !== Infinity) { table.limit = Infinity; table.draw(); } });
doWhileIdle([loadNights, ...unseen]);
