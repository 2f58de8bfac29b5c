<?php
// Letters as PHPMailer writes and submits them, all over one connection. The order comes as JSON on standard
// input; what became of each letter leaves as JSON: its key, and why it was refused, or nothing.
require 'libphp-phpmailer/autoload.php';

use PHPMailer\PHPMailer\Exception;
use PHPMailer\PHPMailer\PHPMailer;

function written(array $letter, string $folder): PHPMailer
{
    $mail = new PHPMailer(true);
    $mail->CharSet = PHPMailer::CHARSET_UTF8;
    $mail->setFrom($letter['from'][1], $letter['from'][0]);
    foreach ($letter['to'] as [$name, $address]) {
        $mail->addAddress($address, $name);
    }
    foreach ($letter['cc'] as [$name, $address]) {
        $mail->addCC($address, $name);
    }
    foreach ($letter['bcc'] as $address) {
        $mail->addBCC($address);
    }
    foreach ($letter['reply_to'] as [$name, $address]) {
        $mail->addReplyTo($address, $name);
    }
    $mail->Subject = $letter['subject'];
    if ($letter['encoding']) {
        $mail->Encoding = $letter['encoding'];
    }
    if ($letter['html']) {
        $mail->isHTML(true);
        $mail->Body = $letter['html'];
        $mail->AltBody = $letter['text'];
    } else {
        $mail->Body = $letter['text'];
    }
    $mail->Ical = $letter['calendar'];
    foreach ($letter['images'] as $one) {
        $content = base64_decode($one['content']);
        $mail->addStringEmbeddedImage($content, $one['cid'], $one['name'], 'base64', $one['type']);
    }
    foreach ($letter['attachments'] as $one) {
        $mail->addStringAttachment(base64_decode($one['content']), $one['name'], 'base64', $one['type']);
    }
    if ($letter['forwarded']) {
        $message = base64_decode($letter['forwarded']);
        $encoding = preg_match('/[\x80-\xff]/', $message) ? '8bit' : '7bit';
        $mail->addStringAttachment($message, 'forwarded.eml', $encoding, 'message/rfc822');
    }
    foreach ($letter['headers'] as $name => $value) {
        $mail->addCustomHeader($name, $value);
    }
    if ($letter['signed'] === 'smime') {
        $mail->sign("$folder/smime.crt", "$folder/smime.key", '');
    }
    if ($letter['signed'] === 'dkim') {
        $mail->DKIM_domain = explode('@', $letter['from'][1])[1];
        $mail->DKIM_selector = 'own';
        $mail->DKIM_private = "$folder/dkim.key";
        $mail->DKIM_identity = $letter['from'][1];
    }
    return $mail;
}

$order = json_decode(stream_get_contents(STDIN), true, 64, JSON_THROW_ON_ERROR);
$server = $order['server'];
$smtp = null;
$outcomes = [];
foreach ($order['letters'] as $letter) {
    $why = '';
    try {
        $mail = written($letter, $order['folder']);
        $mail->isSMTP();
        $mail->Host = $server['host'];
        $mail->Port = $server['port'];
        $mail->SMTPAuth = true;
        $mail->Username = $server['user'];
        $mail->Password = $server['password'];
        $mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS;
        $mail->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]];
        $mail->SMTPKeepAlive = true;
        $mail->Sender = $server['sender'];
        if ($smtp) {
            $mail->setSMTPInstance($smtp);
        }
        $mail->send();
    } catch (Exception $refusal) {
        $why = $refusal->getMessage() . ' ' . json_encode($mail->getSMTPInstance()->getError());
    }
    $smtp = $mail->getSMTPInstance();
    $outcomes[] = [$letter['key'], $why];
}
$smtp?->quit();
echo json_encode($outcomes, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
