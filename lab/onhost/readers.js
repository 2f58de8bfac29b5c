// Reads a JSON list of From: fields from standard input; writes the addresses that Nodemailer sees in each.
const parse = require('nodemailer/lib/addressparser');
const text = require('fs').readFileSync(0, 'utf8');
const seen = JSON.parse(text).map((field) => parse(field, { flatten: true }).map((one) => one.address));
process.stdout.write(JSON.stringify(seen));
