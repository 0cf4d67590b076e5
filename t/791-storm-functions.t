#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A quarter of a minute of a storm over functions of the user's, which are
# killed, stopped and replaced, and lose their workers.  t/slow has longer ones,
# with all other faults.  FOREBAY_STORM_SEED=n has the same again.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Storm;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
Test::Forebay::Storm->need_functions;

my $storm = Test::Forebay::Storm->new(minutes => 0.25, functions => 1,
    sink => 'function', rate => 1000, seed => $ENV{FOREBAY_STORM_SEED},
    only => [qw(kill-function stop-function hup-function kill-worker)]);

diag("storm: seed $storm->{seed}");
scenario 'a storm over functions' => sub {
	my $s = $storm;

	undef $storm;
	$s->run_all;
	note($s->{summary});
};

done_testing();
