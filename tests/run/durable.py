"""A Gyre that keeps its data and is ended in every manner and started again, on the same ports and the same directory."""

import os
import signal
import socket
import subprocess
import time

import server
import wire


class DurableGyre(server.Gyre):
    """`environment_of_server` is what the next start adds: fail points, a clock that lies. `data` may be moved before the first start."""

    FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

    def __init__(self, binary=None, flags=(), **environment_of_server):
        super().__init__(binary, flags)
        self.environment_of_server = environment_of_server
        self.port = None
        self.clock_file = self.directory / 'clock'

    def __exit__(self, kind, *rest):
        """That it died by itself, or that one of its lives printed a sanitizer's report, is the test's failure."""
        super().__exit__(kind, *rest)
        if self.problem and self.judge_log and kind is None:
            raise RuntimeError(self.problem)

    def start(self):
        if self.port is None:
            self.port, self.internal_port, self.http_port = server.free_ports(3)
        self.spawn_gyre([], self.environment_of_server)

    def restart(self):
        """Starts it again and returns after how many seconds it let somebody in."""
        began = time.monotonic()
        self.start()
        self.wait_ready()
        return time.monotonic() - began

    def kill(self):
        """As a power switch, for the process: nothing is written any more."""
        self.process.kill()
        status = self.process.wait()
        self.wait_for_ports()
        return status

    def wait_for_ports(self):
        """The kernel takes a dead process's ring apart later, and closes its listeners with it."""
        deadline = time.monotonic() + server.STOP_SECONDS
        for port in (self.port, self.internal_port, self.http_port):
            while True:
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        s.bind(('127.0.0.1', port))
                        s.listen()
                        break
                    except OSError:
                        if time.monotonic() > deadline:
                            raise
                time.sleep(0.02)

    def replace(self):
        """Kills the server and starts the next one without waiting for its end."""
        old = self.process
        old.kill()
        self.start()
        old.wait()
        self.wait_ready()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(server.STOP_SECONDS)

    def pause(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def admin_connection(self):
        return wire.Connection(self.host, self.internal_port, self.admin, self.database)

    # ---- The clock ----

    def with_false_clock(self):
        """From the next start on the wall clock shows what set_clock() says; the monotonic one is left alone."""
        self.environment_of_server.update(LD_PRELOAD=self.FAKETIME, FAKETIME_TIMESTAMP_FILE=str(self.clock_file),
                                          FAKETIME_CACHE_DURATION='1', FAKETIME_DONT_FAKE_MONOTONIC='1', DONT_FAKE_MONOTONIC='1')
        self.set_clock(0)

    def set_clock(self, offset_seconds):
        fresh = self.clock_file.with_suffix('.new')
        fresh.write_text('%+d\n' % offset_seconds)
        os.replace(fresh, self.clock_file)

    # ---- The directory ----

    def check_data(self):
        """What `gyre --check-data` says of the directory (the server must be down), and whether it is content."""
        done = subprocess.run([self.binary, '--check-data', str(self.data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        return done.returncode == 0, done.stdout.decode('utf-8', 'replace')

    def log_text(self):
        return self.log_path.read_text('utf-8', 'replace') if self.log_path.exists() else ''
