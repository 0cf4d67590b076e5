#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# master/ and worker/ include shared/ and themselves, shared/ includes only
# shared/; and every file begins with the same headers.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my %may_include = (
	shared => qr{^shared/},
	master => qr{^(?:shared|master)/},
	worker => qr{^(?:shared|worker)/},
	t => qr{^(?:shared|master|worker|t)/},
);

# What fby.h brings along is seen already.
my %seen = map { $_ => 1 } slurp('shared/fby.h') =~ /^#include "([^"]*)"/mg;

for my $path (files(qr{^(?:shared|master|worker|t)/.*\.[ch]$})) {
	my ($folder) = $path =~ m{^(\w+)/};
	my @own = slurp($path) =~ /^#\s*include\s+"([^"]*)"/mg;
	my @wrong = grep { $_ !~ $may_include{$folder} } @own;
	is("@wrong", '', "$path includes only what it may");

	next unless $path =~ /\.c$/;
	my ($first) = slurp($path) =~ /^#\s*include\s+(\S+)/m;
	# Units have it from the header that brings cmocka along.
	like($first, qr{^"(?:shared/fby|t/unit/unit)\.h"$},
	    "$path includes shared/fby.h first");
	my $header = $path =~ s/c$/h/r;
	next if !-e $header || $seen{$header} || $path eq 'shared/fby.c';
	is($own[1], $header, "$path includes its own header second");
}

my %guards;
for my $path (files(qr{^(?:shared|master|worker|t)/.*\.h$})) {
	my ($guard) = slurp($path) =~ /^#ifndef (\w+)\n#define \1$/m;
	ok(defined $guard, "$path has a guard") or next;
	ok(!$guards{$guard}++, "$path: the guard $guard is its own");
}

done_testing();
