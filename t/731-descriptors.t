#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Too few file descriptors: from the start, and taken away while it runs.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub limited
{
	my ($n, %opt) = @_;

	return Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    wrap => ['prlimit', "--nofile=$n", '--'], %opt);
}

# Whichever descriptor is the first too many: it ends with a sentence, or runs
# and says what it lacks; and does not try again in a loop.
scenario 'not enough to start' => sub {
	my %saw = (ends => 0, waits => 0);

	for my $n (map { 2 * $_ + 4 } 0 .. 7) {
		my $f = limited($n, expect_crit => 1,
		    no_ledger => 'it may hold nothing');

		$f->start_only;
		my $status = $f->await_exit(4);
		my $says = () = $f->log_text =~
		    /too many open files|descriptors/gi;

		cmp_ok($says, '>', 0, "$n: it says why") or diag($f->log_text);
		cmp_ok($says, '<', 40, "$n: $says times, not in a loop");
		$saw{$status == -1 ? 'waits' : 'ends'}++;
		is($status, 1, "$n: it exits with 1") if $status != -1;
	}
	cmp_ok($saw{ends}, '>', 0, 'some were too few to start');
	cmp_ok($saw{waits}, '>', 0, 'with others it waits for better times');
};

# A partition takes one of a worker's.
scenario 'as many as the hard limit allows' => sub {
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    wrap => ['prlimit', '--nofile=64:4000', '--']);

	$f->start_ready(1);
	for my $pid ($f->{pid}, $f->worker_pids) {
		my ($soft) = slurp("/proc/$pid/limits") =~
		    /^Max open files\s+(\d+)/m;

		is($soft, 4000, "the soft limit of $pid is the hard one");
	}
	$f->drain;
};

# Workers are started again with growing delays, not in a loop.
scenario 'not enough for a worker' => sub {
	my $f = limited(64, host => { workers => 2 });
	my $until;

	$f->start_ready(1);
	my ($victim) = $f->worker_pids;

	# Nothing is left for the master to make a worker with; nor to answer
	# us with, so it is not asked.
	run_ok(['prlimit', '--pid', $f->{pid}, '--nofile=16:64']);
	kill('KILL', $victim);
	$until = time + 5;
	wait_until { time > $until } 'a while has passed', 30;
	my $tries = () = $f->log_text =~ /Too many open files/gi;

	cmp_ok($tries, '>', 0, 'the log says what is missing');
	cmp_ok($tries, '<', 20, "$tries lines in five seconds");
	run_ok(['prlimit', '--pid', $f->{pid}, '--nofile=64:64']);
	is_soon { $f->worker_pids == 2 } 'with enough of them it goes on', 60;
	$b->produce($f->{topics}[0], 100);
	$f->await_caught_up;
	$f->drain;
	$f->delivered_ok(produced => 100);
};

# One more each time, until a reload has all that it needs.  Whichever is the
# first too many, it is applied or refused, and says which of them.
scenario 'not enough for a reload' => sub {
	my $why = Test::Forebay::no_python();

	return skip_for($why) if $why;
	# Its settings are a descriptor of their own.
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    workers => 1, runtime => 'python');
	my ($n, @said) = (10);

	$f->start_ready(1);
	do {
		my $before = $f->log_text;
		my $text;

		$f->edit(sub { $_[1]{commitInterval} = 200 + $n . 'ms' });
		run_ok(['prlimit', '--pid', $f->{pid}, '--nofile=' . ++$n . ':']);
		$f->signal('HUP');
		is_soon {
			($text) = substr($f->log_text, length $before) =~
			    /(?:notice|error) \S+: reload: (.*)/;
		} "with $n: it ends";
		push @said, $text // 'nothing';
	} until $said[-1] =~ /applied in place/ || @said > 50;
	# The process that reads the manifest takes more than all that follows.
	like("@said", qr/Too many open files|no descriptor/,
	    'as long as it lacked one it was refused');
	run_ok(['prlimit', '--pid', $f->{pid}, '--nofile=1024:']);
	is($f->status->{counters}{reloads}, 1, 'the last one is in force');
};

# The listener cannot accept: records go on, and it does not spin.
scenario 'taken away while it runs' => sub {
	my $load = Test::Forebay::Load->new($b);
	my ($f) = $load->hosts;
	my $n = () = glob "/proc/$f->{pid}/fd/*";
	my $cpu = sub {
		my ($rest) = slurp("/proc/$f->{pid}/stat") =~ /.*\) (.*)/s;
		my @fields = split / /, $rest;

		return $fields[11] + $fields[12];
	};
	my $address = $f->status->{http};

	$load->breaks;
	run_ok(['prlimit', '--pid', $f->{pid}, "--nofile=$n:"]);
	my @waiting = grep { $_ } map {
		IO::Socket::INET->new(PeerAddr => $address, Timeout => 5);
	} 1 .. 3;
	my ($before, $until) = ($cpu->(), time + 3);

	wait_until { time > $until } 'a while has passed';
	my $used = $cpu->() - $before;

	cmp_ok($used, '<', 150, "it used $used ticks of CPU in 3 s");
	close($_) for @waiting;
	run_ok(['prlimit', '--pid', $f->{pid}, '--nofile=1024:']);
	is_soon { ($f->http('/readyz'))[0] == 204 } 'it answers again';
	$load->recovers('no descriptor is left');
	$load->verdict(repeated => 0);
};

done_testing();
