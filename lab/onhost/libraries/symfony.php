<?php
// Letters as Symfony's Mailer writes and submits them, all over one connection. The order comes as JSON on
// standard input; what became of each letter leaves as JSON: its key, and why it was refused, or nothing.
require 'Symfony/Component/Mailer/autoload.php';
require_once 'Symfony/Component/Mime/autoload.php';

use Symfony\Component\Mailer\Envelope;
use Symfony\Component\Mailer\Exception\TransportExceptionInterface;
use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport;
use Symfony\Component\Mime\Address;
use Symfony\Component\Mime\Crypto\DkimSigner;
use Symfony\Component\Mime\Crypto\SMimeSigner;
use Symfony\Component\Mime\Email;
use Symfony\Component\Mime\Message;
use Symfony\Component\Mime\Part\AbstractPart;
use Symfony\Component\Mime\Part\DataPart;
use Symfony\Component\Mime\Part\MessagePart;
use Symfony\Component\Mime\Part\Multipart\AlternativePart;
use Symfony\Component\Mime\Part\Multipart\MixedPart;
use Symfony\Component\Mime\Part\TextPart;
use Symfony\Component\Mime\RawMessage;

function addresses(array $pairs): array
{
    return array_map(fn (array $pair) => new Address($pair[1], $pair[0]), $pairs);
}

// Parts that Email has no method for: an encoding of one's own, an invitation, a message that is passed on.
function parts(array $letter): AbstractPart
{
    $body = new TextPart($letter['text'], 'utf-8', 'plain', $letter['encoding'] ?: null);
    if ($letter['calendar']) {
        $invitation = new TextPart($letter['calendar'], 'utf-8', 'calendar', 'base64');
        $invitation->getHeaders()->addParameterizedHeader('Content-Type', 'text/calendar', ['method' => 'REQUEST']);
        $body = new AlternativePart($body, new TextPart($letter['html'], 'utf-8', 'html'), $invitation);
    }
    if ($letter['forwarded']) {
        $message = new RawMessage(base64_decode($letter['forwarded']));
        $body = new MixedPart($body, new MessagePart($message));
    }
    return $body;
}

function written(array $letter, string $folder): Message
{
    $mail = (new Email())
        ->from(...addresses([$letter['from']]))
        ->to(...addresses($letter['to']))
        ->cc(...addresses($letter['cc']))
        ->bcc(...$letter['bcc'])
        ->replyTo(...addresses($letter['reply_to']))
        ->subject($letter['subject']);
    foreach ($letter['headers'] as $name => $value) {
        $mail->getHeaders()->addTextHeader($name, $value);
    }
    if ($letter['calendar'] || $letter['forwarded'] || $letter['encoding']) {
        $mail = new Message($mail->getHeaders(), parts($letter));
    } else {
        $mail->text($letter['text']);
        if ($letter['html']) {
            $mail->html($letter['html']);
        }
        foreach ($letter['images'] as $one) {
            $mail->embed(base64_decode($one['content']), $one['cid'], $one['type']);
        }
        foreach ($letter['attachments'] as $one) {
            $mail->attach(base64_decode($one['content']), $one['name'], $one['type']);
        }
    }
    if ($letter['signed'] === 'smime') {
        return (new SMimeSigner("$folder/smime.crt", "$folder/smime.key"))->sign($mail);
    }
    if ($letter['signed'] === 'dkim') {
        $domain = explode('@', $letter['from'][1])[1];
        return (new DkimSigner("file://$folder/dkim.key", $domain, 'own'))->sign($mail);
    }
    return $mail;
}

$order = json_decode(stream_get_contents(STDIN), true, 64, JSON_THROW_ON_ERROR);
$server = $order['server'];
$login = rawurlencode($server['user']) . ':' . rawurlencode($server['password']);
$mailer = new Mailer(Transport::fromDsn("smtp://$login@{$server['host']}:{$server['port']}?verify_peer=0"));
$outcomes = [];
foreach ($order['letters'] as $letter) {
    $why = '';
    try {
        $recipients = [...$letter['to'], ...$letter['cc'], ...array_map(fn ($one) => ['', $one], $letter['bcc'])];
        $envelope = new Envelope(new Address($server['sender']), addresses($recipients));
        $mailer->send(written($letter, $order['folder']), $envelope);
    } catch (TransportExceptionInterface $refusal) {
        $why = $refusal->getMessage();
    }
    $outcomes[] = [$letter['key'], $why];
}
echo json_encode($outcomes, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
