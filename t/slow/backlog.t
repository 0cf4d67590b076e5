#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Five million records from a real broker: all of them, the group's offset at
# the end of the log, and no slow tail.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

my $RECORDS = $ENV{FOREBAY_BACKLOG} // 5_000_000;

Test::Forebay::Kafka->need;

scenario 'a backlog of five million records' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(8);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    workers => 'auto', host => { commitInterval => '1s' });
	my %at;

	$b->produce($topic, $RECORDS, size => 100, timeout => 900);
	$f->start;
	wait_until {
		$f->check_alive;
		my $n = $f->status->{counters}{delivered};

		for my $part (0, 0.48, 0.5, 0.98, 1) {
			$at{$part} //= time if $n > 0 && $n >= $part * $RECORDS;
		}
		return $at{1};
	} 'all are delivered', 600;
	$f->await_caught_up;
	is($f->status->{lag}, 0, 'lag 0');
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(produced => $RECORDS);

	note(sprintf '%.2f M records/s', $RECORDS / ($at{1} - $at{0}) / 1e6);
	my $tail = $at{1} - $at{0.98};

	# Fifty times as long as 2 % is all of it; a status takes 0.1 s.
	cmp_ok($tail, '<', 0.5 + ($at{1} - $at{0}) / 10,
	    sprintf('the last 2 %% took %.2f s', $tail));
};

done_testing();
