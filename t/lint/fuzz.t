#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each fuzz target builds, and its seeds pass: a function that moves or is
# given one more argument breaks a target that nothing else builds.
use strict;
use warnings;

use lib 't/lib';
use Test::Forebay::Fuzz;

fuzz(0);
