#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# No two kinds of objects carry the same magic number.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my %owner;
for my $path (files(qr{^(?:shared|master|worker)/.*\.[ch]$})) {
	my $text = code($path);
	while ($text =~ /^#\s*define\s+(\w*MAGIC)\s+\(?(0x[0-9a-fA-F]+|\d+)/mg) {
		my ($name, $value) = ($1, oct($2));
		my $other = $owner{$value};
		ok(!defined $other, "$path: $name is the only one")
		    or diag("the same as $other");
		$owner{$value} = $name;
	}
}
pass('looked at all magic numbers');

done_testing();
