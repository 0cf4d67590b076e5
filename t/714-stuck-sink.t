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

# Each partition that it holds moves.
sub goes_on
{
	my ($f) = @_;
	my $before = $f->partitions;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_soon {
		my $now = $f->partitions;

		return !grep { $now->{$_}{acked} <= ($before->{$_}{acked} // 0) }
		    grep { $now->{$_}{state} eq 'HELD' } keys %$now;
	} 'the other host goes on with its own';
}

# The first host's sink takes nothing all the while.  What it has to give away
# goes when the time is up, and no later than that.
scenario 'another host joins' => sub {
	my ($load, $pipe) = stuck(host => { drainTimeout => '2s' },
	    config => { 'session.timeout.ms' => 6000 });
	my ($f, $g) = $load->hosts;
	my @pids = $f->worker_pids;
	my $began = time;

	$g->start;
	is_soon { $f->held == 4 && $g->held == 4 } 'four and four', 15;
	my $took = time - $began;

	note(sprintf('stand-still: a stuck sink, a host joins: %.2f', $took));
	cmp_ok($took, '>', 2, 'the drain has had its time');
	my $again = 0;

	$again += $_ for $f->log_text =~
	    /released with (\d+) records in flight/g;
	cmp_ok($again, '>', 0, 'what was in flight then is read again');
	goes_on($g);
	is_deeply([$f->worker_pids], \@pids, 'the same worker');
	is($f->status->{counters}{$_}, 0, "$_ 0") for qw(lost hangs deaths);
	my (undef, $members) = $load->{broker}->group($load->group);

	is(scalar @$members, 2, 'nobody was thrown out of the group');
	$pipe->flow;
	(delete $load->{producer})->close;
	$f->await_caught_up;
	$_->drain for $f, $g;
	$pipe->done;
	$load->{broker}->caught_up_ok($load->group, $load->topic);
	$load->delivered_ok(repeated => $again);
};

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

# How long a drain may still take is no matter of the wall clock: told to be
# quicker than it was, the worker is in time, and nobody has to kill it.
scenario 'the clock jumps meanwhile, and it is to be quicker' => sub {
	return skip_for('a sanitizer has to be the first library',
	    machine => 1) if $ENV{FOREBAY_SAN};
	my $dir = scratch();

	spew("$dir/now", pack('q<', 0));
	my ($load, $pipe) = stuck(partitions => 4,
	    host => { drainTimeout => '60s' },
	    env => { LD_PRELOAD => build_dir() . '/t/preload/clock.so',
		FOREBAY_CLOCK_SHIFT => "$dir/now" });
	my ($f, $g) = $load->hosts;

	$g->start;
	is_soon { 4 == grep { $_->{state} eq 'REVOKING' }
	    values %{$f->partitions} } 'all are about to leave';
	# In place: the daemon has it mapped.
	open(my $fh, '+<:raw', "$dir/now") or die "now: $!";
	syswrite($fh, pack('q<', 3_600_000)) or die "now: $!";
	# Ten seconds, and not sixty.
	$f->stop;
	unlike($f->log_text, qr/was told to .* and did not/,
	    'its worker is in time');
	like($f->log_text, qr/released with \d+ records in flight/,
	    'with what was in flight then');
	$pipe->flow;
	$pipe->done;
	(delete $load->{producer})->close;
	$g->await_caught_up;
	$g->drain;
};

done_testing();
