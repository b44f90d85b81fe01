"""A server with Kimina's HTTP interface that answers from recordings; knows no Lean."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Script:
    """What the server says. ``whole``: lines are counted in the whole snippet, else behind its imports, as recorded."""

    def __init__(self, *, recorded=(), whole=False, errors=(), axioms=(), answer=None, status=200):
        self.recorded = {one.claim.proof: one for one in recorded}
        self.whole, self.errors, self.axioms = whole, list(errors), list(axioms)
        self.answer, self.status = answer, status  # instead of an answer of this form
        self.requests = []

    def reply(self, request):
        self.requests.append(request)
        if self.answer is not None:
            return self.answer
        return {"results": [self.result(snippet) for snippet in request["snippets"]]}

    def result(self, snippet):
        code = snippet["code"]
        if "#print axioms" not in code:
            return {"id": snippet["id"], "response": {"env": 0}}
        name = code.rstrip().rpartition(" ")[2]
        proof = code.partition("\n) := (\n")[2].rpartition("\n)\n#print axioms")[0]
        proof_line = code[: code.index("\n) := (\n")].count("\n") + 3
        shift = 0 if self.whole else -import_lines(code)
        response = self.recorded_response(proof, proof_line + shift)
        if isinstance(response, str):
            return {"id": snippet["id"], "error": response, "time": 60.0}
        audit = f"'{name}' depends on axioms: [{', '.join(self.axioms)}]"
        if not self.axioms:
            audit = f"'{name}' does not depend on any axioms"
        said = [placed("error", proof_line + line - 1 + shift, data) for line, data in self.errors]
        said += [*response.get("messages", []), placed("info", code.count("\n") + shift, audit)]
        return {"id": snippet["id"], "response": {**response, "env": 1, "messages": said}}

    def recorded_response(self, proof, line):
        """The recorded response with its positions moved to where the proof is now, or the recorded error."""
        if proof not in self.recorded:
            return {}
        one = self.recorded[proof]
        result = json.loads(one.answer)["results"][0]
        if result["response"] is None:
            return result["error"]
        moved = line - (one.proof_line - import_lines(one.code))
        for message in result["response"].get("messages", []):
            message["pos"]["line"] += moved
        return result["response"]


def placed(severity, line, data):
    return {"severity": severity, "pos": {"line": line, "column": 2}, "data": data}


def import_lines(code):
    lines = code.split("\n")
    return next(at for at, line in enumerate(lines) if line.strip() and not line.strip().startswith("import "))


@contextlib.contextmanager
def serving(script):
    """The address of a server that follows ``script``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):  # the name that http.server calls
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = script.reply(request) if self.path == "/check" else {"detail": "Not Found"}
            body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(script.status if self.path == "/check" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
