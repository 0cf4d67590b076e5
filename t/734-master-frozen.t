#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The master alone is frozen, for FOREBAY_FAULT_SECONDS (6), while its workers
# go on: once for less than its session, once for longer.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Committed;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub freeze
{
	my ($session_ms, $name, $check) = @_;
	my $load = Test::Forebay::Load->new($b, config => {
		'session.timeout.ms' => $session_ms,
	}, host => { workerTimeout => '2s' });
	my ($f) = $load->hosts;
	my @pids = $f->worker_pids;
	my $committed = Test::Forebay::Committed->start($b, $load->group,
	    $load->topic);
	my $until = time + seconds(6);

	$load->breaks;
	kill('STOP', $f->{pid});
	wait_until { time > $until } 'a while has passed', seconds(6) + 30;
	kill('CONT', $f->{pid});
	$load->recovers($name);
	# It slept, they did not: their heartbeats are judged anew.
	is_deeply([$f->worker_pids], \@pids, 'the same workers');
	is($f->status->{counters}{hangs}, 0, 'none is called hung');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready';
	$check->($load, $f);
	$committed->never_back_ok;
}

scenario 'for less than its session' => sub {
	my $name = 'the master is frozen for ' . seconds(6)
	    . ' s, less than its session';

	freeze((seconds(6) + 30) * 1000, $name, sub {
		my ($load, $f) = @_;

		is($f->status->{counters}{lost}, 0, 'it kept its partitions');
		$load->verdict(repeated => 0);
	});
};

scenario 'for longer than its session' => sub {
	my $name = 'the master is frozen for ' . seconds(6)
	    . ' s, longer than its session';

	freeze(2000, $name, sub {
		my ($load, $f) = @_;

		cmp_ok($f->status->{counters}{lost}, '>=', 8,
		    'its partitions were lost');
		# What the workers acked meanwhile is committed once the
		# partitions are its own again, and nobody else's since.
		$load->verdict(repeated =>
		    2 * $Test::Forebay::Load::IN_FLIGHT);
	});
};

done_testing();
