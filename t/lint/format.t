#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# All C looks as clang-format would have it: `make format`.
use strict;
use warnings;

use lib qw(t/lint t/lib);
use Test::Forebay::Util ();
use Test::More;
use Tree;

my ($version) = qx(clang-format --version 2>/dev/null) =~ /version (\d+)/;
Test::Forebay::Util::skip_all_for('clang-format is not installed')
    unless $version;
# Other versions have other tastes.
Test::Forebay::Util::skip_all_for("clang-format is $version, not 14",
    machine => 1) if $version != 14;

my @files = files(qr{^(?:shared|master|worker|t)/.*\.[ch]$});
my $said = qx(clang-format --dry-run @files 2>&1);
my %bad = reverse $said =~ /^((\S+?):\d+):/mg;

ok($? == 0 && ($said eq '') == !%bad, 'clang-format ran') or diag($said);
for my $path (@files) {
	ok(!$bad{$path}, "$path is formatted")
	    or diag("at $bad{$path}; make format");
}

done_testing();
