#!/usr/bin/python3
"""Who may come in: passwords, TLS, client certificates, access rules, limits, by psql's own library and byte by byte.

    tests/run/access.py [CASE...]          starts its servers itself (build/gyre, or $GYRE_BIN)

An authority and certificates are made with openssl for each run. Ends with `N passed, N failed`.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import psycopg2

import server
import wire

CASES = []
passed = failed = 0
RULES = '''
local   all all                     trust
host    all mz_system all           trust
hostssl all certified all           cert
hostssl all doubly    all           scram-sha-256 clientcert=verify-full
hostssl all tls_only  all           scram-sha-256
host    all tls_only  all           reject
host    all "trusted" 127.0.0.1/32  trust
host    all +insiders all           scram-sha-256
host    all known,old,nopass,limited,nobody all scram-sha-256
'''


def case(function):
    CASES.append(function)
    return function


def expect(name, got, wanted):
    global passed, failed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print('%s: expected %r, got %r' % (name, wanted, got))


def openssl(directory, *arguments):
    subprocess.run(['openssl', *arguments], cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(directory):
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    for authority in ('ca', 'other'):
        openssl(directory, 'req', '-x509', *curve, '-keyout', authority + '.key', '-out', authority + '.pem', '-days', '2',
                '-subj', '/CN=%s authority' % authority)
    (directory / 'names').write_text('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    for name, subject, authority in (('server', 'localhost', 'ca'), ('second', 'localhost', 'ca'), ('certified', 'certified', 'ca'),
                                     ('doubly', 'doubly', 'ca'), ('forged', 'certified', 'other')):
        openssl(directory, 'req', *curve, '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=' + subject)
        openssl(directory, 'x509', '-req', '-in', name + '.csr', '-CA', authority + '.pem', '-CAkey', authority + '.key',
                '-CAcreateserial', '-days', '2', '-out', name + '.pem', '-extfile', 'names')
    for key in directory.glob('*.key'):
        key.chmod(0o600)


class Place:
    """A server with rules, certificates and roles."""

    def __init__(self, directory, running):
        self.directory, self.running, self.port = directory, running, running.port

    def connect(self, user, password=None, sslmode='disable', **more):
        for file in ('sslcert', 'sslkey', 'sslrootcert'):
            if file in more:
                more[file] = str(self.directory / more[file])
        return psycopg2.connect(host='localhost', hostaddr='127.0.0.1', port=self.port, user=user, password=password,
                                dbname='materialize', sslmode=sslmode, connect_timeout=20, **more)

    def outcome(self, user, password=None, sslmode='disable', **more):
        """'ok', or the server's (or the library's) last line."""
        try:
            self.connect(user, password, sslmode, **more).close()
            return 'ok'
        except psycopg2.OperationalError as error:
            return str(error).strip().splitlines()[-1].split('FATAL:')[-1].strip()

    def admin(self, *statements):
        with wire.Connection('127.0.0.1', self.running.internal_port, 'mz_system', 'materialize') as admin:
            return [admin.simple(statement)[-1] for statement in statements]

    def log(self):
        return self.running.log_path.read_text('utf-8', 'replace')

    def reload(self):
        before = self.log().count('were read again')
        os.kill(self.running.process.pid, signal.SIGHUP)
        for _ in range(200):
            if self.log().count('were read again') > before:
                return
            time.sleep(0.02)
        raise RuntimeError('SIGHUP was not answered')


@contextlib.contextmanager
def place(*flags, rules=RULES):
    with tempfile.TemporaryDirectory(prefix='gyre-access-') as name:
        directory = pathlib.Path(name)
        make_certificates(directory)
        (directory / 'hba').write_text('host all materialize 127.0.0.1/32 trust\n' + rules)
        own = ['--hba-file', str(directory / 'hba'), '--tls-cert', str(directory / 'server.pem'), '--tls-key',
               str(directory / 'server.key'), '--tls-ca', str(directory / 'ca.pem'), *flags]
        with server.Gyre(flags=own) as running:
            made = Place(directory, running)
            made.admin("create role known login password 'sesame'", "create role old login password 'sesame' valid until '2001-01-01'",
                       'create role nopass login', 'create role certified login', "create role doubly login password 'sesame'",
                       "create role tls_only login password 'sesame'", 'create role trusted login', 'create role insiders',
                       "create role insider login password 'sesame'", 'grant insiders to insider',
                       "create role limited login connection limit 2 password 'sesame'")
            yield made
        expect('the server ended well', running.problem, None)


WRONG = 'password authentication failed for user "%s"'


@case
def passwords():
    with place() as p:
        expect('right', p.outcome('known', 'sesame'), 'ok')
        for user, password in (('known', 'wrong'), ('nobody', 'sesame'), ('old', 'sesame'), ('nopass', 'sesame'), ('known', 'sesame ')):
            expect('%s with %s' % (user, password), p.outcome(user, password), WRONG % user)
        expect('a member of a group', p.outcome('insider', 'sesame'), 'ok')
        expect('no rule', p.outcome('stranger', 'x'), 'no pg_hba.conf entry for host "127.0.0.1", user "stranger", '
               'database "materialize", no encryption')
        expect('rejected', p.outcome('tls_only', 'sesame'), 'pg_hba.conf rejects connection for host "127.0.0.1", user "tls_only", '
               'database "materialize", no encryption')
        expect('trusted', p.outcome('trusted'), 'ok')
        p.admin("alter role known password 'other'")
        expect('the old password', p.outcome('known', 'sesame'), WRONG % 'known')
        expect('the new password', p.outcome('known', 'other'), 'ok')
        with contextlib.closing(p.connect('known', 'other')) as own, own.cursor() as cursor:
            own.autocommit = True
            cursor.execute("alter role known password 'my own'")
        expect('changed by its owner', p.outcome('known', 'my own'), 'ok')
        subprocess.run(['psql', '-X', '-h', '127.0.0.1', '-p', str(p.port), '-U', 'known', '-c', '\\password', 'materialize'],
                       env=dict(os.environ, PGPASSWORD='my own'), input=b'by psql\nby psql\n', stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, start_new_session=True, timeout=30, check=False)
        expect("psql's \\password", p.outcome('known', 'by psql'), 'ok')
        p.admin("alter role known password 'I\u00adX'")
        expect('prepared by SASLprep', p.outcome('known', 'IX'), 'ok')
        p.admin('alter role known password null')
        expect('no password any more', p.outcome('known', 'IX'), WRONG % 'known')
        p.admin("alter role old valid until 'infinity'")
        expect('valid again', p.outcome('old', 'sesame'), 'ok')


@case
def verifiers():
    with place() as p:
        kept = p.admin("select rolpassword from pg_authid where rolname = 'known'")[0].rows[0][0].decode()
        expect('its form', kept.startswith('SCRAM-SHA-256$4096:') and len(kept) == 133, True)
        p.admin("create role copied login password '%s'" % kept)
        expect('taken as it is', p.admin("select rolpassword from pg_authid where rolname = 'copied'")[0].rows[0][0].decode(), kept)
        error = p.admin("create role hashed password 'md5d41d8cd98f00b204e9800998ecf8427e'")[0].error
        expect('md5', (error.sqlstate, error.message), ('0A000', 'MD5 password hashes are not supported'))
        expect('an empty one', p.admin("create role empty password ''", "select rolpassword from pg_authid where rolname = 'empty'")[1].rows,
               [(None,)])
        with wire.Connection('127.0.0.1', p.port, 'materialize', 'materialize') as other:
            for relation, kind in (('pg_authid', 'table'), ('pg_shadow', 'view'), ('pg_hba_file_rules', 'view')):
                error = other.simple('select * from ' + relation)[-1].error
                expect(relation, (error.sqlstate, error.message), ('42501', 'permission denied for %s %s' % (kind, relation)))
            expect('pg_roles hides them', set(r[0] for r in other.query('select rolpassword from pg_roles').rows), {b'********'})


def first_exchange(port, user):
    """The server's first SCRAM message for a user: salt and iterations."""
    with wire.Raw('127.0.0.1', port) as raw:
        raw.send_bytes(startup_packet(user))
        raw.message()
        first = b'n,,n=,r=abcdef'
        raw.send((b'p', b'SCRAM-SHA-256\0' + struct.pack('!i', len(first)) + first))
        _, body = raw.message()
        fields = dict(part.split('=', 1) for part in body[4:].decode().split(','))
        return fields['s'], fields['i']


@case
def unknown_roles_look_known():
    with place() as p:
        expect('a salt stays', first_exchange(p.port, 'nobody'), first_exchange(p.port, 'nobody'))
        expect('as that of a role does', first_exchange(p.port, 'known'), first_exchange(p.port, 'known'))
        salts = {first_exchange(p.port, user)[0] for user in ('known', 'nobody', 'nopass', 'old')}
        expect('each has its own', len(salts), 4)
        expect('of one length', len({len(salt) for salt in salts}), 1)


@case
def nothing_tells_passwords():
    secret = 'hunter2-very-secret'
    with place() as p:
        p.admin("create role a login password '%s'" % secret, "alter role a password '%s' nonsense" % secret,
                "alter role nosuch password '%s'" % secret, "create role a password '%s'" % secret,
                "alter role a password '%s' valid until 'never'" % secret)
        p.outcome('known', secret)
        texts = [str(error.fields) for results in p.admin("create role a password '%s'" % secret,
                                                          "alter role a password '%s' valid until 'never'" % secret,
                                                          "alter role nosuch password '%s'" % secret)
                 for error in [results.error] if error]
        expect('errors came', len(texts), 3)
        activity = p.admin('select * from pg_stat_activity')[0].rows
        settings = p.admin('select * from pg_settings')[0].rows
        import urllib.request
        metrics = urllib.request.urlopen('http://127.0.0.1:%d/metrics' % p.running.http_port).read().decode()
        for name, text in (('log', p.log()), ('errors', str(texts)), ('activity', str(activity)), ('settings', str(settings)),
                           ('metrics', metrics)):
            expect('nothing in the ' + name, secret in text, False)


@case
def encryption():
    with place() as p:
        root = {'sslrootcert': 'ca.pem'}
        for mode in ('require', 'verify-ca', 'verify-full'):
            expect(mode, p.outcome('known', 'sesame', mode, **root), 'ok')
        expect('by TLS alone', p.outcome('tls_only', 'sesame', 'verify-full', **root), 'ok')
        expect('channel binding', p.outcome('known', 'sesame', 'verify-full', channel_binding='require', **root), 'ok')
        expect('no binding wanted', p.outcome('known', 'sesame', 'verify-full', channel_binding='disable', **root), 'ok')
        expect('no binding without TLS', 'channel binding' in p.outcome('known', 'sesame', channel_binding='require'), True)
        expect('another authority', 'certificate verify failed' in p.outcome('known', 'sesame', 'verify-full', sslrootcert='other.pem'), True)
        expect('wrong password', p.outcome('known', 'wrong', 'verify-full', channel_binding='require', **root), WRONG % 'known')
        with contextlib.closing(p.connect('known', 'sesame', 'verify-full', **root)) as c, c.cursor() as cursor:
            cursor.execute("select repeat('x', 3000000)")
            expect('a long answer', len(cursor.fetchone()[0]), 3000000)
            cursor.execute('select length(%s)', ('y' * 2000000,))
            expect('a long question', cursor.fetchone()[0], 2000000)
            cursor.execute('select a from generate_series(1, 50000) a')
            expect('many rows', len(cursor.fetchall()), 50000)


@case
def drivers():
    """Each checks the server's certificate and has a password. Told of another authority, or given a wrong password, it does not come
    in; where it knows channel binding, it can demand it. (npm's packages are there once tests/clients has run.)"""
    clients = server.ROOT / 'tests' / 'clients'
    with place() as p:
        env = dict(os.environ, GYRE_TLS_PORT=str(p.port), GYRE_TLS_USER='known', GYRE_TLS_CA=str(p.directory / 'ca.pem'),
                   GYRE_TLS_OTHER_CA=str(p.directory / 'other.pem'), GO111MODULE='off', GOPATH='/usr/share/gocode')
        programs = [(['/usr/bin/python3', str(clients / 'tls' / 'tls.py')], {'psycopg2': True, 'psycopg': True, 'asyncpg': False}),
                    (['go', 'run', str(clients / 'tls' / 'main.go')], {'lib/pq': False, 'pgx': False}),
                    (['java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', '/usr/share/java/postgresql.jar',
                      str(clients / 'tls' / 'Tls.java')], {'jdbc': False})]
        if (clients / 'node_modules').is_dir():
            programs.append((['node', str(clients / 'tls' / 'tls.js')], {'node-postgres': True, 'postgres.js': False}))
        for command, names in programs:
            ran = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150, check=False)
            wanted = []
            for name, binds in names.items():
                wanted += [name + ' verified: known', name + ' other authority: refused', name + ' wrong password: 28P01']
                wanted += [name + ' bound: known'] if binds else []
            expect(command[0], ran.stdout.decode().strip().splitlines(), wanted)


def s_client(p, *flags):
    """What openssl says of a connection that asks PostgreSQL's way for TLS: (protocol, cipher), or the reason why there is none."""
    ran = subprocess.run(['openssl', 's_client', '-starttls', 'postgres', '-connect', '127.0.0.1:%d' % p.port, *flags],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
    text = ran.stdout.decode('utf-8', 'replace')
    found = re.search(r'^New, (\S+), Cipher is (.+)$', text, re.MULTILINE)
    return (found.group(1), found.group(2)) if found else ('none', text), text


@case
def what_tls_offers():
    """By openssl s_client: old protocols, weak ciphers, renegotiation, compression and tickets are not to be had."""
    nothing = ('(NONE)', '(NONE)')
    with place() as p:
        expect('1.3', s_client(p, '-tls1_3')[0][0], 'TLSv1.3')
        (version, cipher), text = s_client(p, '-tls1_2')
        expect('1.2', (version, 'ECDHE' in cipher and ('GCM' in cipher or 'CHACHA20' in cipher)), ('TLSv1.2', True))
        expect('compression', 'Compression: NONE' in text, True)
        expect('a ticket of 1.2', 'TLS session ticket:' in text, False)
        expect('a ticket of 1.3', 'New Session Ticket arrived' in s_client(p, '-tls1_3')[1], False)
        expect('compression when asked for', 'Compression: NONE' in s_client(p, '-tls1_2', '-comp')[1], True)
        for old in ('-tls1', '-tls1_1'):   # our side would do them
            expect(old, s_client(p, old, '-cipher', 'ALL:@SECLEVEL=0')[0], nothing)
        for weak in ('AES128-SHA', 'AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-RSA-AES128-SHA256',
                     'NULL', 'aNULL', 'eNULL', 'kRSA', 'PSK', 'SRP', 'CAMELLIA', 'ARIA', 'AESCCM8', 'DHE'):
            expect('cipher ' + weak, s_client(p, '-tls1_2', '-cipher', weak + ':@SECLEVEL=0')[0], nothing)
        expect('a good one', s_client(p, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-GCM-SHA384')[0], ('TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'))
        for curve in ('prime192v1', 'secp192k1', 'sect163k1'):
            expect('curve ' + curve, s_client(p, '-curves', curve)[0][0] in ('TLSv1.3', 'TLSv1.2'), False)
        # R on a line of its own renegotiates.
        ran = subprocess.run(['openssl', 's_client', '-starttls', 'postgres', '-tls1_2', '-connect', '127.0.0.1:%d' % p.port],
                             input=b'R\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        text = ran.stdout.decode('utf-8', 'replace')
        expect('renegotiation', ('RENEGOTIATING' in text, 'no renegotiation' in text or 'error' in text.lower().split('renegotiating')[-1]),
               (True, True))
        expect('still there', p.outcome('known', 'sesame', 'verify-full', sslrootcert='ca.pem'), 'ok')
    with place('--tls-min-version', 'TLSv1.3') as p:
        expect('1.3 at least', (s_client(p, '-tls1_2')[0], s_client(p, '-tls1_3')[0][0]), (nothing, 'TLSv1.3'))


@case
def guessing():
    """Failures at all cores count together: the tenth answer waits as long as if all had come to one."""
    with place('--cores=0,1', '--oracle-core=1', '--login-delay-ms', '1000') as p:
        for _ in range(9):
            p.outcome('known', 'guess')
        began = time.monotonic()
        expect('refused', p.outcome('known', 'guess'), WRONG % 'known')
        # 20 ms doubled nine times is beyond the bound; half of the failures would be at 320 ms.
        expect('waited', time.monotonic() - began >= 0.95, True)
        expect('who knows it', p.outcome('known', 'sesame'), 'ok')


@case
def client_certificates():
    with place() as p:
        root = {'sslrootcert': 'ca.pem'}
        mine = dict(root, sslcert='certified.pem', sslkey='certified.key')
        both = dict(root, sslcert='doubly.pem', sslkey='doubly.key')
        expect('cert', p.outcome('certified', None, 'verify-full', **mine), 'ok')
        expect('none', p.outcome('certified', None, 'verify-full', **root), 'connection requires a valid client certificate')
        expect('of another', p.outcome('certified', None, 'verify-full', **both), 'certificate authentication failed for user "certified"')
        expect('with a password', p.outcome('doubly', 'sesame', 'verify-full', **both), 'ok')
        expect('without it', p.outcome('doubly', 'wrong', 'verify-full', **both), WRONG % 'doubly')
        expect('of another, with a password', p.outcome('doubly', 'sesame', 'verify-full', **mine),
               'certificate authentication failed for user "doubly"')
        forged = dict(root, sslcert='forged.pem', sslkey='forged.key')
        expect('of a stranger', p.outcome('certified', None, 'verify-full', **forged) != 'ok', True)


def tls_context(p, alpn=None):
    context = ssl.create_default_context(cafile=str(p.directory / 'ca.pem'))
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def startup_packet(user):
    body = struct.pack('!I', wire.PROTOCOL) + b'user\0' + user.encode() + b'\0database\0materialize\0\0'
    return struct.pack('!I', len(body) + 4) + body


def read_all(sock):
    sock.settimeout(10)
    data = b''
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
    except (ConnectionError, ssl.SSLError):
        return data


@case
def bytes_in_clear():
    ask = struct.pack('!II', 8, wire.SSL_REQUEST)
    gss = struct.pack('!II', 8, wire.GSS_REQUEST)
    with place() as p:
        # CVE-2021-23214: what came in clear must not count as encrypted.
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(ask + startup_packet('trusted'))
            expect('after an SSLRequest', b'received unencrypted data after SSL request' in read_all(s), True)
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(gss + ask)
            data = s.recv(16)
            while len(data) < 2:
                data += s.recv(16)
            expect('GSS, then SSL', data, b'NS')
        # CVE-2026-6479: requests without end.
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(gss * 2)
            data = read_all(s)
            expect('GSS twice', (data[:1], b'unsupported frontend protocol 1234.5680' in data), (b'N', True))
        with socket.create_connection(('127.0.0.1', p.port)) as s, contextlib.suppress(ConnectionError):
            s.sendall((gss + ask) * 10000)
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(ask)
            expect('granted', s.recv(1), b'S')
            s.sendall(startup_packet('trusted'))
            data = read_all(s)
            expect('clear bytes for a handshake', b'R' in data[:1] or b'ReadyForQuery' in data, False)
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(ask)
            s.recv(1)
            with tls_context(p).wrap_socket(s, server_hostname='localhost') as t:
                t.sendall(ask)
                expect('a second request within', b'unsupported frontend protocol 1234.5679' in read_all(t), True)


@case
def direct_tls():
    with place() as p:
        def outcome(alpn):
            with socket.create_connection(('127.0.0.1', p.port)) as s:
                try:
                    with tls_context(p, alpn).wrap_socket(s, server_hostname='localhost') as t:
                        t.sendall(startup_packet('trusted'))
                        return t.recv(1)
                except (ssl.SSLError, ConnectionError):
                    return b''
        expect('postgresql', outcome('postgresql'), b'R')
        expect('no protocol', outcome(None), b'')
        expect('another protocol', outcome('http/1.1'), b'')
    with server.Gyre() as plain:
        with socket.create_connection(('127.0.0.1', plain.port)) as s:
            s.sendall(b'\x16\x03\x01\x02\x00\x01')
            expect('without TLS', read_all(s), b'')


@case
def reloading():
    with place() as p:
        rows = "select count(*) from pg_hba_file_rules where error is null", "select line_number, error from pg_hba_file_rules where error is not null"
        expect('rules', [r.rows for r in p.admin(*rows)], [[(b'10',)], []])
        hba = p.directory / 'hba'
        good = hba.read_text()
        root = {'sslrootcert': 'ca.pem'}
        stop, problems, answered = threading.Event(), [], [0]

        def load():
            try:
                with contextlib.closing(p.connect('known', 'sesame', 'verify-full', **root)) as c, c.cursor() as cursor:
                    while not stop.is_set():
                        cursor.execute('select 1')
                        answered[0] += 1
            except Exception as error:   # noqa: B902
                problems.append(error)
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        hba.write_text(good + 'host all all all kerberos\n')
        p.reload()
        expect('an error', p.admin(rows[1])[0].rows, [(b'12', b'invalid authentication method "kerberos"')])
        expect('is in the log', 'hba:12: invalid authentication method "kerberos"' in p.log(), True)
        expect('and the old rules stay', p.outcome('known', 'sesame'), 'ok')
        hba.write_text(good.replace('known,', ''))
        p.reload()
        expect('new rules', p.outcome('known', 'sesame').startswith('no pg_hba.conf entry'), True)
        hba.write_text(good)
        for key, certificate in (('second.key', 'second.pem'), ('other.key', 'second.pem')):
            (p.directory / 'server.key').write_bytes((p.directory / key).read_bytes())
            (p.directory / 'server.pem').write_bytes((p.directory / certificate).read_bytes())
            p.reload()
            expect('with the certificate of ' + key, p.outcome('known', 'sesame', 'verify-full', channel_binding='require', **root), 'ok')
        expect('a key that does not fit is told', 'the old certificate stays in use' in p.log(), True)
        for _ in range(20):
            p.reload()
        stop.set()
        for thread in threads:
            thread.join(20)
        expect('nobody was disturbed', (problems, answered[0] > 0), ([], True))


@case
def limits():
    with place('--authentication-timeout', '1', '--max-pending-logins', '20', '--login-delay-ms', '50') as p:
        held = [p.connect('limited', 'sesame') for _ in range(2)]
        expect("a role's", p.outcome('limited', 'sesame'), 'too many connections for role "limited"')
        held.pop().close()
        for _ in range(100):
            if p.outcome('limited', 'sesame') == 'ok':
                break
            time.sleep(0.02)
        expect('one has gone', p.outcome('limited', 'sesame'), 'ok')
        held.pop().close()
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            expect('nothing said in time', read_all(s), b'')
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(startup_packet('known'))
            expect('no password in time', b'canceling authentication due to timeout' in read_all(s), True)
        silent = [socket.create_connection(('127.0.0.1', p.port)) for _ in range(60)]
        expect('the oldest makes room', p.outcome('known', 'sesame'), 'ok')
        for s in silent:
            s.close()
        with socket.create_connection(('127.0.0.1', p.port)) as s:
            s.sendall(startup_packet('known'))
            s.recv(1000)
            s.sendall(b'p' + struct.pack('!I', 2000) + b'x' * 1996)
            expect('a long SASL message', b'invalid message length' in read_all(s), True)
    with place('--max-connections-per-address', '3') as p:
        time.sleep(0.3)   # until those that made the roles are gone
        held = [p.connect('trusted') for _ in range(3)]
        expect("an address'", p.outcome('trusted'), 'too many connections from address 127.0.0.1')
        for connection in held:
            connection.close()
        for _ in range(100):
            if p.outcome('trusted') == 'ok':
                break
            time.sleep(0.02)
        expect('and free again', p.outcome('trusted'), 'ok')


@case
def starting():
    binary = server.Gyre().binary

    def start(*flags):
        ran = subprocess.run([binary, '--ephemeral', '--internal-sql-addr', '127.0.0.1:0', '--internal-http-addr', '127.0.0.1:0', *flags],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
        return ran.returncode, ran.stdout.decode().strip().splitlines()[-1].split(':  ')[-1]
    with tempfile.TemporaryDirectory(prefix='gyre-access-') as name:
        directory = pathlib.Path(name)
        make_certificates(directory)
        expect('beyond this machine without TLS', start('--sql-addr', '0.0.0.0:0'),
               (1, 'cannot start: --sql-addr listens beyond this machine, and there is no TLS: give --tls-cert and --tls-key, or --insecure'))
        tls = ['--tls-cert', str(directory / 'server.pem'), '--tls-key', str(directory / 'server.key')]
        (directory / 'hba').write_text('host all all all trust\n')
        expect('with trust', start('--sql-addr', '0.0.0.0:0', *tls, '--hba-file', str(directory / 'hba'))[1].startswith(
            'cannot start: --sql-addr listens beyond this machine, and %s trusts strangers' % (directory / 'hba')), True)
        (directory / 'hba').write_text('\nhost all all all nosuch\n')
        expect('a wrong rule', start('--sql-addr', '127.0.0.1:0', '--hba-file', str(directory / 'hba'))[1],
               'cannot start: %s:2: invalid authentication method "nosuch"' % (directory / 'hba'))
        (directory / 'server.key').chmod(0o644)
        expect('a key for all', 'has group or world access' in start('--sql-addr', '127.0.0.1:0', *tls)[1], True)
        expect('half of a pair', start('--tls-cert', 'x')[0], 64)


def main():
    global failed
    wanted = sys.argv[1:]
    for one in CASES:
        if wanted and one.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            one()
        except Exception:   # noqa: B902
            failed += 1
            print('%s:' % one.__name__)
            traceback.print_exc(file=sys.stdout)
        print('%s: %.1f s' % (one.__name__, time.monotonic() - began))
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
