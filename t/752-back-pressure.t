#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A sink that stops with a full backlog before it: memory stays under its
# bound, the group does not notice, nothing is lost, and the pool is back at
# once when the sink is.  How long it stops is FOREBAY_FAULT_SECONDS (10).
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

my $MIB = 1024 * 1024;
my ($BUDGET, $RECORDS, $SIZE, $PARTITIONS) = (16 * $MIB, 150_000, 1024, 16);

# What a worker is without any record: programs, clients, arenas.
sub bound
{
	return $BUDGET + ($ENV{FOREBAY_SAN} ? 600 : 64) * $MIB;
}

sub rss
{
	my ($pid) = @_;
	my (undef, $pages) = split / /, slurp("/proc/$pid/statm") // '0 0';

	return $pages * POSIX::sysconf(POSIX::_SC_PAGESIZE());
}

sub acked
{
	my ($f) = @_;
	my $sum = 0;

	$sum += $_->{acked} for values %{$f->partitions};
	return $sum;
}

sub stopped
{
	my ($b, %opt) = @_;
	my $topic = $b->topic($PARTITIONS);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    workers => 1, sink => $opt{sink},
	    host => { memory => { budget => '16MiB' } });

	$b->produce($topic, $RECORDS, size => $SIZE);
	$opt{before}->($f) if $opt{before};
	$f->start_ready($PARTITIONS);
	my ($pid) = $f->worker_pids;
	my $generation = $f->group_generation;

	wait_until { ($f->status->{counters}{read} // 0) > 100 } 'it reads';
	$opt{stop}->($f);
	my $until = time + seconds(10);
	my ($most, $before) = (0, -1);

	is_soon {
		my $now = rss($pid);

		$most = $now if $now > $most;
		return time > $until;
	} 'for a while it takes nothing', seconds(10) + 30;
	$before = acked($f);
	cmp_ok($before, '<', $RECORDS, 'there is a backlog behind it');
	is(acked($f), $before, 'nothing moves');
	is($f->group_generation, $generation, 'no rebalance');
	my $back = time;

	$opt{go}->($f);
	wait_until { acked($f) > $before } 'it moves';
	note(sprintf('stand-still: sink back: %.2f', time - $back));
	$f->await_caught_up(patience(120));
	note(sprintf('%.0f records/s since then',
	    ($RECORDS - $before) / (time - $back)));
	my $now = rss($pid);

	$most = $now if $now > $most;
	note(sprintf('RSS of the worker: at most %.1f MiB, budget %d MiB',
	    $most / $MIB, $BUDGET / $MIB));
	cmp_ok($most, '<', bound(), 'RSS stayed under its bound');
	is($f->group_generation, $generation, 'no rebalance all the while');
	is_deeply([$f->worker_pids], [$pid], 'the same worker');
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	return ($f, $topic);
}

Test::Forebay::Kafka->need;

scenario 'nobody reads standard output' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my ($log, $reader, $copier);
	my ($f) = eval {
		stopped($b, sink => 'log',
		    before => sub {
			my ($f) = @_;

			$log = $f->{out};
			POSIX::mkfifo("$f->{dir}/fifo", 0600) or die $!;
			open($reader, '+<', "$f->{dir}/fifo") or die $!;
			$f->{out} = "$f->{dir}/fifo";
		    },
		    stop => sub { },
		    go => sub {
			$copier = fork // die "fork: $!";
			return if $copier;
			open(my $out, '>', $log) or POSIX::_exit(1);
			while (sysread($reader, my $buf, 65536)) {
				syswrite($out, $buf);
			}
			POSIX::_exit(0);
		    });
	};
	my $error = $@;
	my $size = -1;

	if ($copier) {
		wait_until {
			my $was = $size;

			$size = -s $log // 0;
			return $size == $was;
		} 'the copy is complete' unless $error;
		kill_pid($copier);
	}
	die $error if $error;
	$f->delivered_ok(produced => $RECORDS, logs => [$log]);
};

scenario 'the broker of the sink stands still' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $other = Test::Forebay::Kafka->private;
	my $copy = $other->topic(4, output => 1);
	my ($f) = stopped($b,
	    sink => { kafka => { brokers => [$other->bootstrap],
		topic => $copy } },
	    stop => sub { $other->freeze },
	    go => sub { $other->thaw });

	# What was under way when it stopped may have been written unseen.
	$other->{journal} = $b->{journal};
	$other->delivered_ok(from => $copy, produced => $RECORDS,
	    repeated => 2 * $BUDGET / $SIZE, any_order => 1);
};

done_testing();
