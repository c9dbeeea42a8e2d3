"""A small client of the PostgreSQL wire protocol, for tests.

It speaks protocol 3.0 in the plainest way: values stay the bytes the server sent, every message can be seen, and every message
can be sent, wrong ones too. Nothing here hides a server's mistake, which is why the tests do not go through a driver.
"""

import os
import re
import socket
import struct

PROTOCOL = 196608
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

# Type oids that the tests name. Everything else is printed as its number.
TYPE_NAMES = {
    16: 'bool', 17: 'bytea', 18: '"char"', 19: 'name', 20: 'int8', 21: 'int2', 23: 'int4', 25: 'text', 26: 'oid',
    700: 'float4', 701: 'float8', 705: 'unknown', 1042: 'char', 1043: 'varchar', 1082: 'date', 1083: 'time',
    1114: 'timestamp', 1184: 'timestamptz', 1186: 'interval', 1700: 'numeric', 2278: 'void', 2950: 'uuid',
}
CREATED = re.compile(r'\bCREATE\s+(TABLE|ROLE|USER)\s+(?:IF\s+NOT\s+EXISTS\s+)?((?:"[^"]+"|[\w.])+)', re.IGNORECASE)
TYPE_OIDS = {name: oid for oid, name in TYPE_NAMES.items()}


class Closed(Exception):
    """The server ended the connection (or never answered)."""


class ServerError(Exception):
    """An ErrorResponse, with its fields by letter."""

    def __init__(self, fields):
        super().__init__('%s: %s' % (fields.get('C'), fields.get('M')))
        self.fields = fields
        self.sqlstate = fields.get('C', '')
        self.message = fields.get('M', '')
        self.detail = fields.get('D', '')
        self.hint = fields.get('H', '')


class Result:
    """What one statement of a simple query answered: columns, rows, tag, or an error."""

    def __init__(self):
        self.columns = None   # list of Column, or None when no RowDescription came
        self.rows = []        # tuples of bytes or None
        self.tag = None       # 'SELECT 1', '' for an empty query
        self.error = None     # ServerError

    @property
    def count(self):
        """Rows affected, as the command tag says; None when it has no number."""
        last = (self.tag or '').split(' ')[-1]
        return int(last) if last.isdigit() else None


class Column:
    """One field of a RowDescription."""

    def __init__(self, name, table, attribute, oid, length, modifier, fmt):
        self.name, self.table, self.attribute = name, table, attribute
        self.oid, self.length, self.modifier, self.format = oid, length, modifier, fmt

    @property
    def type_name(self):
        return TYPE_NAMES.get(self.oid, str(self.oid))


def cstring(text):
    return (text if isinstance(text, bytes) else text.encode()) + b'\0'


def parse_fields(body):
    """The fields of an ErrorResponse or NoticeResponse, letter -> text."""
    fields, at = {}, 0
    while at < len(body) and body[at] != 0:
        end = body.index(b'\0', at + 1)
        fields[chr(body[at])] = body[at + 1:end].decode('utf-8', 'replace')
        at = end + 1
    return fields


def parse_row_description(body):
    (count,), at, columns = struct.unpack_from('>H', body), 2, []
    for _ in range(count):
        end = body.index(b'\0', at)
        columns.append(Column(body[at:end].decode('utf-8', 'replace'), *struct.unpack_from('>IhIhih', body, end + 1)))
        at = end + 19
    return columns


def parse_data_row(body):
    (count,), at, values = struct.unpack_from('>H', body), 2, []
    for _ in range(count):
        (size,) = struct.unpack_from('>i', body, at)
        at += 4
        values.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return tuple(values)


def parse_message(name, sql, types=()):
    return b'P', cstring(name) + cstring(sql) + struct.pack('>H', len(types)) + b''.join(struct.pack('>I', t) for t in types)


def bind_message(portal='', statement='', values=(), formats=(), result_formats=()):
    """values are bytes, str or None; formats as in the protocol (none, one for all, or one each)."""
    body = cstring(portal) + cstring(statement)
    body += struct.pack('>H', len(formats)) + b''.join(struct.pack('>h', f) for f in formats)
    body += struct.pack('>H', len(values))
    for value in values:
        if value is None:
            body += struct.pack('>i', -1)
        else:
            value = value.encode() if isinstance(value, str) else value
            body += struct.pack('>i', len(value)) + value
    return b'B', body + struct.pack('>H', len(result_formats)) + b''.join(struct.pack('>h', f) for f in result_formats)


def describe_message(kind, name=''):
    return b'D', kind.encode() + cstring(name)


def close_message(kind, name=''):
    return b'C', kind.encode() + cstring(name)


def execute_message(portal='', max_rows=0):
    return b'E', cstring(portal) + struct.pack('>i', max_rows)


SYNC = (b'S', b'')
FLUSH = (b'H', b'')


def frame(tag, body):
    return tag + struct.pack('>I', len(body) + 4) + body


class Raw:
    """A socket with buffered reads; no startup is done. Every wait ends after `timeout` seconds."""

    def __init__(self, host, port, timeout=20.0):
        if host.startswith('/'):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect('%s/.s.PGSQL.%d' % (host, port))
        else:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed('send: %s' % error)

    def send(self, *messages):
        self.send_bytes(b''.join(frame(tag, body) for tag, body in messages))

    def read_exactly(self, size):
        while len(self.buffer) < size:
            try:
                data = self.socket.recv(1 << 16)
            except socket.timeout:
                raise Closed('no answer within %s s' % self.socket.gettimeout())
            except OSError as error:
                raise Closed('recv: %s' % error)
            if not data:
                raise Closed('connection closed by the server')
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def message(self):
        """The next message: (letter, body)."""
        head = self.read_exactly(5)
        (size,) = struct.unpack('>I', head[1:])
        if size < 4 or size > 1 << 30:
            raise Closed('a frame of %d bytes with letter %r' % (size, head[:1]))
        return chr(head[0]), self.read_exactly(size - 4)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Connection(Raw):
    """A connection that has logged in (trust authentication)."""

    def __init__(self, host, port, user, database, timeout=20.0, parameters=None):
        super().__init__(host, port, timeout)
        self.parameters, self.notices, self.key = {}, [], None
        self.status = '?'
        pairs = {'user': user, 'database': database}
        pairs.update(parameters or {})
        body = struct.pack('>I', PROTOCOL) + b''.join(cstring(k) + cstring(v) for k, v in pairs.items()) + b'\0'
        try:
            self.send_bytes(struct.pack('>I', len(body) + 4) + body)
            self._finish_startup()
        except BaseException:
            self.socket.close()
            raise

    def _finish_startup(self):
        while True:
            letter, body = self.take()
            if letter == 'R' and struct.unpack_from('>I', body)[0] != 0:
                raise Closed('the server asks for authentication %d' % struct.unpack_from('>I', body)[0])
            if letter == 'K':
                self.key = struct.unpack('>II', body)
            if letter == 'E':
                raise ServerError(parse_fields(body))
            if letter == 'Z':
                return

    def take(self):
        """The next message, with parameters, notices and the transaction status noted down."""
        letter, body = self.message()
        if letter == 'S':
            name, value = body.split(b'\0')[:2]
            self.parameters[name.decode()] = value.decode()
        elif letter == 'N':
            self.notices.append(parse_fields(body))
        elif letter == 'Z':
            self.status = chr(body[0])
        return letter, body

    def until_ready(self):
        """All messages up to ReadyForQuery, without parameters and notices."""
        messages = []
        while True:
            letter, body = self.take()
            if letter == 'Z':
                return messages
            if letter not in 'SN':
                messages.append((letter, body))

    def simple(self, sql):
        """A simple query: one Result per statement; an error is the last Result."""
        self.send((b'Q', cstring(sql)))
        return self.collect(self.until_ready())

    def collect(self, messages):
        results, current = [], Result()
        for letter, body in messages:
            if letter == 'T':
                current.columns = parse_row_description(body)
            elif letter == 'D':
                current.rows.append(parse_data_row(body))
            elif letter in 'CI':
                current.tag = body[:-1].decode() if letter == 'C' else ''
                results.append(current)
                current = Result()
            elif letter == 'E':
                current.error = ServerError(parse_fields(body))
                results.append(current)
                current = Result()
        return results

    def query(self, sql):
        """Runs one statement; its Result, or ServerError raised."""
        results = self.simple(sql)
        for result in results:
            if result.error:
                raise result.error
        return results[-1]

    def extended(self, sql, values=(), types=(), formats=(), result_formats=()):
        """Parse, Bind, Describe, Execute, Sync of the unnamed statement; its Result."""
        self.send(parse_message('', sql, types), bind_message('', '', values, formats, result_formats),
                  describe_message('P'), execute_message(), SYNC)
        results = self.collect(self.until_ready())
        for result in results:
            if result.error:
                raise result.error
        return results[-1] if results else Result()

    def terminate(self):
        try:
            self.send((b'X', b''))
        except Closed:
            pass
        self.close()


def cancel(host, port, key):
    """A CancelRequest on a connection of its own; returns when the server has closed it."""
    with Raw(host, port) as raw:
        raw.send_bytes(struct.pack('>IIII', 16, CANCEL_REQUEST, *key))
        try:
            raw.read_exactly(1)
        except Closed:
            pass


class Target:
    """Where the server under test listens, from the environment that tests/run/server sets."""

    def __init__(self):
        env = os.environ
        self.host = env.get('GYRE_HOST', 'localhost')
        self.port = int(env.get('GYRE_PORT', '6875'))
        self.internal_port = int(env.get('GYRE_INTERNAL_PORT', '6877'))
        self.user = env.get('GYRE_USER', 'materialize')
        self.admin = env.get('GYRE_ADMIN', 'mz_system')
        self.database = env.get('GYRE_DB', 'materialize')
        self.engine = env.get('GYRE_ENGINE', 'gyre')   # 'gyre' or 'postgresql'

    def connect(self, user=None, timeout=20.0, parameters=None):
        """A connection as `user`; the administrator comes in through the internal port."""
        user = user or self.user
        port = self.internal_port if user == self.admin else self.port
        return Connection(self.host, port, user, self.database, timeout, parameters)

    def drop_created(self, text):
        """Drops the tables, then the roles, that the CREATE statements in `text` name, so that a test file starts and ends clean."""
        names = dict.fromkeys(('TABLE' if kind.upper() == 'TABLE' else 'ROLE', name) for kind, name in CREATED.findall(text))
        if not names:
            return
        admin = self.connect(self.admin)
        for kind, name in sorted(names, key=lambda pair: pair[0] == 'ROLE'):
            admin.simple('DROP %s IF EXISTS %s' % (kind, name))
        admin.terminate()
