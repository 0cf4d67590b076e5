#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The wall clock jumps by an hour, forward and back, while records flow.  It
# is the daemon's alone, by a preloaded library: a time namespace cannot move
# CLOCK_REALTIME, and the machine's clock is not ours to set.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $dir = scratch();
my $library = build_dir() . '/t/preload/clock.so';
skip_all_for('a sanitizer has to be the first library', machine => 1)
    if $ENV{FOREBAY_SAN};

my $HOUR = 3_600_000;

sub committed_watermarks
{
	my ($load) = @_;
	my $rows = $load->{broker}->offsets($load->group, $load->topic) // [];

	return map { /w=(\d+)/ ? $1 : () } map { $_->{metadata} } @$rows;
}

scenario 'an hour forward, and an hour back' => sub {
	my $b = Test::Forebay::Kafka->shared;
	my $shift = sub {
		# In place: the daemon has it mapped.
		open(my $fh, '+<:raw', "$dir/now") or die "now: $!";
		syswrite($fh, pack('q<', $_[0])) or die "now: $!";
	};

	spew("$dir/now", pack('q<', 0));
	my $load = Test::Forebay::Load->new($b, env => {
		LD_PRELOAD => $library,
		FOREBAY_CLOCK_SHIFT => "$dir/now",
	}, config => { 'session.timeout.ms' => 3000 });
	my ($f) = $load->hosts;
	my @pids = $f->worker_pids;
	my $generation = $f->group_generation;
	my $began = time * 1000;
	my $sane = sub {
		my ($when) = @_;
		my @w = committed_watermarks($load);
		my @wrong = grep { $_ < $began - $HOUR / 2 ||
		    $_ > time * 1000 + 10_000 } @w;

		is(scalar @w, 8, "$when: each partition has a watermark");
		# They are event time, and nobody's clock.
		is("@wrong", '', "$when: none has jumped");
	};

	cmp_ok(abs($f->status->{now} - time * 1000), '<', $HOUR / 2,
	    'the clocks agree at first');
	# Twice as far back: an hour before the beginning.
	for my $jump ([$HOUR, 'forward'], [-$HOUR, 'back']) {
		my ($ms, $name) = @$jump;

		$load->breaks;
		$shift->($ms);
		is_soon {
			abs($f->status->{now} - time * 1000 - $ms) <
			    $HOUR / 2;
		} "its clock has jumped $name";
		$load->recovers("the clock jumps $name by an hour");
		$sane->($name);
		# A heartbeat that waits for the old time costs the session.
		my $until = time + 5;

		wait_until { time > $until } 'a session has passed';
		ok($load->moves("all partitions still move: $name"),
		    'nothing waits for the old time');
		is_deeply([$f->worker_pids], \@pids, 'the same workers');
		is($f->group_generation, $generation, 'no rebalance');
	}
	# Once more from there: hand-over and respawn have timers, too.
	kill('KILL', $pids[0]);
	ok($load->moves('all partitions move after a respawn'),
	    'a worker is replaced all the same');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready';
	$load->verdict(repeated => 2 * $Test::Forebay::Load::IN_FLIGHT);
};

done_testing();
