#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# auto.offset.reset: latest means from when the group was first seen, also if
# the host is gone before a worker has committed anything: the next one begins
# where that one did, and not at what is the end by then.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub host
{
	my ($topic, $delivery, $interval, @more) = @_;

	return Test::Forebay->new(broker => $b, topic => $topic,
	    group => "g-$topic", config => { 'auto.offset.reset' => 'latest' },
	    sink => { kafka => { topic => "$topic-out",
		brokers => [$b->bootstrap], setKey => JSON::PP::true() } },
	    host => { delivery => $delivery, commitInterval => $interval },
	    @more);
}

# The workers stand still before there is anything to grant, so none of them
# commits, and the interval keeps the master from it.
sub ended_before_the_first_record
{
	my ($delivery) = @_;
	my $topic = $b->unique_name('first');
	my $f = host($topic, $delivery, '10m',
	    no_ledger => 'it ends before it commits anything');

	$b->create_topic("$topic-out", 2);
	$f->start;
	is_soon { 2 == grep { $_->{state} eq 'READY' } $f->workers }
	    'the workers are there';
	kill('STOP', $f->worker_pids);
	$b->create_topic($topic, 4);
	$f->await_held(4);
	$f->kill_all;
	$b->produce($topic, 400);

	my $g = host($topic, $delivery, '200ms');

	$g->start_ready(4);
	$g->await_caught_up;
	$g->drain;
	my $v = $b->verify(topic => $topic, from => "$topic-out",
	    committed => 1);

	note($v->{text});
	is($v->{lost}, 0, 'nothing was skipped');
	is($v->{delivered}, 400, 'all are delivered');
	return;
}

for my $delivery (qw(atLeastOnce exactlyOnce)) {
	scenario "$delivery: the host ends before its first record" => sub {
		ended_before_the_first_record($delivery);
	};
}

done_testing();
