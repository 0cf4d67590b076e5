#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Ten times the partitions: a turn of the master's loop takes no more than ten
# times as long, and some doubt.  What grew with the square took a hundred.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $RATIO = 12;
my $TRIES = 3;

# Of a first start, some looks at the ends of logs, `status` and a stop.
sub longest_turn
{
	my ($n) = @_;
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic($n);
	my $f = Test::Forebay->new(broker => $b, topic => $topic,
	    sink => 'blackhole', host => { workers => 1 });

	$f->start;
	wait_until { $f->held == $n } "all $n are held", 90;
	$b->produce($topic, $n);
	# Each look at status is a turn of its own, or many.
	wait_until { $f->outcomes->{delivered} == $n } 'and read', 90;
	wait_until {
		!grep { !defined $_->{lag} || $_->{lag} > 0 }
		    values %{$f->partitions};
	} 'all ends are known', 90;
	my $longest = $f->metric('forebay_loop_longest_seconds');

	$f->stop;
	diag(sprintf('%d partitions: longest turn %.1f ms', $n,
	    1000 * $longest));
	return $longest;
}

scenario 'turns with 500 and with 5000 partitions' => sub {
	my ($few, $many);

	for (1 .. $TRIES) {
		my @now = map { longest_turn($_) } 500, 5000;

		# Nothing makes a turn shorter than it is.
		$few = $now[0] if !defined $few || $now[0] < $few;
		$many = $now[1] if !defined $many || $now[1] < $many;
		last if $many < $RATIO * $few;
	}
	cmp_ok($many, '<', $RATIO * $few,
	    sprintf('the longest with 5000 is %.1f times that with 500',
		$many / $few));
};

done_testing();
