#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Exactly once, whatever happens: what 7xx do to records that may be repeated
# is done here to records that may not.
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::ExactlyOnce;
use Test::Forebay::Kafka;
use Test::Forebay::MemoryGroup;
use Test::Forebay::Poison;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $b = Test::Forebay::Kafka->shared;

sub busy { return Test::Forebay::ExactlyOnce::busy($b, @_) }
sub all_once { return Test::Forebay::ExactlyOnce::all_once($b, @_) }

sub passes
{
	my ($seconds) = @_;
	my $until = time + $seconds;

	wait_until { time > $until } 'a while has passed', $seconds + 30;
	return;
}

# So many are gone, and what is there is there once.
sub lost_ok
{
	my ($f, $lost) = @_;
	my $v = $b->verify(from => $f->{copy}, committed => 1,
	    topic => $f->{topics}[0]);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	note($v->{text});
	is($v->{lost}, $lost, "lost $lost");
	return is($v->{$_}, 0, "$_ 0") for qw(repeated reordered corrupt foreign);
}

scenario 'partitions are added' => sub {
	my ($f, $p) = busy(config => {
		'topic.metadata.refresh.interval.ms' => 1000 });

	$b->grow_topic($f->{topics}[0], 12);
	is_soon { $f->held == 12 } 'twelve are held';
	$p->close;
	$p = $b->producer($f->{topics}[0], rate => 5000);
	wait_until { $p->acked > 2000 } 'records flow to all of them';
	all_once($f, $p);
};

scenario 'retention overtakes the reader' => sub {
	my $topic = $b->topic(4);
	my $copy = $b->topic(4, output => 1);
	my $f = Test::Forebay::ExactlyOnce::to_copy($b, $topic, $copy);

	$f->{copy} = $copy;
	$b->produce($topic, 1000);
	$f->start->await_caught_up;
	$f->drain;
	$b->produce($topic, 3000);
	$b->tool_ok('topic', 'trim', $topic, 750);
	$f->start->await_caught_up;
	is($f->status->{counters}{resets}, 4, 'each partition is counted');
	$f->drain;
	lost_ok($f, 4 * 500);
};

scenario 'the master is frozen for longer than its session' => sub {
	my ($f, $p) = busy(config => { 'session.timeout.ms' => 2000 });

	kill('STOP', $f->{pid});
	passes(4);
	kill('CONT', $f->{pid});
	is_soon { ($f->status->{counters}{lost} // 0) >= 8 }
	    'its partitions were lost';
	$f->await_held(8);
	all_once($f, $p);
};

scenario 'the kernel kills a worker' => sub {
	my $group = Test::Forebay::MemoryGroup->new;

	return skip_for('no control group of memory can be made here',
	    machine => 1) unless $group;
	my ($f, $p) = busy(workers => 2, rate => 2000,
	    records => { size => 4000 });
	my ($victim) = $f->worker_pids;

	if ($group->starve($victim)) {
		# It has to grow first: for what piles up while it sleeps.
		kill('STOP', $victim);
		passes(3);
		kill('CONT', $victim);
		is_soon { !grep { $_ == $victim } $f->worker_pids }
		    'it is gone', 120;
		$f->await_held(8);
	} else {
		skip_for('the control group takes no process', machine => 1);
	}
	all_once($f, $p);
	$group->remove;
};

scenario 'the clock jumps by an hour, and back' => sub {
	return skip_for('a sanitizer has to be the first library',
	    machine => 1) if $ENV{FOREBAY_SAN};
	my $dir = scratch();
	my $shift = sub {
		# In place: the daemon has it mapped.
		open(my $fh, '+<:raw', "$dir/now") or die "now: $!";
		syswrite($fh, pack('q<', $_[0])) or die "now: $!";
	};

	spew("$dir/now", pack('q<', 0));
	my ($f, $p) = busy(env => {
		LD_PRELOAD => build_dir() . '/t/preload/clock.so',
		FOREBAY_CLOCK_SHIFT => "$dir/now",
	});

	for my $ms (3_600_000, -3_600_000) {
		my $before = $f->status->{counters}{delivered};

		$shift->($ms);
		is_soon { $f->status->{counters}{delivered} > $before + 2000 }
		    'records flow';
	}
	all_once($f, $p);
};

scenario 'a poison pill, and a skip' => sub {
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $f = Test::Forebay::Poison::poisoned($b, $topic, '1:50',
	    workers => 1, host => { delivery => 'exactlyOnce',
		poisonPill => { kills => 1 } },
	    sink => { kafka => { brokers => [$b->bootstrap],
		topic => $copy, setKey => JSON::PP::true() } });
	my $state = sub {
		return $f->partitions->{"$topic/1"}{state} // '';
	};

	$f->{copy} = $copy;
	Test::Forebay::Poison::harm($f, 'die');
	$b->produce($topic, 200);
	$f->start;
	is_soon { $state->() eq 'QUARANTINED' } 'held back', 60;
	is(($f->cli('skip', "$topic/1\@50"))[0], 0, 'skipped');
	$f->await_caught_up;
	$f->drain;
	lost_ok($f, 1);
};

done_testing();
