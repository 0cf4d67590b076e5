#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# One of each kind, for `make check`, on a real broker.  The files of each
# kind have them all.
use strict;
use warnings;

use Test::Forebay::Delivery;
use Test::Forebay::Faults;
use Test::Forebay::Reload;
use Test::Forebay::Scenarios;
use Test::Forebay::Sinks;

run_on('kafka', qw(to_kafka reload_rolling on_success drop worker_killed
    master_killed));
