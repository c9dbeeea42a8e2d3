// node-postgres and postgres.js over TLS with a password. Prints a line for each thing tried.
const fs = require('fs');
const {Client} = require('pg');
const postgres = require('postgres');

const target = {host: 'localhost', port: +process.env.GYRE_TLS_PORT, database: 'materialize', user: process.env.GYRE_TLS_USER};
const tls = (ca) => ({ca: fs.readFileSync(process.env[ca]), servername: 'localhost'});

async function byPg(password, ca, more = {}) {
  const client = new Client({...target, password, ssl: tls(ca), ...more});
  client.on('error', () => {});
  await client.connect();
  const {rows: [row]} = await client.query('select current_user');
  await client.end();
  return row.current_user;
}

async function byPostgres(password, ca) {
  const sql = postgres({...target, password, ssl: tls(ca), max: 1, onnotice: () => {}});
  try {
    return (await sql`select current_user`)[0].current_user;
  } finally {
    await sql.end({timeout: 5});
  }
}

// What OpenSSL calls a chain that does not end where it should.
const refusals = ['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'];

async function show(name, attempt) {
  console.log(`${name}: ${await attempt.catch((error) => refusals.includes(error.code) ? 'refused' : error.code || error.message)}`);
}

async function main() {
  await show('node-postgres verified', byPg('sesame', 'GYRE_TLS_CA'));
  await show('node-postgres other authority', byPg('sesame', 'GYRE_TLS_OTHER_CA'));
  await show('node-postgres wrong password', byPg('wrong', 'GYRE_TLS_CA'));
  await show('node-postgres bound', byPg('sesame', 'GYRE_TLS_CA', {enableChannelBinding: true}));
  await show('postgres.js verified', byPostgres('sesame', 'GYRE_TLS_CA'));
  await show('postgres.js other authority', byPostgres('sesame', 'GYRE_TLS_OTHER_CA'));
  await show('postgres.js wrong password', byPostgres('wrong', 'GYRE_TLS_CA'));
}

main();
