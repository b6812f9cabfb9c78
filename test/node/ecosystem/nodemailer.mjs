import nodemailer from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { assert, ca, cert, done, key, listening, ours } from './kit.mjs';

for (const secure of [true, false]) {
  let received = '';
  // `secure: false` begins in plain text and goes on with STARTTLS.
  const smtp = new SMTPServer({
    key,
    cert,
    secure,
    authOptional: true,
    onData(stream, session, callback) {
      assert.equal(session.secure, true);
      stream.on('data', (chunk) => {
        received += chunk;
      });
      stream.on('end', callback);
    },
  });
  const port = await listening(smtp.server);
  const transport = nodemailer.createTransport({ host: 'localhost', port, secure, requireTLS: true, tls: { ca } });
  await transport.sendMail({
    from: 'a@example.test',
    to: 'b@example.test',
    subject: 's',
    text: 'line\n'.repeat(20_000),
  });
  assert.ok(received.length > 90_000);
  transport.close();
  await new Promise((resolve) => smtp.close(resolve));
}
void ours;
done();
