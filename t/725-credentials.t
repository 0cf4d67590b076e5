#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The password is wrong, and is mended in its file: no restart is needed.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Secured;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = secured_broker();

scenario 'wrong from the start' => sub {
	my $topic = $b->topic(4);
	my $dir = scratch();
	my %secured = secured($b, $dir, 'wrong');
	my $f = Test::Forebay->new(broker => $b, topic => $topic, %secured);

	$b->tool_ok('acl', 'allow', $USER, topic => $topic);
	$b->tool_ok('acl', 'allow', $USER, group => $f->{group});
	$b->produce($topic, 1000);
	$f->start;
	is_soon { ($f->http('/readyz'))[0] == 503 } 'not ready';
	is_soon {
		grep { $_->{what} eq 'authorization' && $_->{text} =~ /auth/i }
		    @{$f->status->{alarms}};
	} 'the status says why';
	is(($f->http('/livez'))[0], 204, 'alive all the same');
	unlike($f->log_text, qr/\bwrong\b/, 'the log does not have the password');
	spew("$dir/kafka/password", $PASSWORD);
	$f->await_caught_up(90);
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready by itself';
	is_deeply($f->status->{alarms}, [], 'no trouble is left');
	$f->drain;
	$f->delivered_ok(produced => 1000);
};

done_testing();
