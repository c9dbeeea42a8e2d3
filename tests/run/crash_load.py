"""A load whose every state is known: what a client's k-th transaction leaves behind is a function of k alone.

Each client has a row in crash_counter that says how many of its transactions happened, and each transaction also inserts, changes and deletes rows
of crash_entry. So whatever point a crash cuts at, the counters tell what all else must be: a transaction is there as a whole or
not at all, nothing is there that no client sent, and an index that disagrees with its table shows.

    transaction k of a client:  counter = k
                                inserts 1 + k % 4 entries                 tag 'CLIENT-K-J', n = k
                                changes the entries of k - 1              n = k - 1 + CHANGED
                                deletes the entries of k - 3, unless k - 3 is a multiple of KEPT
"""

import threading
import time

import wire

CHANGED = 1_000_000_000
KEPT = 25
IDS = 10_000_000   # of each client


def entries_of(client, k):
    """(id, tag) of what transaction k inserts."""
    return [(client * IDS + k * 4 + j, '%d-%d-%d' % (client, k, j)) for j in range(1 + k % 4)]


def expected_entries(client, k):
    """{id: (tag, n)} after the first k transactions."""
    kept = [i for i in range(KEPT, k - 2, KEPT)]
    recent = [i for i in range(max(1, k - 2), k + 1)]
    return {id_: (tag, i if i == k else i + CHANGED) for i in kept + recent for id_, tag in entries_of(client, i)}


def statements_of(client, k):
    values = ','.join("(%d, '%s', %d)" % (id_, tag, k) for id_, tag in entries_of(client, k))
    yield 'INSERT INTO crash_entry VALUES ' + values
    if k > 1:
        first = client * IDS + (k - 1) * 4
        yield 'UPDATE crash_entry SET n = n + %d WHERE id >= %d AND id < %d' % (CHANGED, first, first + 4)
    if k > 3 and (k - 3) % KEPT:
        first = client * IDS + (k - 3) * 4
        yield 'DELETE FROM crash_entry WHERE id >= %d AND id < %d' % (first, first + 4)
    yield 'UPDATE crash_counter SET k = %d WHERE client = %d' % (k, client)


def number(connection, sql):
    value = connection.query(sql).rows[0][0]
    return 0 if value is None else int(value)


class CrashLoad:
    """The clients of one server, over all its lives."""

    def __init__(self, target, clients=4, synchronous_commit='on'):
        self.target, self.clients, self.synchronous_commit = target, clients, synchronous_commit
        self.answered = [0] * clients                  # the last transaction that was answered
        self.sent = [0] * clients                      # the last whose COMMIT may have arrived
        self.moments = [{} for _ in range(clients)]    # k: (began, answered), since the last verification
        self.total = self.lost_tail = 0
        self.refusals = {}                             # SQLSTATE: count
        self.sequence = None                           # every value of it that was answered
        self.over = threading.Event()
        self.threads = []

    def connect(self, timeout=20.0):
        return wire.Connection(self.target.host, self.target.port, self.target.user, self.target.database, timeout,
                               {'synchronous_commit': self.synchronous_commit} if self.synchronous_commit != 'on' else None)

    def prepare(self):
        with self.connect() as connection:
            if self.synchronous_commit != 'on':
                connection.query('SET synchronous_commit = on')   # the tables are to outlive the first kill
            connection.query('CREATE TABLE crash_counter (client int4 PRIMARY KEY, k int8 NOT NULL)')
            connection.query('CREATE TABLE crash_entry (id int4 PRIMARY KEY, tag text NOT NULL, n int8 NOT NULL)')
            connection.query('CREATE UNIQUE INDEX crash_tag ON crash_entry (tag)')
            connection.query('INSERT INTO crash_counter VALUES ' + ','.join('(%d, 0)' % c for c in range(self.clients)))
            if connection.simple('CREATE SEQUENCE crash_sequence')[-1].error is None:
                self.sequence = set()

    def twin(self, target):
        """The same clients, who ask another server: one that has a copy of the data."""
        other = CrashLoad(target, self.clients, self.synchronous_commit)
        other.answered, other.sent = list(self.answered), list(self.sent)
        other.moments = [dict(m) for m in self.moments]
        other.sequence = None if self.sequence is None else set(self.sequence)
        return other

    # ---- Under way ----

    def start(self):
        self.over.clear()
        self.problems = []
        self.threads = [threading.Thread(target=self.client, args=(c,), daemon=True) for c in range(self.clients)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """The clients end with the transaction that they are at, or with their connection."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        if self.problems:
            raise AssertionError(self.problems[0])

    def client(self, client):
        try:
            with self.connect() as connection:
                self.look_where_it_stands(connection, client)
                while not self.over.is_set():
                    self.transaction(connection, client, self.answered[client] + 1)
        except (wire.Closed, OSError):
            pass   # the server is gone, as it was to be
        except wire.ServerError as error:
            self.refusals[error.sqlstate] = self.refusals.get(error.sqlstate, 0) + 1
            if error.sqlstate[:2] not in ('53', '57', '58', '25', 'XX'):
                self.problems.append('client %d: %s' % (client, error))

    def look_where_it_stands(self, connection, client):
        """A COMMIT without an answer has happened or not; what was answered has."""
        k = number(connection, 'SELECT k FROM crash_counter WHERE client = %d' % client)
        if not self.answered[client] <= k <= self.sent[client]:
            self.problems.append('client %d: %d is read, %d was answered, %d sent' % (client, k, self.answered[client], self.sent[client]))
        # (A commit of unknown outcome may still show after a restart.)
        self.answered[client], self.sent[client] = k, max(k, self.sent[client])

    def transaction(self, connection, client, k):
        statements = list(statements_of(client, k))
        began = time.monotonic()
        if k % 3 == 0:       # an implicit transaction
            self.sent[client] = k
            connection.query(';'.join(statements))
        else:
            for statement in ['BEGIN'] + statements:
                connection.query(statement)
            self.sent[client] = k
            connection.query('COMMIT')
        self.answered[client] = k
        self.moments[client][k] = (began, time.monotonic())
        self.total += 1
        if self.sequence is not None and k % 5 == 0:
            value = number(connection, "SELECT nextval('crash_sequence')")
            # (A move that did not wait for the disk may be lost, as in PostgreSQL.)
            if value in self.sequence and self.synchronous_commit == 'on':
                self.problems.append('the sequence gave %d twice' % value)
            self.sequence.add(value)

    # ---- Afterwards ----

    def verify(self, may_lose_tail=False):
        """Raises AssertionError unless what is there is what the answers allow; then goes on from there."""
        with self.connect() as connection:
            counters = {int(c): int(k) for c, k in connection.query('SELECT client, k FROM crash_counter').rows}
            rows = connection.query('SELECT id, tag, n FROM crash_entry ORDER BY id').rows
            by_tag = connection.query('SELECT id, tag FROM crash_entry ORDER BY tag').rows
            self.verify_counters(counters, may_lose_tail)
            found = {int(id_): (tag.decode(), int(n)) for id_, tag, n in rows}
            expected = {}
            for client, k in counters.items():
                expected.update(expected_entries(client, k))
            self.require_equal(found, expected)
            if len(rows) != len(found) or sorted((int(i), t.decode()) for i, t in by_tag) != sorted((i, t) for i, (t, _) in found.items()):
                raise AssertionError('the index by tag and the table differ')
            self.verify_by_index(connection, counters)
        for client, k in counters.items():
            self.lost_tail += max(0, self.answered[client] - k)
            self.answered[client] = self.sent[client] = k
            self.moments[client].clear()

    def verify_reads(self):
        """Everything that was answered can still be read; more may be there."""
        with self.connect() as connection:
            self.problems = []
            for client in range(self.clients):
                self.look_where_it_stands(connection, client)
            if self.problems:
                raise AssertionError(self.problems[0])

    def verify_counters(self, counters, may_lose_tail):
        if sorted(counters) != list(range(self.clients)):
            raise AssertionError('the counters are of clients %s' % sorted(counters))
        for client, k in counters.items():
            if k > self.sent[client]:
                raise AssertionError('client %d: transaction %d is there, %d was the last one sent' % (client, k, self.sent[client]))
            if k < self.answered[client] and not may_lose_tail:
                raise AssertionError('client %d: transaction %d was answered, %d is the last one there' % (client, self.answered[client], k))
        # Whatever is lost is the end of the log: nothing that began after a lost answer may be there.
        lost = [when[1] for c in range(self.clients) for k, when in self.moments[c].items() if k > counters[c]]
        if lost:
            for c in range(self.clients):
                for k, (began, _) in self.moments[c].items():
                    if k <= counters[c] and began > min(lost):
                        raise AssertionError('client %d: transaction %d is there, an earlier answered one of another client is lost' % (c, k))

    @staticmethod
    def require_equal(found, expected):
        if found == expected:
            return
        wrong = sorted(i for i in found.keys() | expected.keys() if found.get(i) != expected.get(i))
        raise AssertionError('%d entries are wrong; %d: %s is there, %s should be' %
                             (len(wrong), wrong[0], found.get(wrong[0]), expected.get(wrong[0])))

    def verify_by_index(self, connection, counters):
        for client, k in counters.items():
            for near in range(max(1, k - 4), k + 2):
                for id_, tag in entries_of(client, near):
                    there = connection.query("SELECT id FROM crash_entry WHERE tag = '%s'" % tag).rows
                    should = [(b'%d' % id_,)] if id_ in expected_entries(client, k) else []
                    if there != should:
                        raise AssertionError("by tag '%s' %s is found" % (tag, there))
