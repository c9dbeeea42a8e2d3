#!/usr/bin/python3
"""Random rights, each statement as each role, asked of Gyre and of PostgreSQL 15: same error, or same rows, tag and notices.

    tests/run/rights.py [ROUNDS]

Starts a server of each kind with the same roles, schemas, tables and sequences. Each round changes rights at random (GRANT and
REVOKE on everything, with and without options, by anybody; memberships; owners; default privileges; role attributes), and then every
role tries statements of every kind in a block that is rolled back; where they change rights, the access lists are compared before it
is. Now and then all that either server says about rights is compared: access lists, memberships, and has_..._privilege() of everyone
on everything. A difference is printed with the seed that replays it (GYRE_TEST_SEED).
"""

import os
import random
import sys

import server
import wire

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
SEED = int(os.environ.get('GYRE_TEST_SEED') or random.SystemRandom().randrange(1 << 31))
ROLES = ['ann', 'bob', 'cat', 'dan', 'eve']
SCHEMAS = ['s', 'z']
TABLES = ['s.t', 's.u', 'z.t']
SEQUENCES = ['s.q', 'z.q']
COLUMNS = ['id', 'a', 'b']
SHOWN = 8   # differences that are printed

START = ['ALTER DATABASE materialize OWNER TO mz_system', 'ALTER SCHEMA public OWNER TO mz_system',
         'REVOKE ALL ON DATABASE materialize FROM materialize',
         *('CREATE ROLE %s LOGIN' % role for role in ROLES), *('CREATE SCHEMA %s' % schema for schema in SCHEMAS),
         *('CREATE TABLE %s (id int PRIMARY KEY, a int, b text)' % table for table in TABLES),
         *("INSERT INTO %s VALUES (1, 1, 'x'), (2, 2, 'y')" % table for table in TABLES),
         *('CREATE SEQUENCE %s' % sequence for sequence in SEQUENCES)]

# {t} a table, {v} another, {q} a sequence, {s} a schema, {r} a role, {c} a column.
STATEMENTS = '''
SELECT * FROM {t} ORDER BY 1
SELECT {c} FROM {t} ORDER BY 1
SELECT count(*) FROM {t}
SELECT 1 FROM {t} ORDER BY 1
SELECT {c} FROM {t} WHERE {c} IS NOT NULL ORDER BY 1
SELECT x.{c} FROM {t} x JOIN {v} y ON x.id = y.id ORDER BY 1
SELECT id FROM {t} WHERE EXISTS (SELECT 1 FROM {v} WHERE {c} IS NULL)
SELECT (SELECT max({c}) FROM {v})
SELECT max({c}) FROM {t} GROUP BY a ORDER BY 1
SELECT x FROM (SELECT {c} AS x FROM {t}) y ORDER BY 1
WITH w AS (SELECT {c} AS x FROM {t}) SELECT x FROM w ORDER BY 1
SELECT {c} FROM {t} UNION SELECT {c} FROM {v} ORDER BY 1
SELECT {c} FROM {t} FOR UPDATE
SELECT {c} FROM {t} FOR SHARE
EXPLAIN (COSTS OFF) SELECT {c} FROM {t}
DECLARE k CURSOR FOR SELECT {c} FROM {t}
PREPARE p AS SELECT {c} FROM {t}; EXECUTE p
INSERT INTO {t} VALUES (3, 3, 'z')
INSERT INTO {t} (id) VALUES (3)
INSERT INTO {t} (id, {c}) VALUES (3, NULL)
INSERT INTO {t} (id) VALUES (3) RETURNING {c}
INSERT INTO {t} (id) VALUES (3) RETURNING *
INSERT INTO {t} (id) VALUES (1) ON CONFLICT DO NOTHING
INSERT INTO {t} (id) VALUES (1) ON CONFLICT (id) DO NOTHING
INSERT INTO {t} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 5
INSERT INTO {t} (id, a) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET a = excluded.a
INSERT INTO {t} (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = {v_name}.a + 1
INSERT INTO {t} (id) SELECT id + 10 FROM {v}
INSERT INTO {t} SELECT id + 10, a, b FROM {v}
UPDATE {t} SET a = 7
UPDATE {t} SET a = a + 1
UPDATE {t} SET {c} = DEFAULT WHERE {c} IS NULL
UPDATE {t} SET a = 7 WHERE {c} IS NOT NULL
UPDATE {t} SET a = 7 RETURNING {c}
UPDATE {t} SET b = y.b FROM {v} y WHERE {t}.id = y.id
DELETE FROM {t}
DELETE FROM {t} WHERE {c} IS NOT NULL
DELETE FROM {t} RETURNING {c}
DELETE FROM {t} x USING {v} y WHERE x.id = y.id
TRUNCATE {t}
TRUNCATE {t}, {v}
LOCK TABLE {t} IN ACCESS SHARE MODE
LOCK TABLE {t} IN ROW EXCLUSIVE MODE
LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE
COPY {t} TO STDOUT
COPY {t} ({c}) TO STDOUT
COPY (SELECT {c} FROM {t}) TO STDOUT
COPY {t} FROM STDIN
COPY {t} (id) FROM STDIN
SELECT nextval('{q}')
SELECT nextval('{q}'), currval('{q}')
SELECT setval('{q}', 5)
SELECT last_value FROM {q}
ALTER SEQUENCE {q} INCREMENT 2
DROP SEQUENCE {q}
CREATE TABLE {s}.fresh (x int)
CREATE TABLE {s}.fresh (x int REFERENCES {t})
CREATE TABLE {s}.fresh (x int, FOREIGN KEY (x) REFERENCES {t} (id))
CREATE TABLE {s}.fresh AS SELECT {c} FROM {t}
CREATE TABLE {s}.fresh (LIKE {t})
CREATE TABLE {s}.fresh (LIKE {t} INCLUDING ALL)
CREATE TABLE {s}.fresh (LIKE {t} INCLUDING COMMENTS)
CREATE TABLE {s}.fresh (x int PRIMARY KEY)
CREATE TABLE {s}.fresh (x int, UNIQUE (x))
CREATE TABLE {s}.fresh (x serial)
CREATE TABLE {s}.fresh (x int GENERATED ALWAYS AS IDENTITY)
CREATE TABLE {s}.fresh (x int DEFAULT 7 CHECK (x > 0))
CREATE SEQUENCE {s}.fresh
CREATE SCHEMA fresh
CREATE SCHEMA AUTHORIZATION {r}
CREATE INDEX fresh ON {t} (a)
CREATE UNIQUE INDEX ON {t} (b)
DROP TABLE {t}
DROP SCHEMA {s} CASCADE
ALTER TABLE {t} ADD COLUMN fresh int
ALTER TABLE {t} DROP COLUMN b
ALTER TABLE {t} ALTER COLUMN a SET NOT NULL
ALTER TABLE {t} ADD CHECK (a > 0)
ALTER TABLE {t} ADD FOREIGN KEY (a) REFERENCES {v}
ALTER TABLE {t} ADD UNIQUE (a)
ALTER TABLE {t} RENAME TO fresh
ALTER TABLE {t} RENAME a TO fresh
ALTER TABLE {t} OWNER TO {r}
ALTER SEQUENCE {q} OWNER TO {r}
ALTER SCHEMA {s} OWNER TO {r}
ALTER DATABASE materialize OWNER TO {r}
COMMENT ON TABLE {t} IS 'x'
COMMENT ON COLUMN {t}.a IS 'x'
CREATE ROLE fresh
CREATE ROLE fresh SUPERUSER
ALTER ROLE {r} NOLOGIN
ALTER ROLE {r} SUPERUSER
ALTER ROLE {r} PASSWORD NULL
ALTER ROLE {r} SET work_mem = '1MB'
ALTER ROLE {r} RESET ALL
ALTER ROLE {r} IN DATABASE materialize SET work_mem = '1MB'
ALTER ROLE ALL SET work_mem = '1MB'
ALTER DATABASE materialize SET work_mem = '1MB'
DROP ROLE {r}
DROP ROLE IF EXISTS nosuch
DROP OWNED BY {r}
DROP OWNED BY {r} CASCADE
DROP OWNED BY {r}, {r2} CASCADE
REASSIGN OWNED BY {r}, {r2} TO CURRENT_USER
GRANT {r} TO {r2}
REVOKE {r} FROM {r2}
SET ROLE {r}
SET LOCAL ROLE {r}
SET SESSION AUTHORIZATION {r}
REASSIGN OWNED BY {r} TO {r2}
ALTER DEFAULT PRIVILEGES FOR ROLE {r} GRANT SELECT ON TABLES TO {r2}
ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT ON TABLES TO {r2}
SELECT rolname FROM pg_authid WHERE false
SELECT has_table_privilege('{t}', 'SELECT, INSERT WITH GRANT OPTION')
SELECT has_column_privilege('{t}', '{c}', 'UPDATE')
'''.strip().split('\n')

# What everyone may do with everything, and who says so; names instead of oids, since these differ.
INSPECTIONS = [
    "SELECT c.oid::regclass::text, c.relacl FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname IN ('s', 'z') AND c.relkind IN ('r', 'S') ORDER BY 1",
    "SELECT c.oid::regclass::text, a.attname, a.attacl FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE n.nspname IN ('s', 'z') AND c.relkind = 'r' AND a.attnum > 0 AND a.attacl IS NOT NULL ORDER BY 1, 2",
    "SELECT nspname, nspacl, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('s', 'z') ORDER BY 1",
    "SELECT datacl, pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'materialize'",
    "SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), pg_get_userbyid(grantor), admin_option FROM pg_auth_members "
    "WHERE pg_get_userbyid(member) IN (%s) ORDER BY 1, 2" % ', '.join("'%s'" % role for role in ROLES),
    "SELECT pg_get_userbyid(defaclrole), coalesce(n.nspname, ''), defaclobjtype, defaclacl FROM pg_default_acl d LEFT JOIN pg_namespace n "
    "ON n.oid = d.defaclnamespace ORDER BY 1, 2, 3",
    "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolconfig FROM pg_roles WHERE rolname IN (%s) ORDER BY 1"
    % ', '.join("'%s'" % role for role in ROLES),
]
# After these the lists are looked at before the block ends.
CHANGES_LISTS = ('GRANT', 'REVOKE', 'REASSIGN', 'DROP OWNED', 'ALTER DEFAULT PRIVILEGES', 'CREATE')
TABLE_WORDS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
COLUMN_WORDS = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']


def questions():
    """One query for each role, with every function of privileges on everything."""
    for role in ROLES + ['public']:
        asked = []

        def ask(function, words, *arguments, role=role):
            for word in words:
                for option in ('', ' WITH GRANT OPTION'):
                    asked.append("%s('%s', %s, '%s')" % (function, role, ', '.join(arguments), word + option))
        for table in TABLES:
            ask('has_table_privilege', TABLE_WORDS, "'%s'" % table)
            ask('has_any_column_privilege', COLUMN_WORDS, "'%s'" % table)
            for column in COLUMNS:
                ask('has_column_privilege', COLUMN_WORDS, "'%s'" % table, "'%s'" % column)
            ask('has_column_privilege', COLUMN_WORDS, "'%s'::regclass" % table, '2::int2')
        for sequence in SEQUENCES:
            ask('has_sequence_privilege', ['USAGE', 'SELECT', 'UPDATE'], "'%s'" % sequence)
            ask('has_table_privilege', TABLE_WORDS, "'%s'" % sequence)
        for schema in SCHEMAS:
            ask('has_schema_privilege', ['USAGE', 'CREATE'], "'%s'" % schema)
        ask('has_database_privilege', ['CREATE', 'TEMPORARY', 'TEMP', 'CONNECT'], "'materialize'")
        if role != 'public':
            for other in ROLES:
                ask('pg_has_role', ['USAGE', 'MEMBER'], "'%s'" % other)
        for at in range(0, len(asked), 400):
            yield 'SELECT ' + ', '.join(asked[at:at + 400])


class Chance(random.Random):
    def fill(self, text):
        table, other = self.sample(TABLES, 2)
        role, role2 = self.sample(ROLES, 2)
        return text.format(t=table, v=other, v_name=table.split('.')[1], q=self.choice(SEQUENCES), s=self.choice(SCHEMAS), r=role, r2=role2,
                           c=self.choice(COLUMNS))

    def privileges(self, words, columns):
        if self.random() < 0.15:
            return 'ALL'
        chosen = self.sample(words, self.randint(1, min(3, len(words))))
        if columns and self.random() < 0.5:
            return ', '.join('%s (%s)' % (word, ', '.join(self.sample(COLUMNS, self.randint(1, 2))))
                             for word in chosen if word in COLUMN_WORDS) or 'SELECT (a)'
        return ', '.join(chosen)

    def grant(self):
        """GRANT or REVOKE of something on something."""
        kind = self.choice(['table'] * 5 + ['sequence', 'schema', 'schema', 'database', 'all tables'])
        if kind == 'table':
            what = '%s ON %s' % (self.privileges(TABLE_WORDS, True), self.choice(TABLES))
        elif kind == 'sequence':
            what = '%s ON SEQUENCE %s' % (self.privileges(['USAGE', 'SELECT', 'UPDATE'], False), self.choice(SEQUENCES))
        elif kind == 'schema':
            what = '%s ON SCHEMA %s' % (self.privileges(['USAGE', 'CREATE'], False), self.choice(SCHEMAS))
        elif kind == 'database':
            what = '%s ON DATABASE materialize' % self.privileges(['CREATE', 'TEMP'], False)
        else:
            what = '%s ON ALL TABLES IN SCHEMA %s' % (self.privileges(TABLE_WORDS, False), self.choice(SCHEMAS))
        whom = self.choice(ROLES + ['PUBLIC'])
        if self.random() < 0.65:
            return 'GRANT %s TO %s%s' % (what, whom, self.choice(['', '', ' WITH GRANT OPTION']))
        return 'REVOKE %s%s FROM %s%s' % (self.choice(['', '', 'GRANT OPTION FOR ']), what, whom, self.choice(['', ' CASCADE', ' CASCADE']))

    def change(self):
        """Something that stays."""
        role, other = self.sample(ROLES, 2)
        return self.choice([self.grant] * 12 + [
            lambda: 'GRANT %s TO %s%s' % (role, other, self.choice(['', '', ' WITH ADMIN OPTION'])),
            lambda: 'GRANT %s TO %s%s' % (role, other, self.choice(['', '', ' WITH ADMIN OPTION'])),
            lambda: 'REVOKE %s%s FROM %s' % (self.choice(['', 'ADMIN OPTION FOR ']), role, other),
            lambda: 'ALTER TABLE %s OWNER TO %s' % (self.choice(TABLES), role),
            lambda: 'ALTER SEQUENCE %s OWNER TO %s' % (self.choice(SEQUENCES), role),
            lambda: 'ALTER SCHEMA %s OWNER TO %s' % (self.choice(SCHEMAS), role),
            lambda: 'ALTER ROLE %s %s' % (role, self.choice(['NOINHERIT', 'INHERIT', 'INHERIT', 'CREATEROLE', 'NOCREATEROLE', 'CREATEDB'])),
            lambda: "ALTER ROLE %s %s" % (role, self.choice(["SET work_mem TO '1MB'", "SET search_path TO s, \"Z\"", 'RESET work_mem',
                                                             'RESET ALL', "SET timezone = 'UTC'"])),
            lambda: 'ALTER DEFAULT PRIVILEGES FOR ROLE %s%s %s' % (
                role, self.choice(['', ' IN SCHEMA %s' % self.choice(SCHEMAS)]),
                self.choice(['GRANT SELECT ON TABLES TO %s', 'REVOKE SELECT ON TABLES FROM %s', 'GRANT USAGE ON SEQUENCES TO %s']) % other),
            lambda: 'ALTER DATABASE materialize OWNER TO %s' % self.choice(ROLES + ['mz_system']),
            lambda: 'REASSIGN OWNED BY %s TO %s' % (role, other),
        ])()


def answer(connection, text):
    """SQLSTATE, or rows, tag and notices. COPY FROM gets one row and COPY TO gives its lines."""
    connection.send((b'Q', wire.cstring(text)))
    state, rows, tag, notices = None, [], None, set()
    while True:
        letter, body = connection.take()
        if letter == 'G':
            connection.send((b'f', b'no row\0'))
        elif letter == 'D':
            rows.append(wire.parse_data_row(body))
        elif letter == 'd':
            rows.append(body)
        elif letter == 'C':
            tag = body
        elif letter == 'N':
            fields = wire.parse_fields(body)
            # (How many objects went with another is no question of rights.)
            if not fields['M'].startswith('drop cascades to'):
                notices.add((fields['C'], fields['M']))
        elif letter == 'E':
            state = wire.ServerError(wire.parse_fields(body))
        elif letter == 'Z':
            break
    if state is not None:
        return 'error', state.sqlstate, state.message
    return ('ok', rows, tag, sorted(notices)) if not text.startswith('EXPLAIN') else ('ok', tag)


def same(text, ours, theirs):
    # Of many objects PostgreSQL names the one that it comes upon first, which is in the order of its catalogs' pages.
    if theirs[0] == 'error' and (' ALL TABLES ' in text or ' OWNED BY ' in text):
        return ours[:2] == theirs[:2]
    return ours == theirs


# PostgreSQL's own: DROP OWNED of two roles looks for default privileges that it has just removed.
MISTAKE = ('error', 'XX000')


class Pair:
    """Gyre and PostgreSQL, asked the same by the same role."""

    def __init__(self, ours, theirs):
        self.servers = (ours, theirs)
        self.connections = {}
        self.asked = self.differences = self.attempts = self.refused = 0

    def of(self, role):
        if role not in self.connections:
            self.connections[role] = [wire.Connection(s.host, s.internal_port if role == 'mz_system' else s.port, role, s.database)
                                      for s in self.servers]
        return self.connections[role]

    def ask(self, role, text):
        """Both have to say the same. Returns it; None where they do not, or where PostgreSQL makes a mistake."""
        ours, theirs = (answer(connection, text) for connection in self.of(role))
        if theirs[:2] == MISTAKE:
            return None
        self.asked += 1
        differ = not same(text, ours, theirs)
        if differ:
            self.differences += 1
            if self.differences <= SHOWN:
                print('%s: %s\n  Gyre:       %s\n  PostgreSQL: %s' % (role, text[:2000], *(str(one)[:1500] for one in (ours, theirs))))
        return None if differ else theirs

    def attempt(self, role, text):
        """The same in a block that is rolled back."""
        for connection in self.of(role):
            connection.simple('BEGIN')
        told = self.ask(role, text)
        self.attempts += 1
        self.refused += told is not None and told[:2] == ('error', '42501')
        if told is not None and told[0] == 'ok' and (' OWNER TO ' in text or text.startswith(CHANGES_LISTS)):
            for inspection in INSPECTIONS:
                self.ask(role, inspection)
        for connection in self.of(role):
            connection.simple('ROLLBACK')
            if text.startswith('PREPARE'):   # Gyre asks for rights at PREPARE, too; both do at EXECUTE
                connection.simple('DEALLOCATE ALL')

    def close(self):
        for pair in self.connections.values():
            for connection in pair:
                connection.terminate()


def inspect(pair):
    for text in INSPECTIONS:
        pair.ask('mz_system', text)
    for text in questions():
        pair.ask('mz_system', text)


def main():
    chance = Chance(SEED)
    with server.Gyre() as ours, server.Postgres() as theirs:
        pair = Pair(ours, theirs)
        for text in START:
            for connection in pair.of('mz_system'):
                connection.query(text)
        # Something to start from.
        for _ in range(30):
            pair.ask('mz_system', chance.grant())
        for schema in SCHEMAS:
            pair.ask('mz_system', 'GRANT USAGE ON SCHEMA %s TO %s' % (schema, chance.choice(ROLES + ['PUBLIC'])))
        for number in range(ROUNDS):
            for _ in range(6):
                pair.ask(chance.choice(ROLES + ['mz_system'] * 4), chance.change())
            for role in ROLES:
                for text in chance.sample(STATEMENTS, 12):
                    pair.attempt(role, chance.fill(text))
            if number % 8 == 7:
                inspect(pair)
            if pair.differences > 40:
                break
        inspect(pair)
        pair.close()
    problem = bool(ours.problem or theirs.problem)
    # A world in which nearly all is refused, or nothing, would show little.
    lopsided = not 0.02 < pair.refused / pair.attempts < 0.98
    if pair.differences or problem or lopsided:
        print('GYRE_TEST_SEED=%d, %d of %d refused' % (SEED, pair.refused, pair.attempts))
    print('%d passed, %d failed' % (pair.asked - pair.differences, pair.differences + problem + lopsided))
    sys.exit(1 if pair.differences or problem or lopsided else 0)


main()
