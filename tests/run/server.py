"""Starts a server for a test, waits until it answers, and stops it by its own process id.

    tests/run/server gyre [--flag=--cores=0,1 ...] -- COMMAND...
                                                a fresh Gyre (build/gyre, or $GYRE_BIN)
    tests/run/server postgres -- COMMAND...     a fresh private PostgreSQL 15 cluster, the reference

COMMAND finds the server through GYRE_HOST, GYRE_PORT, GYRE_INTERNAL_PORT, GYRE_HTTP_PORT, GYRE_SOCKET_DIR, GYRE_USER, GYRE_ADMIN,
GYRE_DB, GYRE_ENGINE and GYRE_PID. Both servers have the roles `mz_system` (administrator) and `materialize`, and the database
`materialize`, which belongs to the latter. The exit status is the command's, or 70 when the server crashed, did not drain on SIGTERM, or
printed a sanitizer's report; the end of its log is shown then.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import wire

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = re.compile(r'ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer|'
                    r'terminate called|Assertion .* failed|check failed', re.IGNORECASE)
READY_SECONDS = 60
STOP_SECONDS = 30


def free_ports(count):
    """Ports that nobody uses now, all different, and below those that the kernel gives to clients: a client that tries again and again
    to reach a server that is down would one day be given the server's port for its own end, and so keep it. GYRE_TEST_PORTS bounds
    them, so that tests beside each other do not take the port of a server that is just being started again."""
    first, end = map(int, os.environ.get('GYRE_TEST_PORTS', '15000-32000').split('-'))
    ports = []
    while len(ports) < count:
        port = random.randrange(first, end)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(('127.0.0.1', port))
            if port not in ports:
                ports.append(port)
    return ports


class Server:
    """A running server and its temporary directory. Use as a context manager; `problem` tells afterwards what went wrong, or is None."""

    engine = ''

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='gyre-test-'))
        self.directory.chmod(0o755)
        self.log_path = self.directory / 'log'
        self.process = None
        self.problem = None
        self.host, self.user, self.admin, self.database = '127.0.0.1', 'materialize', 'mz_system', 'materialize'

    def __enter__(self):
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            self.show_log()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        if self.problem:
            print('server: %s' % self.problem, file=sys.stderr)
            self.show_log()
        shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self):
        return {'GYRE_HOST': self.host, 'GYRE_PORT': str(self.port), 'GYRE_INTERNAL_PORT': str(self.internal_port),
                'GYRE_HTTP_PORT': str(self.http_port), 'GYRE_USER': self.user, 'GYRE_ADMIN': self.admin,
                'GYRE_DB': self.database, 'GYRE_ENGINE': self.engine, 'GYRE_PID': str(self.process.pid),
                'GYRE_SOCKET_DIR': str(self.directory)}

    def spawn(self, command, env=None):
        log = open(self.log_path, 'ab')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=self.directory)
        log.close()

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            if self.process.poll() is not None:
                raise RuntimeError('the server ended at start with status %s' % self.process.returncode)
            try:
                wire.Connection(self.host, self.port, self.ready_user, self.ready_database, 5).terminate()
                return
            except (OSError, wire.Closed, wire.ServerError) as error:
                if time.monotonic() > deadline:
                    raise RuntimeError('the server is not ready after %d s: %s' % (READY_SECONDS, error))
                time.sleep(0.05)

    def stop(self):
        """Stops the server and judges how it ended."""
        if self.process is None:
            return
        early = self.process.poll()
        if early is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.problem = 'did not stop within %d s of SIGTERM' % STOP_SECONDS
                self.process.kill()
                self.process.wait()
        if early is not None:
            self.problem = 'ended by itself with status %d' % early
        elif not self.problem and self.process.returncode != 0:
            self.problem = 'ended with status %d after SIGTERM' % self.process.returncode
        if self.log_path.exists() and self.judge_log and REPORT.search(self.log_path.read_text('utf-8', 'replace')):
            self.problem = (self.problem or 'ran') + '; its log holds a report'

    def show_log(self, lines=80):
        if self.log_path.exists():
            text = self.log_path.read_text('utf-8', 'replace').splitlines()
            found = next((i for i, line in enumerate(text) if self.judge_log and REPORT.search(line)), None)
            shown = text[-lines:] if found is None else text[max(0, found - 3):found + lines]
            print('\n'.join(shown), file=sys.stderr)


class Gyre(Server):
    engine = 'gyre'
    stop_signal = signal.SIGTERM
    judge_log = True
    ready_user, ready_database = 'materialize', 'materialize'

    def __init__(self, binary=None, flags=()):
        super().__init__()
        self.binary = str(pathlib.Path(binary or os.environ.get('GYRE_BIN') or ROOT / 'build' / 'gyre').resolve())
        self.flags = list(flags)
        self.data = self.directory / 'data'

    def start(self):
        self.port, self.internal_port, self.http_port = free_ports(3)
        self.spawn_gyre(['--reset', '--ephemeral'])

    def spawn_gyre(self, storage_flags, environment=()):
        cores = sorted(os.sched_getaffinity(0))
        pinning = ['--cores', str(cores[0]), '--oracle-core', str(cores[1 % len(cores)])]
        if any(flag.startswith('--cores') for flag in self.flags):
            pinning = []
        command = [self.binary, *storage_flags, *pinning,
                   '--data-dir', str(self.data), '--unix-socket-dir', str(self.directory),
                   '--sql-addr', '127.0.0.1:%d' % self.port, '--internal-sql-addr', '127.0.0.1:%d' % self.internal_port,
                   '--internal-http-addr', '127.0.0.1:%d' % self.http_port] + self.flags
        env = dict(os.environ, **dict(environment))
        # (Libraries that tests preload stand before the sanitizer's.)
        env.setdefault('ASAN_OPTIONS', 'detect_stack_use_after_return=0:abort_on_error=0:exitcode=66:verify_asan_link_order=0:'
                                       'quarantine_size_mb=64')
        env.setdefault('UBSAN_OPTIONS', 'print_stacktrace=1:halt_on_error=1:exitcode=66')
        env.setdefault('TSAN_OPTIONS', 'second_deadlock_stack=1:exitcode=66:print_suppressions=0:suppressions=%s' % (HERE / 'tsan.supp'))
        self.spawn(command, env)


class Postgres(Server):
    engine = 'postgresql'
    stop_signal = signal.SIGINT   # fast shutdown
    judge_log = False
    ready_user, ready_database = 'mz_system', 'postgres'
    programs = pathlib.Path('/usr/lib/postgresql/15/bin')

    def as_owner(self, command):
        """initdb and postgres refuse to run as root."""
        return ['runuser', '-u', 'postgres', '--'] + command if os.geteuid() == 0 else command

    def start(self):
        (self.port,) = free_ports(1)
        self.internal_port, self.http_port = self.port, 0
        if os.geteuid() == 0:
            shutil.chown(self.directory, 'postgres')
        data = str(self.directory / 'data')
        subprocess.run(self.as_owner([str(self.programs / 'initdb'), '-D', data, '-U', 'mz_system', '-A', 'trust', '--locale=C',
                                      '--encoding=UTF8', '--no-sync']), check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        # The postmaster itself must be our child, so that its pid is the one we stop: setpriv execs, runuser would fork.
        command = [str(self.programs / 'postgres'), '-D', data, '-p', str(self.port), '-k', str(self.directory),
                   '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', 'timezone=UTC', '-c', 'max_connections=200']
        if os.geteuid() == 0:
            command = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'] + command
        self.spawn(command)

    def wait_ready(self):
        super().wait_ready()
        with wire.Connection(self.host, self.port, 'mz_system', 'postgres') as admin:
            admin.query('CREATE ROLE materialize LOGIN')
            admin.query('CREATE DATABASE materialize OWNER materialize')


def split(arguments):
    """What stands before and after the first `--`."""
    at = arguments.index('--') if '--' in arguments else len(arguments)
    return arguments[:at], arguments[at + 1:]


KINDS = {'gyre': Gyre, 'postgres': Postgres}


def main():
    parser = argparse.ArgumentParser(description='Runs COMMAND against a server that lives as long as it does.')
    parser.add_argument('kind', choices=sorted(KINDS))
    parser.add_argument('--flag', action='append', default=[], help='one more flag for Gyre (repeatable): --flag=--spin-us=50')
    own, command = split(sys.argv[1:])
    options = parser.parse_args(own)
    if not command:
        parser.error('no command given; it stands after --')
    # Whoever ends us (a time limit) must not leave the server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        server = Gyre(flags=options.flag) if options.kind == 'gyre' else Postgres()
        with server:
            status = subprocess.run(command, env=dict(os.environ, **server.environment())).returncode
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print('server: %s' % error, file=sys.stderr)
        return 70
    if server.problem:
        return 70
    return status if status >= 0 else 128 - status


if __name__ == '__main__':
    sys.exit(main())
