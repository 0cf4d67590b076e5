#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# cppcheck has nothing to say, where it is installed; what it is wrong about
# is in cppcheck.suppress.
use strict;
use warnings;

use lib qw(t/lint t/lib);
use Test::Forebay::Util ();
use Test::More;

my ($version) = qx(cppcheck --version 2>/dev/null) =~ /(\d+\.\d+)/;
Test::Forebay::Util::skip_all_for('cppcheck is not installed')
    unless $version;
# Others are wrong about other lines.
Test::Forebay::Util::skip_all_for("cppcheck is $version, not 2.10",
    machine => 1) if $version ne '2.10';

# Without the macros of these two it cannot read our declarations.
my ($queue) = qx(echo '#include <sys/queue.h>' | cc -E -) =~
    m{^# 1 "(/.*/sys/queue.h)"}m;
my ($jansson) = qx(echo '#include <jansson.h>' | cc -E -) =~
    m{^# 1 "(/.*/jansson.h)"}m;
my $said = qx(cppcheck -j2 --quiet --std=c11 --enable=warning,performance \\
    --library=posix --library=gnu -I. -D_GNU_SOURCE --include=$queue \\
    --include=$jansson --suppressions-list=t/lint/cppcheck.suppress \\
    shared master worker 2>&1);

is($?, 0, 'cppcheck ran');
is($said, '', 'and is content');

done_testing();
