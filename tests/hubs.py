"""A hub for datasets: the few answers of huggingface.co that its own client asks for, over HTTP, from memory."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@contextmanager
def a_hub(repository, revision, files):
    """Serve one dataset at one commit; yields the address, and the list of what is asked for."""
    tree = [_entry(*each) for each in sorted(files.items())]
    inside = {f"/api/datasets/{repository}/tree/{revision}": (json.dumps(tree).encode(), {})}
    for path, data in files.items():
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        inside[f"/datasets/{repository}/resolve/{revision}/{path}"] = data, headers
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.hub, server.asked = (repository, revision, inside), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path).rstrip("/")
        self.server.asked.append(f"{self.command} {path}")
        repository, revision, inside = self.server.hub
        if path in inside:
            self._send(200, *inside[path])
        elif "busy" in path:
            self._send(409)
        elif "forbidden" in path:
            self._send(403)
        elif "withdrawn" in path:
            self._send(451)
        else:
            missing = "Entry" if revision in path else "Revision"
            status = (404, f"{missing}NotFound") if repository in path else (401, "RepoNotFound")
            self._send(status[0], b"", {"X-Error-Code": status[1]})

    def _send(self, status, data=b"", headers=()):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


def _entry(path, data):
    return {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}


def _oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
