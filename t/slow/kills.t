#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# FOREBAY_KILLS (500) kills of workers under load, and a tenth as many of the
# master: nothing is lost, and Kafka does not notice: the member is static, so
# the generation of the group stays what it was.
#
# The sink is Kafka, which acknowledges a few milliseconds later, so that there
# is something in flight whenever a worker is killed.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Storm::Ledger;
use Test::Forebay::Util;

my $KILLS = $ENV{FOREBAY_KILLS} // 500;
my $EVERY = 10;			# workers, then a master
my $PARTITIONS = 8;
my $IN_FLIGHT = 1000;
my $PAUSE = 0.5;		# between two kills

Test::Forebay::Kafka->need;

sub acked
{
	my ($f) = @_;
	my $rows = Test::Forebay::Storm::Ledger::rows("$f->{run}/ledger")
	    // return ();

	return map { ($_ => $rows->{$_}{acked}) }
	    grep { $rows->{$_}{state} eq 'HELD' } keys %$rows;
}

# All partitions are held and go on.
sub all_move
{
	my ($f, $what) = @_;
	my %before;

	wait_until {
		$f->check_alive;
		my %now = acked($f);

		return 0 if keys %now < $PARTITIONS;
		%before = %now unless %before;
		return !grep { $now{$_} <= $before{$_} } keys %now;
	} "all partitions move after $what", 90;
	return;
}

sub worker_pids
{
	my ($f) = @_;

	return split ' ',
	    slurp("/proc/$f->{pid}/task/$f->{pid}/children");
}

scenario "$KILLS kills of workers, a tenth of the master" => sub {
	my $broker = Test::Forebay::Kafka->shared;
	my $topic = $broker->topic($PARTITIONS);
	my $copy = $broker->topic($PARTITIONS, output => 1);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    workers => 2,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$broker->bootstrap],
		topic => $copy } },
	    host => { memory => { maxRecords => $IN_FLIGHT } });
	my ($workers, $masters, $may_repeat) = (0, 0, 0);
	my %generations;
	my @standstill;

	$f->start_ready($PARTITIONS);
	my $generation = $f->group_generation;
	my $p = $broker->producer($topic, rate => 5000);

	while ($workers < $KILLS) {
		all_move($f, "$workers kills of workers, $masters of masters");
		sleep $PAUSE;
		my $killed = time;

		if ($workers % $EVERY == $EVERY - 1 &&
		    $masters < ($workers + 1) / $EVERY) {
			$generations{$f->group_generation // 'none'}++;
			$f->kill_master;
			$masters++;
			# From here on it is the new master's ledger.
			$f->start;
		} else {
			my @pids = worker_pids($f) or next;

			kill('KILL', $pids[rand @pids]);
			$workers++;
			$may_repeat += $IN_FLIGHT;
		}
		all_move($f, 'that');
		push @standstill, time - $killed;
	}
	$generations{$f->group_generation // 'none'}++;
	is($workers, $KILLS, "$workers kills of workers");
	is($masters, int($KILLS / $EVERY), "$masters kills of the master");
	is(join(' ', keys %generations), $generation,
	    'the generation of the group is the same all the time');
	my @sorted = sort { $a <=> $b } @standstill;

	note(sprintf('all move after %.2f s (median), %.2f s (longest)',
	    $sorted[$#sorted / 2], $sorted[-1]));
	$p->close;
	$f->await_caught_up(120);
	$f->drain;
	$broker->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(from => $copy, repeated => $may_repeat);
};

done_testing();
