#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each fuzz target for a minute, or for FUZZ_SECONDS.
use strict;
use warnings;

use lib 't/lib';
use Test::Forebay::Fuzz;

fuzz($ENV{FUZZ_SECONDS} // 60);
