#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A sink that stops with a full backlog before it, or the user's function that
# is the sink: memory stays under its bound, the group does not notice, nothing
# is lost, and the pool is back at once when the sink is: a second after the
# first record that it takes again all partitions have moved.  (Longer under a
# sanitizer, and by how many processes there are for each CPU.)  How long it
# stops is FOREBAY_FAULT_SECONDS (10).
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Kafka;
use Test::Forebay::Pipe;
use Test::Forebay::Scenarios;
use Test::Forebay::SinkFunction;
use Test::Forebay::Standstill;
use Test::Forebay::Util;

my $MIB = 1024 * 1024;
my ($BUDGET, $RECORDS, $SIZE, $PARTITIONS) = (16 * $MIB, 150_000, 1024, 16);

# Records that a worker may have in flight, for a sink that copies them: those
# come first, and a function takes longer for them than a second.
my $TURN = $BUDGET / 2 / 2 / ($SIZE + 256);

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

# From the ledger itself: a status takes a tenth of a second.
sub acked
{
	my ($f) = @_;

	return Test::Forebay::Standstill::rows("$f->{run}/ledger");
}

sub sum
{
	my ($acked) = @_;
	my $sum = 0;

	$sum += $_ for values %$acked;
	return $sum;
}

# When the first record is taken, and when each partition has moved.
sub move_again
{
	my ($f, $before) = @_;
	my $first;

	wait_until {
		my $now = acked($f);
		my $n = grep { $now->{$_} > $before->{$_} } keys %$before;

		$first //= time if $n > 0;
		return $n == $PARTITIONS;
	} 'all partitions have moved', 60;
	return ($first, time);
}

sub stopped
{
	my ($b, %opt) = @_;
	my $records = $opt{records} // $RECORDS;
	my $topic = $b->topic($PARTITIONS);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    workers => 1, sink => $opt{sink},
	    host => { memory => { budget => '16MiB' } });

	$b->produce($topic, $records, size => $SIZE);
	$opt{before}->($f) if $opt{before};
	$f->start_ready($PARTITIONS);
	my ($pid) = $f->worker_pids;
	my $generation = $f->group_generation;

	wait_until { ($f->status->{counters}{read} // 0) > 100 } 'it reads';
	$opt{stop}->($f);
	my $stopped = time;
	my ($most, $before) = (0);

	is_soon {
		my $now = rss($pid);
		my $for = time - $stopped;

		$most = $now if $now > $most;
		# What was under way has come home by then.
		$before //= acked($f) if $for > seconds(10) / 2;
		return $for > seconds(10);
	} 'for a while it takes nothing', seconds(10) + 30;
	cmp_ok(sum($before), '<', $records, 'there is a backlog behind it');
	is_deeply(acked($f), $before, 'nothing moves');
	is($f->group_generation, $generation, 'no rebalance');
	my $back = time;

	$opt{go}->($f);
	my ($first, $all) = move_again($f, $before);

	note(sprintf('stand-still: sink back: %.2f', $first - $back));
	my $second = patience(1) * crowded();

	$f->await_caught_up(patience(120));
	my $rate = ($records - sum($before)) / (time - $back);

	note(sprintf('%.0f records/s since then', $rate));
	cmp_ok($all - $first, '<=', $second + ($opt{turns} // 0) * $TURN / $rate,
	    sprintf('all partitions have moved %.2f s after the first record',
	    $all - $first));
	cmp_ok($first - $back, '<=', $second, 'which comes within a second')
	    if $opt{turns};
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
	my $pipe;
	my ($f) = stopped(Test::Forebay::Kafka->shared, sink => 'log',
	    before => sub { $pipe = Test::Forebay::Pipe->new($_[0]) },
	    stop => sub { },
	    go => sub { $pipe->flow });

	$pipe->done;
	$f->delivered_ok(produced => $RECORDS);
};

scenario 'the broker of the sink stands still' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $other = Test::Forebay::Kafka->private;
	my $copy = $other->topic(4, output => 1);
	my ($f) = stopped($b,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$other->bootstrap],
		topic => $copy } },
	    stop => sub { $other->freeze },
	    go => sub { $other->thaw });

	# What was under way when it stopped may have been written unseen.
	$other->{journal} = $b->{journal};
	$other->delivered_ok(from => $copy, produced => $RECORDS,
	    repeated => 2 * $BUDGET / $SIZE, any_order => 1);
};

scenario 'the function that is the sink answers nothing' => sub {
	my $machine = Test::Forebay::Function::no_tools('python');
	my $why = $machine // Test::Forebay::Function::missing('python');
	my $function;

	return skip_for($why, machine => defined $machine) if $why;
	my ($f) = stopped(Test::Forebay::Kafka->shared, records => 60_000,
	    turns => 4,
	    sink => { udsink => { container => { image => 'sink' } } },
	    before => sub {
		$function = Test::Forebay::SinkFunction::start_function($_[0],
		    'sink', []);
	    },
	    stop => sub { kill('STOP', $function->{pid}) },
	    go => sub { kill('CONT', $function->{pid}) });

	$function->stop('KILL');
	$f->delivered_ok(logs => [$function->{out}], produced => 60_000);
};

done_testing();
