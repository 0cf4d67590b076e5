#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A storm of random faults on records that may not be repeated: two minutes and
# a half of what t/790-storm.t does to those that may.  FOREBAY_STORM_SEED=n has
# the same again.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Storm;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;

my $storm = Test::Forebay::Storm->new(minutes => 2.5,
    delivery => 'exactlyOnce', seed => $ENV{FOREBAY_STORM_SEED});

diag("storm: seed $storm->{seed}");
scenario 'a storm, exactly once' => sub {
	my $s = $storm;

	undef $storm;
	$s->run_all;
	note($s->{summary});
};

done_testing();
