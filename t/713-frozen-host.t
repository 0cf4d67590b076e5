#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A host is frozen, master and workers, for longer than its session; another
# one takes over, and then it wakes up and believes that nothing has happened.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Committed;
use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

sub freeze_and_thaw
{
	my ($b, $name, $config) = @_;
	my $load = Test::Forebay::Load->new($b, hosts => 2,
	    config => $config);
	my ($zombie, $heir) = $load->hosts;
	my $committed = Test::Forebay::Committed->start($b, $load->group,
	    $load->topic);
	my @frozen = pids_in($zombie->{dir});

	my $began = time;

	$load->breaks;
	kill('STOP', @frozen);
	is_soon { $heir->held == 8 } 'the other host has all partitions', 60;
	# It has to commit further than the frozen one ever came.
	is_soon {
		my $rows = $heir->partitions;

		return !grep { ($_->{committed} // 0) < 300 } values %$rows;
	} 'and goes on with them';
	$load->{watch}->note("$name, a host is frozen");
	kill('CONT', @frozen);
	my $woken = time;

	$load->await_balance;
	note(sprintf('a fair share %.1f s after it woke up', time - $woken));
	ok($load->moves('all partitions move'), 'both go on');
	cmp_ok($zombie->status->{counters}{lost}, '>=', 4,
	    'it counts its partitions as lost');
	# What it had not committed is read again; and once awake it goes on
	# where it was, with records that the other one has had, until it
	# hears from the broker that they are no longer its own.
	my $most = int($load->{rate} * (time - $began)) +
	    2 * $Test::Forebay::Load::IN_FLIGHT;

	$load->settle(repeated => $most);
	$committed->never_back_ok;
	$load->verdict(repeated => $most);
}

my $broker = Test::Forebay::Kafka->private(settings => {
	'group.consumer.min.session.timeout.ms' => 1000,
	'group.consumer.session.timeout.ms' => 3000,
	'group.consumer.min.heartbeat.interval.ms' => 200,
	'group.consumer.heartbeat.interval.ms' => 500,
});

scenario 'range, static members' => sub {
	freeze_and_thaw($broker, 'range, static', {
		'session.timeout.ms' => 3000,
	});
};

scenario 'roundrobin, dynamic members' => sub {
	freeze_and_thaw($broker, 'roundrobin, dynamic', {
		'partition.assignment.strategy' => 'roundrobin',
		'group.instance.id' => '',
		'session.timeout.ms' => 3000,
	});
};

scenario 'cooperative-sticky, dynamic members' => sub {
	freeze_and_thaw($broker, 'cooperative, dynamic', {
		'partition.assignment.strategy' => 'cooperative-sticky',
		'group.instance.id' => '',
		'session.timeout.ms' => 3000,
	});
};

scenario 'group.protocol consumer, static members' => sub {
	freeze_and_thaw($broker, 'consumer protocol, static', {
		'group.protocol' => 'consumer',
	});
};

done_testing();
