#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A storm of random faults, FOREBAY_STORM_MINUTES (2) long, with functions of
# the user's if FOREBAY_STORM_FUNCTIONS is 1.  Its seed is a new one each time
# and printed; FOREBAY_STORM_SEED=n has the same again, and
# t/helper/storm --plan --seed n says what was to come when.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Kafka;
use Test::Forebay::Storm;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
Test::Forebay::Storm->need_functions if $ENV{FOREBAY_STORM_FUNCTIONS};

my @again = map { defined $ENV{"FOREBAY_STORM_\U$_"} ?
    ($_ => $ENV{"FOREBAY_STORM_\U$_"}) : () } qw(minutes seed delivery functions);
my $storm = Test::Forebay::Storm->new(@again);

diag("storm: seed $storm->{seed}");
scenario 'a storm' => sub {
	my $s = $storm;

	undef $storm;
	my $went = eval { $s->run_all; 1 };
	my $why = $@;

	note($s->{summary} // 'no summary');
	$s->finish;
	die $why unless $went;
};

done_testing();
