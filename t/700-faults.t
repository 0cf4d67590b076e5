#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What breaks and goes on, on the mock cluster.
use strict;
use warnings;

use Test::Forebay::Faults;
use Test::Forebay::Scenarios;

run_on('mock');
