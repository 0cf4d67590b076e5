#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The functions in Rust do what the tests tell them, called without forebay.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Calls;
use Test::Forebay::Function;
use Test::Forebay::Util;

# What calls them is in Python.
Test::Forebay::Function->need('python', 'rust');

for my $role (qw(sink fallback onSuccess)) {
	scenario $role => sub {
		sink_works('rust', $role, 'sync', success => 1, nack => 1,
		    metadata => 1);
	};
}
for my $role (qw(transformer map)) {
	scenario $role => sub {
		stage_works('rust', $role, 'sync', nack => 1, metadata => 1);
	};
}
for my $mode (qw(batch stream)) {
	scenario "map, $mode" => sub { stage_works('rust', 'map', $mode) };
}
# It makes the calls of a worker, so its cost can stand beside a worker's.
scenario "the benchmark's client" => sub {
	my $f = Test::Forebay::Function->new(language => 'rust')->start;
	my $out = run_ok([Test::Forebay::Function::tonic_client(), $f->socket,
	    1200, 100]);
	my @seen = $f->seen;

	like($out, qr/^records 1200 wall [\d.]+ cpu [\d.]+$/, 'it says what it did');
	is(scalar @seen, 1200, 'the function has seen each record');
	is(length $seen[-1]{value}, 100, 'of that size');
	is($seen[-1]{retry}, '0', 'with the count of tries');
};

done_testing();
