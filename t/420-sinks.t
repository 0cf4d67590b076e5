#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What becomes of a record that a sink does not take.
use strict;
use warnings;

use Test::Forebay::Scenarios;
use Test::Forebay::Sinks;

run_on('mock');
