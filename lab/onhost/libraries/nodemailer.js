// Letters as Nodemailer writes and submits them, all over one connection. The order comes as JSON on standard
// input; what became of each letter leaves as JSON: its key, and why it was refused, or nothing.
'use strict';

const fs = require('fs');
const nodemailer = require('nodemailer');

const order = JSON.parse(fs.readFileSync(0, 'utf-8'));
const { host, port, user, password, sender } = order.server;

const named = ([name, address]) => ({ name, address });
const octets = (text) => Buffer.from(text, 'base64');

function options(letter) {
    const recipients = [...letter.to, ...letter.cc].map(([, address]) => address);
    const mail = {
        envelope: { from: sender, to: [...recipients, ...letter.bcc] },
        from: named(letter.from),
        to: letter.to.map(named),
        cc: letter.cc.map(named),
        bcc: letter.bcc,
        replyTo: letter.reply_to.map(named),
        subject: letter.subject,
        text: letter.text,
        headers: letter.headers,
        attachments: letter.attachments.map((one) => ({
            filename: one.name,
            contentType: one.type,
            content: octets(one.content),
        })),
    };
    for (const one of letter.images) {
        mail.attachments.push({ filename: one.name, contentType: one.type, content: octets(one.content), cid: one.cid });
    }
    if (letter.forwarded) {
        const content = octets(letter.forwarded);
        mail.attachments.push({ filename: 'forwarded.eml', contentType: 'message/rfc822', content });
    }
    if (letter.html) {
        mail.html = letter.html;
    }
    if (letter.calendar) {
        mail.icalEvent = { method: 'REQUEST', content: letter.calendar };
    }
    if (letter.encoding) {
        mail.textEncoding = letter.encoding;
    }
    if (letter.signed === 'dkim') {
        const privateKey = fs.readFileSync(`${order.folder}/dkim.key`, 'utf-8');
        mail.dkim = { domainName: letter.from[1].split('@')[1], keySelector: 'own', privateKey };
    }
    return mail;
}

async function main() {
    const transport = nodemailer.createTransport({
        host,
        port,
        secure: false,
        requireTLS: true,
        tls: { rejectUnauthorized: false },
        auth: { user, pass: password },
        pool: true,
        maxConnections: 1,
        maxMessages: Infinity,
    });
    const outcomes = [];
    for (const letter of order.letters) {
        let why = '';
        try {
            await transport.sendMail(options(letter));
        } catch (refusal) {
            why = refusal.message;
        }
        outcomes.push([letter.key, why]);
    }
    transport.close();
    process.stdout.write(JSON.stringify(outcomes));
}

main();
