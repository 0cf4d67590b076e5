#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A sink that is a function in Python, on a real broker.
use strict;
use warnings;

use Test::Forebay::Function;
use Test::Forebay::Scenarios;
use Test::Forebay::SinkFunction;

Test::Forebay::Function->need('python');
run_on('kafka');
