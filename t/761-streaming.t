#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# spec.streaming: records are handed on one at a time and are done one by one,
# hundreds are under way, and some come back later than those behind them.
# Numaflow would commit past them; here nothing is lost, whoever is killed,
# with the C workers and with those of another language.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my ($PARTITIONS, $CONCURRENCY) = (4, 500);
my @STREAM = (spec => { streaming => JSON::PP::true() });

sub in_flight
{
	my ($f) = @_;
	my @n = sort { $b <=> $a } map { $_->{in_flight} // 0 }
	    values %{$f->partitions};

	return $n[0] // 0;
}

sub acked
{
	my $sum = 0;

	$sum += $_->{acked} // 0 for values %{$_[0]->partitions};
	return $sum;
}

sub kill_worker
{
	my ($f, $deaths) = @_;
	my ($pid) = $f->worker_pids;

	kill('KILL', $pid);
	is_soon { $f->status->{counters}{deaths} == $deaths &&
	    $f->worker_pids == 2 } 'a worker is killed, and replaced';
	return;
}

# It stands still with all that it was sent: nothing is answered, so each
# partition has as many on the way as it may, and they come back much later.
sub sink_stands_still
{
	my ($runtime) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $other = Test::Forebay::Kafka->private;
	my $topic = $b->topic($PARTITIONS);
	my $copy = $other->topic($PARTITIONS, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    runtime => $runtime, @STREAM, sink => { kafka => { setKey => JSON::PP::true(),
	    brokers => [$other->bootstrap], topic => $copy } });
	my $p = $b->producer($topic, rate => 1500);

	$f->start_ready($PARTITIONS);
	is_soon { acked($f) > 1000 } 'it streams';
	is($f->metric('monovtx_read_batch_size'), 1, 'a batch is a record');
	$other->freeze;
	is_soon { in_flight($f) > $CONCURRENCY / 2 } 'hundreds are under way';
	cmp_ok(in_flight($f), '<=', 2 * $CONCURRENCY, 'and not too many');
	kill_worker($f, 1);
	$other->thaw;
	my $before = acked($f);

	is_soon { acked($f) > $before + 1000 } 'and goes on';
	kill_worker($f, 2);
	$p->close;
	$f->await_caught_up(120);
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$other->{journal} = $b->{journal};
	$other->delivered_ok(from => $copy, topic => $topic,
	    repeated => 2 * $PARTITIONS * $CONCURRENCY, any_order => 1);
	return;
}

scenario 'the sink stands still, workers are killed: c' => sub {
	sink_stands_still('c');
};

scenario 'the sink stands still, workers are killed: python' => sub {
	if (my $why = Test::Forebay::no_python()) {
		return skip_for($why);
	}
	sink_stands_still('python');
};

# The first record of one partition is too large for the sink, and what it is
# to go to is not there: that partition stands still, with hundreds under way
# behind it, and all others stream on.
scenario 'one partition is held back' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic($PARTITIONS);
	my $copy = $b->topic($PARTITIONS, output => 1,
	    settings => ['max.message.bytes=4000']);
	my $rest = $b->unique_name('rest');
	my $f = Test::Forebay->new(broker => $b, topic => $topic, @STREAM,
	    sink => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap], topic => $copy,
		config => "batch.num.messages: 8\n" },
		fallback => { kafka => { setKey => JSON::PP::true(), brokers => [$b->bootstrap],
		    topic => $rest } },
		retryStrategy => { onFailure => 'fallback' } });

	$b->produce($topic, 1, only => 0, size => 20_000);
	my $p = $b->producer($topic, rate => 1000);

	$f->start_ready($PARTITIONS);
	my $acked = sub { $f->partitions->{"$topic/$_[0]"}{acked} };

	is_soon { $acked->($_) > 300 || return 0 for 1 .. 3; 1 }
	    'the others are done';
	is($acked->(0), 0, 'that one waits');
	kill_worker($f, 1);
	kill_worker($f, 2);
	is($acked->(0), 0, 'and still does');
	$b->create_topic($rest, 1);
	$p->close;
	$f->await_caught_up(120);
	is($f->outcomes->{fallback}, 1, 'it went elsewhere');
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok(from => [$copy, $rest], topic => $topic,
	    repeated => 3 * $PARTITIONS * $CONCURRENCY, any_order => 1);
};

# Records are handed on one by one, and done with their transaction.
scenario 'exactly once' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic($PARTITIONS);
	my $copy = $b->topic($PARTITIONS, output => 1);
	my $f = Test::Forebay->new(broker => $b, topic => $topic, @STREAM,
	    host => { delivery => 'exactlyOnce' }, sink => { kafka => { setKey => JSON::PP::true(),
	    brokers => [$b->bootstrap], topic => $copy } });
	my $p = $b->producer($topic, rate => 2000);

	$f->start_ready($PARTITIONS);
	is_soon { acked($f) > 1000 } 'it streams';
	for my $n (1, 2) {
		my $before = acked($f);

		kill_worker($f, $n);
		is_soon { acked($f) > $before + 1000 } 'and goes on';
	}
	$p->close;
	$f->await_caught_up;
	$f->drain;
	$b->delivered_ok(from => $copy, topic => $topic, committed => 1);
};

# What is under way goes on; the next records come by the new rule.
scenario 'turned on and off by a reload' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic($PARTITIONS);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);
	my $p = $b->producer($topic, rate => 5000);

	$f->start_ready($PARTITIONS);
	my @pids = $f->worker_pids;

	for my $on (1, 0, 1) {
		$f->reload_ok(sub { $_[0]{streaming} = $on ?
		    JSON::PP::true() : JSON::PP::false() },
		    $on ? 'on' : 'off');
		is($f->metric('monovtx_read_batch_size'), $on ? 1 : 500,
		    'batch size');
	}
	is_deeply([$f->worker_pids], \@pids, 'in place: the same workers');
	$p->close;
	$f->await_caught_up;
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok;
};

done_testing();
