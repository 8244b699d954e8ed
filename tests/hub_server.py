"""A server on this machine that speaks as much of the hub's protocol as downloads need."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Repositories = Mapping[str, Mapping[str, bytes]]


@contextmanager
def hub(repositories: Repositories, broken: str = "") -> Iterator[str]:
    """The address of a running hub. The file of the name `broken` ends half-way."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            for name, files in repositories.items():
                if path.startswith(f"/api/models/{name}"):
                    return self._listing(path, name, files, body)
                if path.startswith(f"/{name}/resolve/"):
                    return self._file(path.removeprefix(f"/{name}/resolve/").partition("/")[2], files, body)
            return self._missing("RepoNotFound")

        def _listing(self, path: str, name: str, files: Mapping[str, bytes], body: bool) -> None:
            if "/tree/" in path:
                found: Any = [
                    {"type": "file", "path": each, "size": len(data), "oid": "0"} for each, data in files.items()
                ]
            else:
                found = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": each} for each in files]}
            self._send(json.dumps(found).encode(), {"Content-Type": "application/json"}, body)

        def _file(self, name: str, files: Mapping[str, bytes], body: bool) -> None:
            if name not in files:
                return self._missing("EntryNotFound")
            data = files[name]
            etag = hashlib.sha256(data).hexdigest()
            half = body and name == broken
            self._send(data, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body, half)
            return None

        def _missing(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, data: bytes, headers: Mapping[str, str], body: bool, half: bool = False) -> None:
            self.send_response(200)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data[: len(data) // 2] if half else data)
            if half:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
