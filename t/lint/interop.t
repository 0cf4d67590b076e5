#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The worker in Python is an example to write others by: one file, that can be
# read in one go; and the page that it was written from tells today's ABI.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my $worker = 't/interop/worker.py';
my @lines = split /\n/, slurp($worker);
my @wide = grep { length($lines[$_ - 1]) > 88 } 1 .. @lines;

is_deeply([grep { !m{/numaflow\.py$} } files(qr{^t/interop/[^/]+\.py$})],
    [$worker], 'it is one file');
cmp_ok(scalar @lines, '<=', 300, 'of 300 lines');
is("@wide", '', 'that are not too wide');

my ($abi) = slurp('shared/boundary/proto.h') =~ /^#define FBY_ABI (\d+)/m;
is_deeply([slurp('shared/README') =~ /\b(?:ABI|abi) +(\d+)/g], [$abi, $abi],
    'shared/README tells the ABI of proto.h, twice');

done_testing();
