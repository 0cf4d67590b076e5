# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: exactly once.  Who reads what is committed sees each record once,
# whatever dies.  How long the repeated ones go on is FOREBAY_FAULT_SECONDS
# (20).
package Test::Forebay::ExactlyOnce;

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Test::Forebay;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# A daemon from a topic to a copy; options as for Test::Forebay, and spec of
# the sink.
sub to_copy
{
	my ($b, $topic, $copy, %opt) = @_;
	my $sink = delete $opt{to} // {};
	my $host = delete $opt{host} // {};

	return Test::Forebay->new(broker => $b, topic => $topic,
	    sink => {
		kafka => {
			brokers => [split /,/, $b->bootstrap],
			topic => $copy,
			setKey => JSON::PP::true(),
		}, %$sink },
	    host => { delivery => 'exactlyOnce', %$host }, %opt);
}

# It runs, and records flow.
sub busy
{
	my ($b, %opt) = @_;
	my $topic = $b->topic(8);
	my $copy = $b->topic(8, output => 1);
	my $rate = delete $opt{rate} // 5000;
	my $records = delete $opt{records} // {};
	my $f = to_copy($b, $topic, $copy, %opt);

	$f->start_ready(8);
	my $p = $b->producer($topic, rate => $rate, %$records);

	wait_until { $p->acked > 1000 } 'records flow';
	$f->{copy} = $copy;
	return ($f, $p);
}

sub once_ok
{
	my ($b, $f, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$b->caught_up_ok($f->{group}, @{$f->{topics}});
	return $f->delivered_ok(from => $f->{copy}, committed => 1,
	    topic => $f->{topics}[0], repeated => 0, %opt);
}

sub all_once
{
	my ($b, $f, $p, %opt) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$p->close;
	$f->await_caught_up($opt{timeout} // 60);
	$f->drain;
	return once_ok($b, $f);
}

body once_through => 'exactly once: Kafka to Kafka changes no byte', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $f = to_copy($b, $topic, $copy);

	$f->{copy} = $copy;
	$b->produce($topic, 50_000, key => 'binary', headers => 1,
	    tombstones => 10, event_time => 1_700_000_000_000, step => 7);
	$f->start->await_caught_up;
	my $rows = $b->offsets($f->{group}, $topic);

	is(scalar(grep { $_->{metadata} =~ /w=17000/ } @$rows), 4,
	    'each offset has its watermark');
	$f->drain;
	once_ok($b, $f, produced => 50_000);
	# Another start finds nothing left to do.
	$f->start;
	$b->produce($topic, 1000);
	$f->await_caught_up;
	$f->drain;
	once_ok($b, $f, produced => 51_000);
};

body once_worker_killed => 'exactly once: kill -9 of a worker every second',
    sub {
	my ($b) = @_;
	# Short transactions: most of the time one is about to be committed.
	my ($f, $p) = busy($b, workers => 2,
	    host => { transaction => { maxDelay => '5ms' } });
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
	is_soon { $f->worker_pids == 2 } 'two workers again', 90;
	is($f->group_generation, $generation, 'no rebalance');
	all_once($b, $f, $p, timeout => 120);
};

body once_master_killed => 'exactly once: kill -9 of the master', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);

	for (1 .. 3) {
		$f->kill_master;
		$f->start_ready(8);
		wait_until { ($f->status->{counters}{delivered} // 0) > 2000 }
		    'records flow again';
	}
	$f->kill_all;
	$f->start_ready(8);
	all_once($b, $f, $p, timeout => 120);
};

sub hosts_come_and_go
{
	my ($b, $times, %config) = @_;
	my ($f, $p) = busy($b, config => \%config);
	my $g = to_copy($b, $f->{topics}, $f->{copy}, group => $f->{group},
	    config => \%config);

	for (1 .. $times) {
		$g->start;
		is_soon { $f->held == 4 && $g->held == 4 } '4 and 4', 60;
		$f->drain;
		is_soon { $g->held == 8 } '8 there', 60;
		$f->start;
		is_soon { $f->held == 4 && $g->held == 4 } '4 and 4', 60;
		$g->stop;
		is_soon { $f->held == 8 } '8 here', 60;
	}
	return all_once($b, $f, $p);
}

body once_hosts => 'exactly once: hosts come and go', sub {
	hosts_come_and_go($_[0], 3);
};

# Partitions that stay are held while the generation changes.
body once_hosts_cooperative => 'exactly once: hosts come and go, step by step',
    sub {
	hosts_come_and_go($_[0], 2,
	    'partition.assignment.strategy' => 'cooperative-sticky');
};

# Partitions are taken away again before a worker has been granted them: each
# has a start offset then, and none is committed.
body once_new_group => 'exactly once: a new group, and no worker yet', sub {
	my ($b) = @_;
	my $topic = $b->topic(8);
	my $copy = $b->topic(8, output => 1);
	my ($f, $g) = map { to_copy($b, $topic, $copy, workers => 1,
	    group => "new-$topic") } 1 .. 2;
	my $harm = sub { kill('KILL', $f->worker_pids) };

	$f->start;
	wait_until {
		$harm->();
		8 == grep { $_->{state} eq 'IDLE' } values %{$f->partitions};
	} 'partitions wait for a worker';
	$g->start_only;
	is_soon { $harm->(); $f->check_alive; $g->held == 4 } 'four are there',
	    60;
	is_soon { $f->held == 4 } 'and four here', 90;
	$b->produce($topic, 10_000);
	$f->{copy} = $copy;
	$f->await_caught_up(90);
	$_->drain for $f, $g;
	once_ok($b, $f, produced => 10_000);
};

body once_broker_killed => 'exactly once: kill -9 of the broker', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b);

	for (1 .. 2) {
		my $acked = $p->acked;

		$b->halt;
		$f->{no_ledger} = 'the broker is away';
		is_soon { grep { $_->{what} eq 'broker' }
		    @{$f->status->{alarms}} } 'status says so', 60;
		$b->resume;
		delete $f->{no_ledger};
		is_soon { $p->acked > $acked + 2000 } 'records flow again',
		    120;
	}
	all_once($b, $f, $p, timeout => 180);
}, own => 1;

# All of a host stands still for longer than its session, and goes on.
sub frozen_host
{
	my ($b, $times, %config) = @_;
	my ($f, $p) = busy($b, config => \%config,
	    host => { transaction => { maxDelay => '500ms' } });
	my $g = to_copy($b, $f->{topics}, $f->{copy}, group => $f->{group},
	    config => \%config);

	$g->start;
	is_soon { $f->held == 4 && $g->held == 4 } '4 and 4', 60;
	for (1 .. $times) {
		my @pids = Test::Forebay::Util::pids_in($f->{dir});

		kill('STOP', @pids);
		my $all = is_soon { $g->held == 8 } 'the other has all', 90;

		$all &&= is_soon {
			($g->status->{counters}{delivered} // 0) > 5000
		} 'and works', 60;
		kill('CONT', @pids);
		is_soon { $f->held == 4 && $g->held == 4 } '4 and 4 again',
		    120;
	}
	$p->close;
	$f->await_caught_up(120);
	$f->drain;
	$g->drain;
	return once_ok($b, $f);
}

body once_zombie => 'exactly once: a frozen host comes back', sub {
	frozen_host($_[0], 2, 'session.timeout.ms' => 3000);
};

# A single process stands still, and the broker has given it up meanwhile.
body once_zombie_worker => 'exactly once: a frozen worker comes back', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b, workers => 2, host => {
	    workerTimeout => '60s' });
	my ($pid) = $f->worker_pids;
	my $until = time + patience(25);	# transaction.timeout.ms: 10 s

	kill('STOP', $pid);
	is_soon { time > $until } 'for longer than a transaction', 60;
	kill('CONT', $pid);
	all_once($b, $f, $p, timeout => 120);
};

body once_reload => 'exactly once: reloads', sub {
	my ($b) = @_;
	my ($f, $p) = busy($b, workers => 2);
	my $generation = $f->group_generation;
	my $end = time + seconds(20);
	my $n = 0;

	while (time < $end) {
		$f->reload_ok(sub {
			$_[0]{limits} = { readBatchSize => 400 + $n++ };
		});
		$f->check_alive;
	}
	cmp_ok($n, '>', 1, 'several rolls');
	is($f->group_generation, $generation, 'no rebalance');
	all_once($b, $f, $p);
};

sub kafka_sink
{
	my ($b, $topic) = @_;

	return { kafka => { brokers => [$b->bootstrap], topic => $topic,
	    setKey => JSON::PP::true() } };
}

sub small_topic
{
	my ($b) = @_;

	return $b->topic(4, output => 1,
	    settings => ['max.message.bytes=50000']);
}

# Small and large ones; the large ones are too large for the copy.
sub produce_mixed
{
	my ($b, $topic, $n) = @_;

	$b->produce($topic, $n, size => 200);
	$b->produce($topic, 12, size => 200_000);
	$b->produce($topic, $n, size => 200);
	return 2 * $n + 12;
}

body once_dead_letter => 'exactly once: what is refused is dead-lettered',
    sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = small_topic($b);
	my $dead = $b->topic(4, output => 1);
	my $f = to_copy($b, $topic, $copy, host => {
	    deadLetter => { topic => $dead } });

	# So that the small ones never are too large together.
	$f->edit(sub {
		$_[0]{sink}{kafka}{config} = "batch.size: 40000\n";
	});

	my $n = produce_mixed($b, $topic, 5000);

	$f->start->await_caught_up;
	is($f->status->{counters}{dead_lettered} // 'none', 12,
	    'twelve are dead-lettered');
	$f->drain;
	my $good = $b->verify(from => $copy, committed => 1);
	my $bad = $b->verify(from => $dead, committed => 1, loose => 1);

	is($good->{delivered}, $n - 12, 'all others are in the copy');
	is($bad->{delivered}, 12, 'the twelve are in the dead-letter topic');
	is($good->{repeated} + $bad->{repeated}, 0, 'repeated 0');
};

body once_drop => 'exactly once: what is refused is dropped by rule', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my $copy = small_topic($b);
	my $f = to_copy($b, $topic, $copy, to => { retryStrategy => {
	    backoff => { steps => 1, interval => '10ms' },
	    onFailure => 'drop' } });

	my $n = produce_mixed($b, $topic, 500);

	$f->start->await_caught_up;
	is($f->status->{counters}{dropped}, 12, 'twelve are dropped');
	$f->drain;
	my $good = $b->verify(from => $copy, committed => 1);

	is($good->{delivered}, $n - 12, 'all others are in the copy');
	is($good->{repeated}, 0, 'repeated 0');
};

body once_success => 'exactly once: onSuccess gets a copy of each', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my ($copy, $done) = map { $b->topic(4, output => 1) } 1 .. 2;
	my $f = to_copy($b, $topic, $copy, workers => 2,
	    to => { onSuccess => kafka_sink($b, $done) });

	$b->produce($topic, 20_000);
	$f->start;
	wait_until { $f->held == 4 } 'four are held';
	kill('KILL', $f->worker_pids);
	$f->await_caught_up;
	$f->drain;
	$f->delivered_ok(from => $_, committed => 1, produced => 20_000)
	    for $copy, $done;
};

1;
