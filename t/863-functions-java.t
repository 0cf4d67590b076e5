#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The functions in Java do what the tests tell them, called without forebay.
use strict;
use warnings;

use Test::More;

use Test::Forebay::Calls;
use Test::Forebay::Function;
use Test::Forebay::Util;

# What calls them is in Python.
Test::Forebay::Function->need('python', 'java');

for my $role (qw(sink fallback)) {
	scenario $role => sub { sink_works('java', $role, 'sync') };
}
for my $role (qw(transformer map)) {
	scenario $role => sub { stage_works('java', $role, 'sync') };
}

done_testing();
