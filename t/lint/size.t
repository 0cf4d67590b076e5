#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A file has one subject and at most 700 lines, a function fits a screen.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my ($LINES, $BODY) = (700, 60);
my %longer = (); # path => why

for my $path (files(qr{^(?:shared|master|worker|t)/.*\.(?:[ch]|p[lm]|t)$})) {
	my $n = () = slurp($path) =~ /\n/g;
	my $most = exists $longer{$path} ? $n : $LINES;

	cmp_ok($n, '<=', $most, "$path: lines");
}

# From the name, in the first column, to the brace that ends it.  In tests a
# table may be longer.
for my $path (files(qr{^(?:shared|master|worker)/.*\.[ch]$})) {
	my ($name, $begun, @wrong);
	my $n = 0;

	for (split /\n/, slurp($path)) {
		$n++;
		($name, $begun) = ($1, $n) if /^(\w+)\(/;
		next unless /^\}$/ && defined $name;
		push @wrong, "$path:$begun: $name() has " . ($n - $begun + 1)
		    if $n - $begun + 1 > $BODY;
		undef $name;
	}
	is(join("\n", @wrong), '', "$path: no function above $BODY lines");
}

done_testing();
