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
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

# A control group of ours: its directory and the file with the limit.
sub memory_group
{
	my $name = "forebay-test-$$";
	my %files = ('/sys/fs/cgroup/memory' => 'memory.limit_in_bytes',
		'/sys/fs/cgroup' => 'memory.max');

	for my $root (sort { length $b <=> length $a } keys %files) {
		my $dir = "$root/$name";

		next unless -w $root && mkdir($dir);
		return ($dir, "$dir/$files{$root}")
		    if -e "$dir/$files{$root}";
		rmdir($dir);
	}
	return;
}

sub put
{
	my ($file, $text) = @_;

	open(my $fh, '>', $file) or return 0;
	return defined syswrite($fh, $text);
}

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
	my ($group, $limit) = memory_group();

	return skip_for('no control group of memory can be made here',
	    machine => 1) unless $group;
	my $load = Test::Forebay::Load->new($b,
	    records => { size => 4000 });
	my ($f) = $load->hosts;
	my ($victim) = $f->worker_pids;
	my $generation = $f->group_generation;

	$load->breaks;
	my $done = put($limit, 1 << 20) && put("$group/cgroup.procs", $victim);

	# What it had is not charged to the new group: let it grow.
	if ($done) {
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
	wait_until { rmdir($group) } 'the group is empty';
};

done_testing();
