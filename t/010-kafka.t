#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The real broker of the tests starts, serves, stops and comes back.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

scenario 'one broker for all tests' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(4);

	is(Test::Forebay::Kafka->shared->bootstrap, $b->bootstrap,
	    'the same for the next one');
	$b->produce($topic, 1000, key => 'binary', headers => 1,
	    tombstones => 10);
	$b->delivered_ok(from => $topic, produced => 1000);
	$b->grow_topic($topic, 6);
	is(scalar @{$b->offsets('nobody', $topic)}, 6, 'a topic grows');
	my ($state, $members) = $b->group('nobody');

	is(scalar @$members, 0, 'a group without members');
};

scenario 'all mechanisms log in' => sub {
	my $b = Test::Forebay::Kafka->shared;

	return skip_for('the broker is another one', machine => 1)
	    if $ENV{TEST_FOREBAY_BOOTSTRAP};
	for my $mechanism (sort keys %Test::Forebay::Kafka::USERS) {
		my ($user, $password) =
		    @{$Test::Forebay::Kafka::USERS{$mechanism}};
		my ($status, $out, $err) = run([helper('kafkatool'), '-b',
		    $b->sasl_bootstrap, '-X',
		    'security.protocol=sasl_plaintext', '-X',
		    "sasl.mechanisms=$mechanism", '-X',
		    "sasl.username=$user", '-X', "sasl.password=$password",
		    'ping']);

		is($status, 0, $mechanism) or diag($err);
	}
};

scenario 'a broker of its own may die' => sub {
	my $b = Test::Forebay::Kafka->private;
	my $topic = $b->topic(1);

	$b->produce($topic, 100);
	$b->halt;
	ok(!$b->is_up, 'gone');
	$b->resume;
	$b->produce($topic, 3, size => 10_000_000);
	$b->delivered_ok(from => $topic, produced => 103);
	$b->freeze;
	ok(!$b->is_up, 'frozen');
	$b->thaw;
	is_soon { $b->is_up } 'thawed';
};

done_testing();
