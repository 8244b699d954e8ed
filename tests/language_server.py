"""The YAML language server of editors, driven over stdio as an editor drives it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION = "1.25.0"
"""The release of npm's yaml-language-server that the tests are held to: `npm install yaml-language-server@1.25.0`."""
FOLDER = "YAML_LANGUAGE_SERVER"
"""The environment variable with the folder that npm installed it into."""


def server_command() -> list[str] | None:
    """How the server is started; None where node or the server is lacking."""
    node = shutil.which("node")
    installed = os.environ.get(FOLDER)
    script = Path(installed or ".", "node_modules/yaml-language-server/bin/yaml-language-server")
    if installed and node and script.is_file():
        return [node, str(script), "--stdio"]
    found = shutil.which("yaml-language-server")
    return [found, "--stdio"] if found and node else None


class LanguageServer:
    """One running server; every text is a file of its own."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self.process, self.requests, self.files = process, 0, 0
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": _CAPABILITIES})
        self.notify("initialized", {})
        self.notify("workspace/didChangeConfiguration", {"settings": _SETTINGS})

    def open(self, text: str, folder: Path) -> tuple[str, list[dict[str, Any]]]:
        """The address of a new file with this text, and what the server underlines in it."""
        self.files += 1
        address = (folder / f"file{self.files}.yaml").as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == address:
                return address, message["params"]["diagnostics"]

    def completions(self, address: str, line: int, column: int) -> dict[str, dict[str, Any]]:
        """What is offered at a place, by label."""
        found = self.request("textDocument/completion", _place(address, line, column))
        return {item["label"]: item for item in (found or {}).get("items", [])}

    def hover(self, address: str, line: int, column: int) -> str:
        """What is shown at a place."""
        found = self.request("textDocument/hover", _place(address, line, column))
        return str(found["contents"]["value"]) if found else ""

    def request(self, method: str, params: Any) -> Any:
        self.requests += 1
        self._send({"id": self.requests, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.requests and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def receive(self) -> dict[str, Any]:
        """The next message; what the server asks is answered with its settings."""
        stream = self.process.stdout
        assert stream is not None
        length = 0
        while (line := stream.readline().strip()) or not length:
            assert line or self.process.poll() is None, "the server has ended"
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(stream.read(length))
        if "id" in message and "method" in message:
            asked = message["params"].get("items", []) if message["method"] == "workspace/configuration" else []
            self._send({"id": message["id"], "result": [_SETTINGS.get(item.get("section")) for item in asked] or None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()


@contextmanager
def language_server(command: list[str]) -> Iterator[LanguageServer]:
    """A server that is ended with the block."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet) as process:
        try:
            yield LanguageServer(process)
        finally:
            process.kill()


def _place(address: str, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": address}, "position": {"line": line, "character": column}}


_YAML = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}, "schemas": {}}
_SETTINGS: dict[str, Any] = {"yaml": _YAML, "http": {}, "[yaml]": {}}
_DOCUMENTS = {
    "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}},
    "hover": {"contentFormat": ["markdown"]},
    "publishDiagnostics": {},
}
_CAPABILITIES = {"textDocument": _DOCUMENTS, "workspace": {"configuration": True}}
