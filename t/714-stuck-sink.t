#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Partitions are to be given away while their sink stands still, so the drain
# only ends with its deadline.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Pipe;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $IN_FLIGHT = 8000;

# Two hosts, of which the first is started; nobody takes what it delivers.
sub stuck
{
	my (%opt) = @_;
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared,
	    hosts => 2, start => 0, workers => 1, %opt,
	    # So that none has to wait for what the others have in flight.
	    host => { memory => { maxRecords => $IN_FLIGHT }, %{$opt{host}} });
	my ($f) = $load->hosts;
	my $pipe = Test::Forebay::Pipe->new($f);

	$f->start;
	$load->begin;
	wait_until {
		my $rows = $f->partitions;

		return !grep { !$_->{in_flight} } values %$rows;
	} 'records of all partitions are in flight';
	return ($load, $pipe);
}

# Some of its partitions leave, and a record of one that stays is skipped: this
# one is released at once, and the worker still has its time for the others.
scenario 'a skip meanwhile' => sub {
	my ($load, $pipe) = stuck(partitions => 4,
	    host => { drainTimeout => '20s' },
	    config => { 'partition.assignment.strategy' =>
		'cooperative-sticky' });
	my ($f, $g) = $load->hosts;
	my @pids = $f->worker_pids;
	my $of = sub { return grep { $_->{state} eq $_[0] }
	    values %{$f->partitions} };

	$g->start;
	wait_until { $of->('REVOKING') == 2 } 'two are about to leave';
	my ($stays) = $of->('HELD');
	my $name = "$stays->{topic}/$stays->{partition}\@$stays->{acked}";
	my ($status, $out, $err) = $f->cli('skip', $name);

	is($status, 0, 'a record of another one is skipped') or diag($err);
	# Longer than a worker is given beyond a deadline that is over.
	my $until = time + 5;

	wait_until { time > $until } 'a while has passed';
	is($of->('REVOKING'), 2, 'they still drain');
	is_deeply([$f->worker_pids], \@pids, 'the same worker');
	is($f->status->{counters}{hangs}, 0, 'it is not called hung');
	$pipe->flow;
	$load->await_balance;
	(delete $load->{producer})->close;
	$f->await_caught_up;
	$_->drain for $f, $g;
	$pipe->done;
	my $v = $load->{broker}->verify(topic => $load->topic,
	    logs => [map { $_->{out} } $f, $g]);

	note($v->{text});
	cmp_ok($v->{lost}, '<=', 1, 'lost: at most what was skipped');
	is($v->{$_}, 0, "$_ 0") for qw(corrupt foreign reordered);
};

done_testing();
