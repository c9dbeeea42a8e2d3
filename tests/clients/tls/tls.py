"""psycopg2, psycopg 3 and asyncpg over TLS with a password. Prints a line for each thing tried."""

import asyncio
import os
import ssl

import asyncpg
import psycopg
import psycopg2

CA, OTHER = os.environ['GYRE_TLS_CA'], os.environ['GYRE_TLS_OTHER_CA']
PORT, USER = int(os.environ['GYRE_TLS_PORT']), os.environ['GYRE_TLS_USER']


def of_libpq(connect, password='sesame', ca=CA, **more):
    with connect(host='localhost', port=PORT, user=USER, password=password, dbname='materialize', sslmode='verify-full', sslrootcert=ca,
                 **more) as connection:
        cursor = connection.cursor()
        cursor.execute('select current_user')
        return cursor.fetchone()[0]


async def ask(password, ca):
    connection = await asyncpg.connect(host='localhost', port=PORT, user=USER, password=password, database='materialize',
                                       ssl=ssl.create_default_context(cafile=ca))
    try:
        return await connection.fetchval('select current_user')
    finally:
        await connection.close()


def of_asyncpg(password='sesame', ca=CA):
    return asyncio.run(ask(password, ca))


def show(name, what, attempt):
    try:
        print('%s %s: %s' % (name, what, attempt()))
    except (ssl.SSLCertVerificationError, ConnectionError) as error:
        print('%s %s: refused' % (name, what))
    except (psycopg.OperationalError, psycopg2.OperationalError) as error:
        # libpq keeps no SQLSTATE of a connection that was not made.
        known = {'certificate verify failed': 'refused', 'password authentication failed': '28P01'}
        print('%s %s: %s' % (name, what, next((short for text, short in known.items() if text in str(error)), error)))
    except asyncpg.PostgresError as error:
        print('%s %s: %s' % (name, what, error.sqlstate))


for name, connect in (('psycopg2', psycopg2.connect), ('psycopg', psycopg.connect)):
    show(name, 'verified', lambda: of_libpq(connect))
    show(name, 'other authority', lambda: of_libpq(connect, ca=OTHER))
    show(name, 'wrong password', lambda: of_libpq(connect, password='wrong'))
    show(name, 'bound', lambda: of_libpq(connect, channel_binding='require'))
show('asyncpg', 'verified', of_asyncpg)
show('asyncpg', 'other authority', lambda: of_asyncpg(ca=OTHER))
show('asyncpg', 'wrong password', lambda: of_asyncpg(password='wrong'))
