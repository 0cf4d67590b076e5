#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Every header compiles by itself, without a warning.
use strict;
use warnings;

use Test::More;

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my $said = qx(make --no-print-directory headers 2>&1);
is($?, 0, 'make headers');
is($said, '', 'and there is nothing to say');

done_testing();
