#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A broker that answers after a second: the master goes on turning its loop.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $RTT = 1;	# seconds

# Turns that took no longer than half of an answer, and all of them.
sub turns
{
	my ($f) = @_;
	my (undef, $text) = $f->http('/metrics');
	my ($short) = $text =~
	    /^forebay_loop_seconds_bucket\{le="0\.5"\} (\d+)/m;
	my ($all) = $text =~ /^forebay_loop_seconds_count (\d+)/m;

	return ($short // -1, $all // 0);
}

scenario 'no turn of the loop takes as long as an answer' => sub {
	my $b = Test::Forebay::Mock->new;
	my $topic = $b->topic(4);

	$b->produce($topic, 1000);
	$b->command('rtt 1 ' . 1000 * $RTT);
	my $f = Test::Forebay->new(broker => $b, topic => $topic);

	# All that is asked of a broker is asked here: which topics there are,
	# where to begin, what the group has committed.
	$f->start;
	$f->await_held(4, 120);
	$f->await_caught_up(120);
	is_soon { defined $f->status->{group_watermark} }
	    'the watermark of the group has been asked for', 60;
	my ($short, $all) = turns($f);

	cmp_ok($all, '>', 100, "$all turns");
	is($all - $short, 0, 'none of them took longer than 0.5 s');
	$b->command('rtt 1 0');
	$f->drain;
	$f->delivered_ok(produced => 1000);
};

done_testing();
