"""asyncpg and psycopg 3 over TLS with a password. Prints one line for each: its name and who it is."""

import asyncio
import os
import ssl

import asyncpg
import psycopg


async def ask():
    connection = await asyncpg.connect(host='localhost', port=int(os.environ['GYRE_TLS_PORT']), user=os.environ['GYRE_TLS_USER'],
                                       password=os.environ['GYRE_TLS_PASSWORD'], database='materialize',
                                       ssl=ssl.create_default_context(cafile=os.environ['GYRE_TLS_CA']))
    try:
        return await connection.fetchval('select current_user')
    finally:
        await connection.close()

print('asyncpg', asyncio.run(ask()))
with psycopg.connect(os.environ['GYRE_TLS_URL'] + '&channel_binding=require') as c:
    print('psycopg', c.execute('select current_user').fetchone()[0])
