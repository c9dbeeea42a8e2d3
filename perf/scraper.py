"""Asks a server for its pages once each second, as a Prometheus and an open console do, and at as little cost as can be."""
import socket
import threading


class Scraper:
    """While it lasts. `pages` and `bytes`: what came."""

    def __init__(self, port, paths=("/metrics", "/api/console", "/api/activity"), interval=1.0):
        self.port, self.interval, self.pages, self.bytes = port, interval, 0, 0
        self.requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def work(self):
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            buffer = bytearray(1 << 20)
            while True:
                for request in self.requests:
                    connection.sendall(request)
                    self.take(connection, buffer)
                if self.ending.wait(self.interval):
                    return

    def take(self, connection, buffer):
        view, size, wanted = memoryview(buffer), 0, None
        while wanted is None or size < wanted:
            size += (came := connection.recv_into(view[size:]))
            assert came, "the server has closed the connection"
            if wanted is None and (end := buffer.find(b"\r\n\r\n", 0, size)) >= 0:
                at = buffer.find(b"Content-Length: ", 0, end) + 16
                wanted = end + 4 + int(buffer[at:buffer.find(b"\r", at)])
        self.pages += 1
        self.bytes += size
