#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Ten times the partitions: a turn of the master's loop takes no more than ten
# times as long, and some doubt.  What grew with the square took a hundred.  And
# /metrics, in whatever form, takes no turn that is longer than all others.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $RATIO = 12;
my $METRICS = 2;
my $TRIES = 3;

# Of a first start, some looks at the ends of logs and `status`; and then of
# /metrics, too.
sub longest_turns
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

	for my $type (qw(text/plain application/openmetrics-text)) {
		my ($code, $body) = $f->http('/metrics', Accept => $type,
		    'Accept-Encoding' => 'gzip');

		is($code, 200, "$type, compressed");
		is(substr($body, 0, 2), "\x1f\x8b", 'it is');
	}
	my $metrics = $f->metric('forebay_loop_longest_seconds');

	$f->stop;
	diag(sprintf('%d partitions: longest turn %.1f ms, with /metrics '
	    . '%.1f ms', $n, 1000 * $longest, 1000 * $metrics));
	return ($longest, $metrics);
}

scenario 'turns with 500 and with 5000 partitions' => sub {
	my ($few, $many, $metrics);

	for (1 .. $TRIES) {
		my ($now_few) = longest_turns(500);
		my ($now_many, $now_metrics) = longest_turns(5000);

		# Nothing makes a turn shorter than it is.
		$few = $now_few if !defined $few || $now_few < $few;
		$many = $now_many if !defined $many || $now_many < $many;
		$metrics = $now_metrics / $now_many if !defined $metrics ||
		    $now_metrics / $now_many < $metrics;
		last if $many < $RATIO * $few && $metrics < $METRICS;
	}
	cmp_ok($many, '<', $RATIO * $few,
	    sprintf('the longest with 5000 is %.1f times that with 500',
		$many / $few));
	cmp_ok($metrics, '<', $METRICS,
	    sprintf('with /metrics it is %.1f times as long', $metrics));
};

done_testing();
