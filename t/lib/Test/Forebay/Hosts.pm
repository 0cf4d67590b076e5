# SPDX-License-Identifier: Apache-2.0
#
# Scenarios: two hosts in one group, and partitions that come and go.
package Test::Forebay::Hosts;

use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Scenarios;
use Test::Forebay::Util;

# Event times of the records: so far apart from the wall clock that a mix-up
# would show.
my $START_MS = 1_700_000_000_000;
my %TIMED = (event_time => $START_MS, step => 10);

# A function that looks at the committed watermarks each time it is called,
# and one that tells what went backwards.
sub watermark_watch
{
	my ($b, $group, $topic) = @_;
	my (%best, @back);
	my $look = sub {
		my $rows = $b->offsets($group, $topic) or return;

		for my $p (0 .. $#$rows) {
			my ($ms) = $rows->[$p]{metadata} =~ /w=(\d+)/ or next;

			push @back, "$p: $ms after $best{$p}"
			    if defined $best{$p} && $ms < $best{$p};
			$best{$p} = $ms;
		}
		return;
	};

	return ($look, sub { return (\@back, \%best) });
}

body two_hosts => 'two hosts join and leave; watermarks never go back', sub {
	my ($b) = @_;
	my $topic = $b->topic(8);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);
	my $g = Test::Forebay->new(broker => $b, topic => $topic,
	    group => $f->{group});
	my ($look, $found) = watermark_watch($b, $f->{group}, $topic);
	my $until = sub {
		my ($what, $f_holds, $g_holds) = @_;

		wait_until {
			$look->();
			return (!$f->{pid} || $f->held == $f_holds) &&
			    (!$g->{pid} || $g->held == $g_holds);
		} $what, 60;
		pass($what);
	};

	$f->start_ready(8);
	my $p = $b->producer($topic, rate => 2000, %TIMED);

	wait_until { $look->(); $p->acked > 1000 } 'records flow';
	$g->start;
	$until->('the second joins: 4 and 4', 4, 4);
	is_soon {
		$look->();
		($f->status->{group_watermark} // 0) >= $START_MS &&
		    ($g->status->{group_watermark} // 0) >= $START_MS;
	} 'both know the watermark of the group';
	$f->drain;
	$until->('the first leaves: 8', 0, 8);
	$f->start;
	$until->('and comes back: 4 and 4', 4, 4);
	$g->stop;
	$until->('the second leaves: 8', 8, 0);
	$p->close;
	wait_until {
		$look->();
		$b->is_caught_up($f->{group}, $topic);
	} 'all is committed', 60;
	$f->drain;
	my ($back, $best) = $found->();

	is_deeply($back, [], 'no committed watermark has gone backwards');
	is(scalar keys %$best, 8, 'each partition has one');
	$b->caught_up_ok($f->{group}, $topic);
	# A hand-over repeats nothing; but a mock refuses all commits of a
	# group that rebalances.
	$f->delivered_ok(logs => [$f->{out}, $g->{out}],
	    repeated => $b->is_mock ? 1_000_000 : 0);
};

# A host that dies is replaced after its session; what it had not committed
# comes again.
body host_dies => 'a host dies, the other takes over', sub {
	my ($b) = @_;
	my $topic = $b->topic(4);
	my %config = ('session.timeout.ms' => 6000);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => \%config);
	my $g = Test::Forebay->new(broker => $b, topic => $topic,
	    config => \%config, group => $f->{group});

	$f->start;
	$g->start;
	wait_until { $f->held == 2 && $g->held == 2 } 'two and two', 60;
	my $p = $b->producer($topic, rate => 1000, %TIMED);

	wait_until { $p->acked > 500 } 'records flow';
	$f->kill_all;
	is_soon { $g->held == 4 } 'the other has all partitions', 60;
	$p->close;
	$g->await_caught_up;
	$g->drain;
	$b->caught_up_ok($f->{group}, $topic);
	# Half of the records of a commit interval, generously.
	$f->delivered_ok(logs => [$f->{out}, $g->{out}], repeated => 1000);
}, only => 'kafka';	# a mock never forgets a static member

body partitions_added => 'partitions are added at run time', sub {
	my ($b) = @_;
	my $topic = $b->topic(2);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    config => { 'topic.metadata.refresh.interval.ms' => 1000 });

	$f->start_ready(2);
	my $old = $b->producer($topic, rate => 1000);

	wait_until { $old->acked > 300 } 'records flow';
	$b->grow_topic($topic, 6);
	is_soon { $f->held == 6 } 'six partitions are held', 60;
	$old->close;
	$b->produce($topic, 6000);
	$f->await_caught_up;
	$f->drain;
	$b->caught_up_ok($f->{group}, $topic);
	$f->delivered_ok;
}, only => 'kafka';

1;
