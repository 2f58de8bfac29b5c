# Reads messages from standard input, a line each in base64; writes what Email::MIME and
# Email::Address::XS (Dovecot's reader of addresses) see of each: a JSON object a line.
use strict;
use warnings;
use Email::Address::XS qw(parse_email_addresses);
use Email::MIME;
use JSON::PP;
use MIME::Base64 qw(decode_base64);

while (my $line = <STDIN>) {
    my $header = Email::MIME->new(decode_base64($line))->header_obj;
    my @fields = $header->header_raw('From');
    my %seen = (
        fields => [map { s/\r?\n//gr } @fields],
        addresses => [map { $_->address // '' } map { parse_email_addresses($_) } @fields],
        signatures => scalar(() = $header->header_raw('DKIM-Signature')),
        results => scalar(() = $header->header_raw('Authentication-Results')),
    );
    print JSON::PP->new->ascii->canonical->encode(\%seen), "\n";
}
