"""What the Python client programs share: the target from the environment, and a count of checks."""

import os
import sys
import traceback

HOST = os.environ.get('GYRE_HOST', 'localhost')
PORT = int(os.environ.get('GYRE_PORT', '6875'))
USER = os.environ.get('GYRE_USER', 'materialize')
DB = os.environ.get('GYRE_DB', 'materialize')

# Nobody waits for its end.
LONG = 'SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < 0'


class Checks:
    """Runs named steps; one that raises is a failure and the next still runs."""

    def __init__(self):
        self.passed = self.failed = 0

    def equal(self, name, got, expected):
        if got == expected and type(got) is type(expected):
            self.passed += 1
        else:
            self.failed += 1
            print('%s: expected %r, got %r' % (name, expected, got))

    def raises(self, name, sqlstate, of, action):
        """`action` must raise an error for which `of` gives this SQLSTATE."""
        try:
            action()
        except Exception as error:   # noqa: B902  any driver's error
            self.equal(name, of(error), sqlstate)
        else:
            self.equal(name, 'no error', sqlstate)

    def step(self, action, *arguments):
        try:
            action(*arguments)
        except Exception:
            self.failed += 1
            print('%s:' % action.__name__)
            traceback.print_exc(limit=-3, file=sys.stdout)

    def finish(self):
        print('%d passed, %d failed' % (self.passed, self.failed))
        sys.exit(1 if self.failed or not self.passed else 0)
