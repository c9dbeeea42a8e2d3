"""Transactions that run side by side over connections of their own: what each is told, when the others let it."""

import select

import wire

TARGET = wire.Target()
WAIT_SECONDS = 0.05     # without an answer a statement counts as waiting for another session
ANSWERS = ('23503', '23505')    # where a ROLLBACK TO comes behind it, a violation is an answer like any other
CONFLICTS = ('40001', '40P01', '23505')   # a duplicate key is a conflict that was found otherwise


class Session:
    """A transaction on its way: answers come when they come."""

    def __init__(self, isolation, statements):
        self.connection = TARGET.connect(timeout=30)
        self.connection.query("SET default_transaction_isolation = '%s'" % isolation)
        self.statements = statements
        self.reset()

    def reset(self):
        self.queue, self.asked, self.results, self.failed = [], False, [], False

    def step(self, statement):
        self.queue.append(statement)
        self.go_on(WAIT_SECONDS)

    def go_on(self, seconds):
        """Asks what is in line and takes what answers come within the time."""
        while self.queue or self.asked:
            if not self.asked:
                self.connection.send((b'Q', wire.cstring(self.queue.pop(0))))
                self.asked = True
            if not self.connection.buffer and not select.select([self.connection.socket], [], [], seconds)[0]:
                return
            self.take()

    def take(self):
        result = self.connection.collect(self.connection.until_ready())[-1]
        self.asked = False
        behind = self.statements[len(self.results):][:1]    # BEGIN has been answered as well
        if result.error and result.error.sqlstate in ANSWERS and behind and behind[0].startswith('rollback to'):
            self.results.append((result.error.sqlstate, ()))
        elif result.error:
            if result.error.sqlstate not in CONFLICTS + ('25P02',):
                raise AssertionError(str(result.error))
            self.failed = True
        else:
            self.results.append((result.tag, tuple(sorted(result.rows))))
            self.failed = self.failed or result.tag == 'ROLLBACK' and 'savepoint' not in ' '.join(self.statements)

    @property
    def waits(self):
        return self.asked

    def settle(self):
        """Waits for everything that is under way; all other sessions have done what they will."""
        for _ in range(100):
            if not (self.asked or self.queue):
                return
            self.go_on(0.2)
        raise AssertionError('a session waits for ever')
