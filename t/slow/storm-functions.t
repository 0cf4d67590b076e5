#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Storms of random faults, two minutes each, over hosts with functions of the
# user's: of a sink, with records that may be repeated, and before a Kafka sink
# with those that may not.  FOREBAY_STORM_SEED=n has the same again.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Storm;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
Test::Forebay::Storm->need_functions;

for my $o ([atLeastOnce => 'function'], [exactlyOnce => 'kafka']) {
	my ($delivery, $sink) = @$o;

	scenario "a storm over functions, $delivery" => sub {
		my $storm = Test::Forebay::Storm->new(minutes => 2,
		    functions => 1, delivery => $delivery, sink => $sink,
		    rate => 1000, seed => $ENV{FOREBAY_STORM_SEED});

		diag("storm: seed $storm->{seed}");
		$storm->run_all;
		note($storm->{summary});
	};
}

done_testing();
