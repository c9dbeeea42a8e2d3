"""A connection that has logged in, with nothing around it: a socket. By SCRAM-SHA-256 (RFC 5802), or trusted."""
import base64
import hashlib
import hmac
import socket
import struct

from servers import PASSWORD, Trouble


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def digest(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Login:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.arrived = b""

    def receive(self):
        while len(self.arrived) < 5 or len(self.arrived) < 1 + struct.unpack("!I", self.arrived[1:5])[0]:
            piece = self.socket.recv(4096)
            if not piece:
                raise Trouble(f"a connection was refused: {self.arrived[:200]!r}")
            self.arrived += piece
        end = 1 + struct.unpack("!I", self.arrived[1:5])[0]
        kind, body, self.arrived = self.arrived[:1], self.arrived[5:end], self.arrived[end:]
        if kind == b"E":
            raise Trouble(f"a connection was refused: {body[:200]!r}")
        return kind, body

    def exchange(self):
        """Answers the server's AuthenticationSASL."""
        bare = b"n=,r=a nonce that nobody needs to guess".replace(b" ", b"-")
        first = b"n,," + bare
        self.socket.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first))
        server_first = self.receive()[1][4:]
        parts = dict(part.split(b"=", 1) for part in server_first.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(parts[b"s"]), int(parts[b"i"]))
        key = digest(salted, b"Client Key")
        final = b"c=biws,r=" + parts[b"r"]
        signature = digest(hashlib.sha256(key).digest(), b",".join((bare, server_first, final)))
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature)))
        self.socket.sendall(message(b"p", final + b",p=" + proof))


def login(port):
    start = struct.pack("!I", 3 << 16) + b"user\0materialize\0database\0materialize\0\0"
    connection = Login(port)
    connection.socket.sendall(struct.pack("!I", len(start) + 4) + start)
    while True:
        kind, body = connection.receive()
        if kind == b"R" and body[:4] == struct.pack("!I", 10):
            connection.exchange()
        if kind == b"Z":
            return connection.socket
