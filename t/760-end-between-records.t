#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Large records that trickle in: the reader comes to the end of a partition
# all the time, and the mark of an end lies between records while the sink has
# no room.  Workers died of that.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Kafka;
use Test::Forebay::Load;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

scenario 'the end of a partition, again and again' => sub {
	my $load = Test::Forebay::Load->new(Test::Forebay::Kafka->shared,
	    rate => 8000, records => { size => 4000 });
	my ($f) = $load->hosts;
	my $until = time + seconds(12);

	wait_until { time > $until } 'a while has passed', seconds(12) + 30;
	is($f->status->{counters}{deaths}, 0, 'no worker has died');
	$load->verdict(repeated => 0);
};

done_testing();
