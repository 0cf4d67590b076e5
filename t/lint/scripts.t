#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Every script compiles, and warns of nothing.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

for my $path (files(qr{^(?:t|deps|\.ci|conf)/})) {
	next if -B $path;
	my ($first) = slurp($path) =~ /\A([^\n]*)/;
	my @check = $path =~ /\.(?:pl|pm|t)$/ || $first =~ /^#!.*\bperl/ ?
	    ($^X, '-It/lib', '-It/lint', '-wc') :
	    $first =~ m{^#!.*/(?:env )?(ba)?sh\b} ? (($1 // '') . 'sh', '-n') :
	    next;
	my $said = qx(@check '$path' 2>&1);
	is($?, 0, "$path compiles") or diag($said);
	unlike($said, qr/^(?!.* syntax OK$)./m, "$path: no warning");
}

done_testing();
