#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A sink that is a function in Python, on the mock cluster.
use strict;
use warnings;

use Test::Forebay::Function;
use Test::Forebay::Scenarios;
use Test::Forebay::SinkFunction;

Test::Forebay::Function->need('python');
run_on('mock', qw(function_sink function_diverts));
