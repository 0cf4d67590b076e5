#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# clang-tidy has nothing to say: .clang-tidy is its list.
use strict;
use warnings;

use lib qw(t/lint t/lib);
use Test::Forebay::Util ();
use Test::More;
use Tree;

my ($version) = qx(clang-tidy --version 2>/dev/null) =~ /version (\d+)/;
Test::Forebay::Util::skip_all_for('clang-tidy is not installed')
    unless $version;
# Others have checks that are not in the list, and lack some that are.
Test::Forebay::Util::skip_all_for("clang-tidy is $version, not 14",
    machine => 1) if $version != 14;

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my $made = qx(make --no-print-directory compile_commands.json 2>&1);
is($?, 0, 'make compile_commands.json') or diag($made);

my @files = files(qr{^(?:shared|master|worker)/.*\.c$});
my $said = qx(printf '%s\\n' @files | \\
    xargs -P2 -n16 clang-tidy -p . --quiet 2>&1);
my @lines = $said =~ /^(.*?(?:warning|error): .*)$/mg;

is($?, 0, 'clang-tidy ran') or diag($said);
is(join("\n", @lines), '', scalar(@files) . ' files are clean');

done_testing();
