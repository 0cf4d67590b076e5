#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The kernel kills a worker that has no memory left in its control group.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::MemoryGroup;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub respawned
{
	my ($load, $victim, $name) = @_;
	my ($f) = $load->hosts;

	is_soon { !grep { $_ == $victim } $f->worker_pids } 'it is gone';
	is_soon { $f->worker_pids == 2 } 'and replaced';
	$load->recovers($name);
	is($f->status->{counters}{deaths}, 1, 'the death is counted');
	return;
}

scenario 'the kernel kills a worker' => sub {
	my $group = Test::Forebay::MemoryGroup->new;

	return skip_for('no control group of memory can be made here',
	    machine => 1) unless $group;
	my $load = Test::Forebay::Load->new($b,
	    records => { size => 4000 });
	my ($f) = $load->hosts;
	my ($victim) = $f->worker_pids;
	my $generation = $f->group_generation;

	$load->breaks;
	if ($group->starve($victim)) {
		respawned($load, $victim, 'the kernel kills a worker');
		like($f->log_text, qr/signal 9|SIGKILL|Killed/i,
		    'the obituary says how');
		is($f->group_generation, $generation, 'no rebalance');
		$load->verdict(repeated =>
		    $Test::Forebay::Load::IN_FLIGHT);
	} else {
		skip_for('the control group takes no process', machine => 1);
		$load->verdict;
	}
	$group->remove;
};

done_testing();
