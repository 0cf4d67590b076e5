#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The model of the hand-over: its whole state space without an error, and an
# error in each of its mutants.
use strict;
use warnings;

use Test::Forebay::Util;
use Test::More;

my ($spin) = grep { -x } map { "$_/spin" } split /:/, $ENV{PATH};
skip_all_for('spin is not installed') unless $spin;

my $tree = source_dir();
my $dir = scratch();
my $text = join('', map { slurp("$tree/t/model/$_.pml") }
    qw(handoff lane topic));

# The mutants are those that README names, and the model knows.
my %named = slurp("$tree/t/model/README") =~ /^ +(\d+)  (\S.*)$/mg;
my %known = map { $_ => 1 } $text =~ /wrong\((\d+)\)/g;
is_deeply([sort keys %known], [sort keys %named],
    'README and model have the same mutants');

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my ($status, $said) = run(['make', '--no-print-directory', '-C', $tree,
    'model'], timeout => patience(1200));
is($status, 0, 'make model') or diag($said);
for my $search (qw(wide deep ends topic)) {
	like($said, qr/^$search: \d+ states, .*errors: 0$/m,
	    "$search: all states, no error");
}
note($said);

for my $mutant (sort { $a <=> $b } keys %named) {
	($status, $said) = run(["$tree/t/model/check", "$dir", $mutant],
	    timeout => patience(600));
	# 2 is a search that could not be made.
	is($status, 1, "mutant $mutant is found: $named{$mutant}")
	    or diag($said);
	like($said, qr/errors: 1\n.*assertion violated/,
	    "mutant $mutant: an assertion says so") or diag($said);
}

done_testing();
