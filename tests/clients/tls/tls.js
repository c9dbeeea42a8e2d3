// node-postgres over TLS with a password. Prints its name and who it is.
const fs = require('fs');
const {Client} = require('pg');

async function main() {
  const client = new Client({
    host: 'localhost', port: +process.env.GYRE_TLS_PORT, database: 'materialize', user: process.env.GYRE_TLS_USER,
    password: process.env.GYRE_TLS_PASSWORD, ssl: {ca: fs.readFileSync(process.env.GYRE_TLS_CA), servername: 'localhost'},
  });
  await client.connect();
  console.log('node-postgres', (await client.query('select current_user')).rows[0].current_user, null);
  await client.end();
}

main().catch((error) => { console.log('node-postgres', error.message); process.exit(1); });
