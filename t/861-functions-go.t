#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The functions in Go do what the tests tell them, called without forebay.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Calls;
use Test::Forebay::Function;
use Test::Forebay::Util;

# What calls them is in Python.
Test::Forebay::Function->need('python', 'go');

for my $role (qw(sink fallback onSuccess)) {
	scenario $role => sub {
		sink_works('go', $role, 'sync', success => 1, nack => 1,
		    metadata => 1);
	};
}
for my $role (qw(transformer map)) {
	scenario $role => sub {
		stage_works('go', $role, 'sync', nack => 1, metadata => 1);
	};
}
for my $mode (qw(batch stream)) {
	scenario "map, $mode" => sub { stage_works('go', 'map', $mode) };
}

done_testing();
