# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: something breaks.  How long the repeated ones go on is
# FOREBAY_FAULT_SECONDS (20).
package Test::Forebay::Faults;

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# What a worker may have in flight: the most that its death can repeat.
my $IN_FLIGHT = 2000;

sub busy
{
	my ($b, %opt) = @_;
	my $topic = $b->topic(8);
	my $rate = delete $opt{rate} // 5000;
	my $f = Test::Forebay->new(broker => $b, topic => $topic, %opt,
	    host => { memory => { maxRecords => $IN_FLIGHT },
		%{$opt{host} // {}} });

	$f->start_ready(8);
	my $p = $b->producer($topic, rate => $rate);

	wait_until { $p->acked > 1000 } 'records flow';
	return ($f, $p);
}

# No partition's acked offset may stand still for long.
sub all_move
{
	my ($f, $what, $timeout) = @_;
	my $before = $f->partitions;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my $now = $f->partitions;

		return !grep { ($now->{$_}{acked} // -1) <=
		    ($before->{$_}{acked} // -1) } keys %$before;
	} $what, $timeout // 10;
}

sub all_delivered
{
	my ($b, $f, $p, %opt) = @_;
	my $timeout = delete $opt{timeout} // 60;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$p->close;
	$f->await_caught_up($timeout);
	$f->drain;
	$b->caught_up_ok($f->{group});
	$f->delivered_ok(%opt);
	return;
}

body worker_killed => 'kill -9 of a worker: the others go on', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b, workers => 2);
	my $generation = $f->group_generation;
	my ($victim, $other) = $f->worker_pids;
	my $killed = time;

	kill('KILL', $victim);
	is_soon {
		my @pids = $f->worker_pids;

		return @pids == 2 && !grep { $_ == $victim } @pids;
	} 'it is replaced';
	is_soon { $f->held == 8 } 'all partitions are held again';
	all_move($f, 'all partitions move on at once', 2);
	note(sprintf('%.2f s after the kill', time - $killed));
	is(scalar(grep { $_ == $other } $f->worker_pids), 1,
	    'the other one is still there');
	is($f->group_generation, $generation, 'no rebalance');
	is($f->status->{counters}{deaths}, 1, 'the death is counted');
	all_delivered($b, $f, $p, repeated => $IN_FLIGHT);
};

body workers_killed => 'kill -9 of a worker every second', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b, workers => 3);
	my $generation = $f->group_generation;
	my $end = time + seconds(20);
	my $kills = 0;

	while (time < $end) {
		my $next = time + 1;
		my @pids = $f->worker_pids;

		kill('KILL', $pids[$kills++ % @pids]) if @pids;
		$f->check_alive;
		sleep($next - time) if $next > time;
	}
	is_soon { $f->worker_pids == 3 } 'three workers again', 90;
	is($f->group_generation, $generation, 'no rebalance');
	all_delivered($b, $f, $p, repeated => $kills * $IN_FLIGHT,
	    timeout => 120);
};

body worker_hangs => 'a worker whose loop hangs is replaced', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b, workers => 2,
	    host => { workerTimeout => '2s',
		memory => { maxRecords => $IN_FLIGHT } });
	my ($victim) = $f->worker_pids;

	kill('STOP', $victim);
	is_soon { !grep { $_ == $victim } $f->worker_pids }
	    'the watchdog has killed it';
	is_soon { $f->held == 8 } 'all partitions are held again';
	is($f->status->{counters}{hangs}, 1, 'it is counted');
	like($f->log_text, qr/worker \d+ \(pid $victim\) has no heartbeat, .*stopped by somebody; killed/,
	    'and seen that somebody had stopped it');
	all_delivered($b, $f, $p, repeated => $IN_FLIGHT);
};

# Nobody reads its standard output: that is back-pressure, not a hang.
body sink_slow => 'a worker whose sink is slow is left alone', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    host => { workerTimeout => '1s' });
	my $log = $f->{out};

	# Here and now a pipe in place of the file; both ends are ours.
	POSIX::mkfifo("$f->{dir}/fifo", 0600) or die "mkfifo: $!";
	open(my $reader, '+<', "$f->{dir}/fifo") or die "fifo: $!";
	$f->{out} = "$f->{dir}/fifo";
	$f->start_ready(4);
	my @pids = $f->worker_pids;

	$b->produce($topic, 8000);
	is_soon { ($f->status->{counters}{read} // 0) > 100 } 'it reads';
	my $until = time + patience(4);

	is_soon { time > $until } 'for a while nobody takes the lines';
	is_deeply([$f->worker_pids], \@pids, 'the same workers');
	cmp_ok($f->status->{counters}{delivered}, '<', 8000,
	    'they are waiting');
	# Copy the lines until all are committed.
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		open(my $out, '>', $log) or POSIX::_exit(1);
		$out->autoflush(1);
		while (sysread($reader, my $buf, 65536)) {
			syswrite($out, $buf);
		}
		POSIX::_exit(0);
	}
	eval { $f->await_caught_up; $f->drain; 1 } or diag($@);
	my $size = -1;

	eval {
		wait_until {
			my $was = $size;

			$size = -s $log // 0;
			return $size == $was;
		} 'the copy is complete';
	};
	kill_pid($pid);
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(produced => 8000, logs => [$log]);
};

body master_killed => 'kill -9 of the master, and a new one', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);

	$f->kill_master;
	my $started = time;

	$f->start_ready(8);
	all_move($f, 'all partitions move on');
	note(sprintf('%.2f s after the start', time - $started));
	cmp_ok(time - $started, '<', patience(5), 'soon');
	# The workers drained when the master was gone, and the ledger has
	# what they acked: nothing is read twice.
	all_delivered($b, $f, $p, repeated => 0);
}, only => 'kafka';	# a mock lets no static member come back

body all_killed => 'kill -9 of everything, and a new start', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);

	$f->kill_all;
	my $started = time;

	$f->start_ready(8);
	all_move($f, 'all partitions move on');
	note(sprintf('%.2f s after the start', time - $started));
	cmp_ok(time - $started, '<', patience(5), 'soon');
	# The ledger outlives them all.
	all_delivered($b, $f, $p, repeated => 2 * $IN_FLIGHT);
}, only => 'kafka';

sub broker_stops
{
	my ($b, $f, $secs) = @_;
	my $until = time + $secs;

	$b->halt;
	$f->{no_ledger} = 'the broker is away';
	is_soon {
		($f->http('/readyz'))[0] >= 500 &&
		    grep { $_->{what} eq 'broker' } @{$f->status->{alarms}};
	} 'status and /readyz say so';
	is(($f->http('/livez'))[0], 204, 'it is alive all the same');
	is_soon { time > $until } "the broker is gone for $secs s", $secs + 30;
	$f->check_alive;
	$b->resume;
	delete $f->{no_ledger};
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready by itself', 60;
	return;
}

body broker_gone_busy => 'the broker stops while records flow', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);

	broker_stops($b, $f, seconds(20));
	all_move($f, 'all partitions move on', 60);
	# What was in flight may come again if the group has to be joined
	# anew.
	all_delivered($b, $f, $p, repeated => 2 * $IN_FLIGHT, timeout => 120);
}, own => 1;

body broker_gone_idle => 'the broker stops while nothing flows', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$f->start_ready(4);
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready';
	broker_stops($b, $f, seconds(20));
	$b->produce($topic, 1000);
	$f->await_caught_up(120);
	$f->drain;
	$f->delivered_ok(produced => 1000);
}, own => 1;

body broker_later => 'the broker is not there at the start', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	$b->produce($topic, 1000);
	$b->halt;
	$f->start;
	is_soon { @{$f->status->{alarms}} } 'status says so';
	$b->resume;
	$f->await_caught_up(120);
	$f->drain;
	$f->delivered_ok(produced => 1000);
}, own => 1;

body dead_address => 'a dead address first in brokers', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	# Nobody listens there: the port was free a moment ago.
	my ($port) = Test::Forebay::Kafka::free_ports(1);

	pass_through($b, topics => [$topic], records => 1000,
	    bootstrap => "127.0.0.1:$port," . $b->bootstrap);
};

body commit_errors => 'the broker refuses commits for a while', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);
	my $generation = $f->group_generation;

	# OffsetCommit: coordinator loading, not available; then Fetch: not
	# the leader.
	$b->command('error 8 3 14');
	$b->command('error 8 3 15');
	$b->command('error 1 5 6');
	all_move($f, 'all partitions move on', 30);
	all_delivered($b, $f, $p);
}, only => 'mock';

body sink_errors => 'the broker refuses what the sink writes', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap],
		topic => $copy } });

	$b->produce($topic, 5000);
	# Produce: not the leader, request timed out, not enough replicas.
	$b->command("error 0 3 $_") for 6, 7, 19;
	$f->start->await_caught_up;
	$f->drain;
	$f->delivered_ok(from => $copy, produced => 5000);
}, only => 'mock';

1;
