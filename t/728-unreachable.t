#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Brokers that cannot be reached: alarm, status and /readyz say why, once, in
# librdkafka's words.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Secured;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $NONE = 'it is never assigned anything';
my $shared = Test::Forebay::Kafka->shared;

# An alarm with that text; status and /readyz have it.
sub says
{
	my ($f, $what, $why) = @_;
	my $is_there = sub {
		grep { $_->{what} eq $what && $_->{text} =~ $why }
		    @{($f->status // {})->{alarms} // []};
	};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_soon { $is_there->() } 'an alarm says why'
	    or diag(explain($f->status->{alarms}));
	my ($code, $body) = $f->http('/readyz');

	is($code, 503, 'not ready');
	like($body, $why, '/readyz says why');
	like(($f->cli('status'))[1], qr/^ALARM, $what: .*$why/m,
	    'so does status');
	return;
}

scenario 'nobody listens' => sub {
	my $f = Test::Forebay->new(broker => $shared,
	    topic => $shared->topic(1),
	    bootstrap => '127.0.0.1:1', no_ledger => $NONE);

	$f->start;
	says($f, 'broker', qr/no broker can be reached: .*Connection refused/);
	$f->stop;
};

scenario 'its certificate is not trusted' => sub {
	my $f = Test::Forebay->new(broker => $shared,
	    topic => $shared->topic(1),
	    bootstrap => $shared->tls_bootstrap,
	    config => { 'security.protocol' => 'ssl' }, no_ledger => $NONE);

	$f->start;
	says($f, 'broker', qr/no broker can be reached: .*certificate/i);
	$f->stop;
};

# The bootstrap server answers, and sends its clients to where nobody is.
scenario 'the advertised address is wrong' => sub {
	my $b = secured_broker();
	my ($topic, $dir) = ($b->topic(1), scratch());
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    secured($b, $dir, $PASSWORD), no_ledger => $NONE);

	$b->tool_ok('acl', 'allow', $USER, topic => $topic);
	$b->tool_ok('acl', 'allow', $USER, group => $f->{group});
	$b->stop;
	my ($plain, $sasl, $tls) = @{$b->{ports}};

	$b->{settings}{'advertised.listeners'} =
	    "PLAINTEXT://127.0.0.1:$plain,SASL://127.0.0.1:1,"
	    . "TLS://127.0.0.1:$tls";
	spew("$b->{dir}/server.properties", $b->settings);
	$b->start->await;
	$f->start;
	says($f, 'broker',
	    qr{no broker can be reached: .*127\.0\.0\.1:1\b.*refused});
	$f->stop;
	$b->stop;
};

done_testing();
