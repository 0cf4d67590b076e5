#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The functions in Python do what the tests tell them, called without forebay.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Calls;
use Test::Forebay::Function;
use Test::Forebay::Util;

Test::Forebay::Function->need('python');

my %can = (success => 1, metadata => 1);

for my $mode (qw(sync async)) {
	scenario "sink, $mode" => sub { sink_works('python', 'sink', $mode, %can) };
	scenario "transformer, $mode" => sub {
		stage_works('python', 'transformer', $mode, metadata => 1);
	};
}
for my $role (qw(fallback onSuccess)) {
	scenario $role => sub { sink_works('python', $role, 'sync', %can) };
}
for my $mode (qw(sync async batch stream multiproc)) {
	scenario "map, $mode" => sub {
		stage_works('python', 'map', $mode,
		    metadata => $mode !~ /batch|stream/);
	};
}

done_testing();
